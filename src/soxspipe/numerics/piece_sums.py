"""Sums of products over the pixels of each piece of a spline: what normal matrices are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.splines import SplineSpace

ROOM = 32
"""As many as make a small matrix product worth its call."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelBlocks:
    """Pixels sorted by piece, those of a piece side by side in whole blocks of `ROOM`, so that small matrix products sum over them.

    Attributes
    ----------
    source : ndarray of int, shape (n_blocks * ROOM,)
        Pixel at each place.
    filled : ndarray, shape (n_blocks * ROOM,)
        1 where there is a pixel, 0 where the block has room left.
    n_blocks, first : ndarray of int, shape (n_pieces,)
        Blocks of each piece, and the first of them.
    """

    source: IntArray
    filled: FloatArray
    n_blocks: IntArray
    first: IntArray


def pixel_blocks(piece: IntArray, n_pieces: int, chosen: IntArray | None = None) -> PixelBlocks:
    """Sort pixels by their piece, shape (n,), 0 <= piece < n_pieces; all of them or the `chosen` ones (indices)."""
    piece = piece if chosen is None else piece.take(chosen)
    count = np.bincount(piece, minlength=n_pieces)
    n_blocks = np.maximum(-(-count // ROOM), 1)
    first = np.cumsum(n_blocks) - n_blocks
    narrow = piece.astype(np.uint16) if n_pieces < 1 << 16 else piece  # radix sort is for short numbers
    place = np.arange(piece.size) + np.repeat(first * ROOM - (np.cumsum(count) - count), count)
    n_places = int(first[-1] + n_blocks[-1]) * ROOM
    source, filled = np.zeros(n_places, dtype=np.int64), np.zeros(n_places)
    rank = np.argsort(narrow, kind="stable")
    source[place] = rank if chosen is None else chosen.take(rank)
    filled[place] = 1.0
    return PixelBlocks(source=source, filled=filled, n_blocks=n_blocks, first=first)


def spline_products(space: SplineSpace, blocks: PixelBlocks, columns: Sequence[FloatArray], weight: FloatArray) -> FloatArray:
    """Weighted sums of all products of two columns for every piece, the first columns standing for the values of the splines.

    Parameters
    ----------
    space : SplineSpace
        The splines.
    blocks : PixelBlocks
        Pixels by piece.
    columns : sequence of ndarray, shape (n,)
        m columns, the first of which are 1, t, t^2, ... up to the degree, all times one and the same factor if need be.
    weight : ndarray, shape (n,)
        Not negative.

    Returns
    -------
    ndarray, shape (n_pieces, m - 1, m)
        As `piece_products`, with the values of the splines (times that factor) in the place of the powers of t.
    """
    width = space.degree + 1
    sums = piece_products(blocks, columns, weight)
    sums[:, :width] = space.powers @ sums[:, :width]
    sums[:, :, :width] = sums[:, :, :width] @ space.powers.transpose(0, 2, 1)
    return sums


def piece_products(blocks: PixelBlocks, columns: Sequence[FloatArray], weight: FloatArray) -> FloatArray:
    """Weighted sums of all products of two columns, for every piece.

    Parameters
    ----------
    blocks : PixelBlocks
        Pixels by piece.
    columns : sequence of ndarray, shape (n,)
        m columns of finite values.
    weight : ndarray, shape (n,)
        Not negative.

    Returns
    -------
    ndarray, shape (n_pieces, m - 1, m)
        Element (p, i, j) sums weight x column i x column j; the last column is multiplied with the others alone.
    """
    if not weight.size:
        return np.zeros((blocks.first.size, len(columns) - 1, len(columns)))
    root = np.sqrt(weight.take(blocks.source))
    root *= blocks.filled
    table = np.empty((len(columns), root.size))
    for row, column in zip(table, columns, strict=True):
        column.take(blocks.source, out=row, mode="clip")
        row *= root
    block = table.reshape(len(columns), -1, ROOM).transpose(1, 0, 2)
    sums = block[:, :-1] @ block.transpose(0, 2, 1)
    if sums.shape[0] == blocks.first.size:
        return sums
    total = sums[blocks.first]
    for more in range(1, int(blocks.n_blocks.max())):
        longer = np.flatnonzero(blocks.n_blocks > more)
        total[longer] += sums[blocks.first[longer] + more]
    return total
