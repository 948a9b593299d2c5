"""Editing FITS files byte by byte, without the checks of a FITS library."""

from __future__ import annotations

from pathlib import Path

BLOCK = 2880


def card(keyword: str, value: str) -> bytes:
    """One card; the value's text stands as it is given."""
    name = f"HIERARCH {keyword} = " if " " in keyword else f"{keyword:<8}= "
    return (name + value).encode("latin-1").ljust(80)[:80]


def header_at(data: bytes, hdu: int = 0) -> tuple[int, int]:
    """First byte of a unit's header, and first byte after it."""
    start = 0
    for _ in range(hdu):
        start = data.index(b"XTENSION", start + BLOCK)
        while start % BLOCK:
            start = data.index(b"XTENSION", start + 1)
    end = start
    while not any(data[end + place : end + place + 8] == b"END     " for place in range(0, BLOCK, 80)):
        end += BLOCK
    return start, end + BLOCK


def set_cards(path: Path, hdu: int = 0, **cards: str | None) -> Path:
    """Give cards of a header other values (as text); ``__`` stands for a blank and ``_`` for a hyphen, None removes."""
    data = path.read_bytes()
    start, stop = header_at(data, hdu)
    lines = [data[place : place + 80] for place in range(start, stop, 80)]
    lines = [line for line in lines if line.strip()]
    assert lines.pop().startswith(b"END")
    for name, value in cards.items():
        keyword = name.replace("__", " ").replace("_", "-")
        kept = [line for line in lines if _keyword(line) != keyword]
        place = next((index for index, line in enumerate(lines) if _keyword(line) == keyword), len(kept))
        lines = kept if value is None else [*kept[:place], card(keyword, value), *kept[place:]]
    text = b"".join([*lines, b"END".ljust(80)])
    text += b" " * (-len(text) % BLOCK)
    path.unlink()
    path.write_bytes(data[:start] + text + data[stop:])
    return path


def _keyword(line: bytes) -> str:
    text = line.decode("latin-1")
    return text[9:].split("=")[0].strip() if text.startswith("HIERARCH") else text[:8].strip()
