"""Encoder of ``.Z`` files, written from the description of the format."""

from __future__ import annotations


def compress(data: bytes, max_bits: int = 16, *, clear_every: int | None = None) -> bytes:
    """Encode in block mode; `clear_every` codes the table is cleared, as `compress` does when it stops helping."""
    codes: list[int | None] = []
    table = {bytes([value]): value for value in range(256)}
    free, string, emitted = 257, b"", 0
    for value in data:
        longer = string + bytes([value])
        if longer in table:
            string = longer
            continue
        codes.append(table[string])
        emitted += 1
        if free < 1 << max_bits:
            table[longer] = free
            free += 1
        string = bytes([value])
        if clear_every is not None and emitted >= clear_every:
            codes.append(None)
            table = {bytes([literal]): literal for literal in range(256)}
            free, emitted = 257, 0
    if string:
        codes.append(table[string])
    return bytes([0x1F, 0x9D, 0x80 | max_bits]) + _pack(codes, max_bits)


def _pack(codes: list[int | None], max_bits: int) -> bytes:
    """Codes as bits, least significant first, widening as the table grows; a clear code fills its group of eight up."""
    out, bits, in_width = bytearray(), 9, 0
    group: list[int] = []

    def flush(full: bool) -> None:
        number = sum(code << (bits * place) for place, code in enumerate(group))
        out.extend(number.to_bytes(bits if full else -(-len(group) * bits // 8), "little"))
        group.clear()

    for code in codes:
        group.append(256 if code is None else code)
        in_width += 1
        if code is None:
            flush(full=True)
            bits, in_width = 9, 0
        elif len(group) == 8:
            flush(full=True)
        if in_width == (256 if bits == 9 else 1 << (bits - 1)) and bits < max_bits:
            bits, in_width = bits + 1, 0
    if group:
        flush(full=False)
    return bytes(out)
