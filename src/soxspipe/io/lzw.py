"""Decoder of Unix ``compress`` files (``.Z``), vectorised with numpy.

An entry of the code table is the string of one code plus the first byte of the next, so every string is a chain of earlier codes.
Lengths and first bytes of all chains come from pointer doubling, and the bytes are written from the last one of each string backwards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

_MAGIC = b"\x1f\x9d"
_CLEAR = 256


def decompress(data: bytes, *, limit: int, stop_after: int | None = None) -> bytes:
    """Decode a ``.Z`` file.

    Parameters
    ----------
    data : bytes
        The whole file.
    limit : int
        Most bytes that may come out.
    stop_after : int, optional
        Stop once this many bytes are known; the rest of the file is not looked at.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    ValueError
        If the data are not a ``compress`` stream, are corrupt, or unpack to more than `limit` bytes.
    """
    if len(data) < 3 or data[:2] != _MAGIC:
        raise ValueError("not a compress (.Z) stream")
    max_bits, block_mode = data[2] & 0x1F, bool(data[2] & 0x80)
    if not 9 <= max_bits <= 16:
        raise ValueError(f"codes of {max_bits} bits")
    first_free = 257 if block_mode else 256
    body = np.frombuffer(data, dtype=np.uint8, offset=3)
    pieces: list[bytes] = []
    total, position = 0, 0
    while position < body.size:
        codes, position = _read_segment(body, position, max_bits, block_mode)
        if codes.size:
            pieces.append(_expand(codes, first_free, 1 << max_bits, limit - total))
            total += len(pieces[-1])
        if stop_after is not None and total >= stop_after:
            break
    return b"".join(pieces)


def _read_segment(body: NDArray[np.uint8], position: int, max_bits: int, block_mode: bool) -> tuple[Codes, int]:
    """Codes from `position` (bytes) up to the next clear code or the end, and the position after it."""
    blocks: list[Codes] = []
    for bits in range(9, max_bits + 1):
        wanted = 256 if bits == 9 else 1 << (bits - 1)
        while True:
            n_codes = wanted if bits < max_bits else 1 << 16
            codes = _unpack(body[position : position + n_codes * bits // 8], bits)
            clear = np.flatnonzero(codes == _CLEAR)[:1] if block_mode else codes[:0]
            if clear.size:
                blocks.append(codes[: clear[0]])
                return np.concatenate(blocks), position + (int(clear[0]) // 8 + 1) * bits
            blocks.append(codes)
            position += n_codes * bits // 8
            if codes.size < n_codes:
                return np.concatenate(blocks), body.size
            if bits < max_bits:
                break
    raise AssertionError("unreachable")  # pragma: no cover


def _unpack(raw: NDArray[np.uint8], bits: int) -> Codes:
    """Codes of `bits` bits each, least significant bit first; an incomplete last one is dropped."""
    n_codes = raw.size * 8 // bits
    start = np.arange(n_codes, dtype=np.int64) * bits
    padded = np.concatenate([raw, np.zeros(3, dtype=np.uint8)]).astype(np.int64)
    byte = start >> 3
    word = padded[byte] | (padded[byte + 1] << 8) | (padded[byte + 2] << 16)
    return (word >> (start & 7)) & ((1 << bits) - 1)


def _expand(codes: Codes, first_free: int, table_size: int, limit: int) -> bytes:
    """Bytes that one table's worth of codes stands for."""
    index = np.arange(codes.size)
    literal = codes < 256
    parent = np.where(literal, index, codes - first_free)
    if np.any(parent < 0) or np.any(~literal & (parent >= index)) or np.any(codes >= table_size):
        raise ValueError("corrupt code")
    length, root = np.where(literal, 1, 2), parent
    length = np.where(literal, 0, 1)
    while True:
        step = length[root]
        if not step.any():
            break
        length, root = length + step, root[root]
    length = length + 1
    total = int(length.sum())
    if total > limit:
        raise ValueError(f"unpacks to more than {limit} bytes")
    head = codes[root]
    tail = np.where(literal, codes, head[np.where(literal, 0, parent + 1)])
    out = np.empty(total, dtype=np.uint8)
    end, node = np.cumsum(length) - 1, index
    while end.size:
        out[end] = tail[node]
        more = ~literal[node]
        node, end = parent[node[more]], end[more] - 1
    return out.tobytes()
