"""FITS header blocks → cards.

Reading is forgiving, since headers come from everywhere: a card that breaks the rules keeps its text as value or is left out, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from soxspipe.datamodel.provenance import Card, CardValue

_STRING = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:/(.*))?")
_OTHER = re.compile(r"([^/]*)(?:/(.*))?")
_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([EeDd][+-]?\d+)?")
_COMMENTARY = ("COMMENT", "HISTORY", "")


class Header:
    """Cards of one header, in file order; of a keyword that occurs twice the first counts."""

    __slots__ = ("_values", "cards")

    def __init__(self, cards: tuple[Card, ...]) -> None:
        self.cards = cards
        self._values: dict[str, CardValue] = {}
        for keyword, value, _ in cards:
            if keyword not in _COMMENTARY:
                self._values.setdefault(keyword.upper(), value)

    def get(self, keyword: str, default: Any = None) -> Any:
        """Value of a keyword; `default` if it is absent or undefined."""
        value = self._values.get(keyword.upper())
        return default if value is None else value

    def __contains__(self, keyword: str) -> bool:
        return keyword.upper() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)


def parse_header(block: bytes) -> Header:
    """Parse header blocks.

    Parameters
    ----------
    block : bytes
        Whole cards of 80 bytes up to and including END; bytes that are not printable ASCII become ``?``.

    Returns
    -------
    Header
    """
    text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in block) if not _is_plain(block) else block.decode("ascii")
    cards: list[Card] = []
    for start in range(0, len(text) - 79, 80):
        line = text[start : start + 80]
        keyword, field = _split(line)
        if keyword == "END":
            break
        if keyword == "CONTINUE":
            _continue(cards, line[8:])
        elif field is not None:
            cards.append((keyword, *_parse_value(field)))
        elif keyword in _COMMENTARY and line[8:].strip():
            cards.append((keyword, line[8:].rstrip(), ""))
    return Header(tuple(cards))


def _is_plain(block: bytes) -> bool:
    return block.isascii() and block.decode("ascii").isprintable()


def _split(line: str) -> tuple[str, str | None]:
    """Keyword and value field of a card; the field is None where the card has no value."""
    if line.startswith("HIERARCH "):
        keyword, equals, field = line[9:].partition("=")
        return " ".join(keyword.split()), field if equals else None
    keyword = line[:8].rstrip()
    return keyword, line[10:] if line[8:10] == "= " and keyword not in _COMMENTARY else None


def _parse_value(field: str) -> tuple[CardValue, str]:
    """Value and comment of a value field."""
    string = _STRING.match(field)
    if string:
        return string.group(1).replace("''", "'").rstrip(), (string.group(2) or "").strip()
    match = _OTHER.match(field)
    text, comment = (match.group(1).strip(), (match.group(2) or "").strip()) if match else (field.strip(), "")
    return _plain_value(text), comment


def _plain_value(text: str) -> CardValue:
    if not text:
        return None
    if text in ("T", "F"):
        return text == "T"
    if _INTEGER.fullmatch(text) and len(text) < 40:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.upper().replace("D", "E"))
    return text


def _continue(cards: list[Card], field: str) -> None:
    """Append a CONTINUE card to the string before it."""
    match = _STRING.match(field)
    if not cards or not match:
        return
    keyword, value, comment = cards[-1]
    if isinstance(value, str) and value.endswith("&"):
        more = match.group(1).replace("''", "'").rstrip()
        cards[-1] = (keyword, value[:-1] + more, " ".join(part for part in (comment, (match.group(2) or "").strip()) if part))
