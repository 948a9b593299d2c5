"""Sums of products over the pixels of each piece of a spline: what normal matrices are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.splines import SplineSpace
from soxspipe.datamodel.arrays import FloatArray, IntArray

ROOM = 32


def spline_products(space: SplineSpace, piece: IntArray, columns: Sequence[FloatArray], weight: FloatArray) -> FloatArray:
    """Weighted sums of all products of two columns for every piece, the first columns standing for the values of the splines.

    Parameters
    ----------
    space : SplineSpace
        The splines.
    piece : ndarray of int, shape (n,)
        Piece of each pixel.
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
    sums = piece_products(piece, columns, weight, space.n_pieces)
    sums[:, :width] = space.powers @ sums[:, :width]
    sums[:, :, :width] = sums[:, :, :width] @ space.powers.transpose(0, 2, 1)
    return sums


def piece_products(piece: IntArray, columns: Sequence[FloatArray], weight: FloatArray, n_pieces: int) -> FloatArray:
    """Weighted sums of all products of two columns, for every piece.

    The pixels of a piece are put side by side in blocks of `ROOM`, so that one small matrix product per block makes all sums at once.

    Parameters
    ----------
    piece : ndarray of int, shape (n,)
        Piece of each pixel, 0 <= piece < n_pieces; quickest where pixels of a piece are neighbours.
    columns : sequence of ndarray, shape (n,)
        m columns of finite values.
    weight : ndarray, shape (n,)
        Not negative.
    n_pieces : int
        Number of pieces.

    Returns
    -------
    ndarray, shape (n_pieces, m - 1, m)
        Element (p, i, j) sums weight x column i x column j; the last column is multiplied with the others alone.
    """
    if not piece.size:
        return np.zeros((n_pieces, len(columns) - 1, len(columns)))
    count = np.bincount(piece, minlength=n_pieces)
    blocks = np.maximum(-(-count // ROOM), 1)
    first_block = np.cumsum(blocks) - blocks
    n_blocks = int(first_block[-1] + blocks[-1])
    # the pieces follow each other, each rounded up to whole blocks
    narrow = piece.astype(np.uint16) if n_pieces < 1 << 16 else piece  # radix sort is for short numbers
    order = np.argsort(narrow, kind="stable")
    place = np.arange(piece.size) + np.repeat(first_block * ROOM - (np.cumsum(count) - count), count)
    source, root = np.zeros(n_blocks * ROOM, dtype=np.int64), np.zeros(n_blocks * ROOM)
    source[place] = order
    root[place] = np.sqrt(weight.take(order))
    table = np.empty((len(columns), n_blocks * ROOM))
    for row, column in zip(table, columns, strict=True):
        column.take(source, out=row, mode="clip")
        row *= root
    block = table.reshape(len(columns), n_blocks, ROOM).transpose(1, 0, 2)
    sums = block[:, :-1] @ block.transpose(0, 2, 1)
    if n_blocks == n_pieces:
        return sums
    total = sums[first_block]
    for more in range(1, int(blocks.max())):
        longer = np.flatnonzero(blocks > more)
        total[longer] += sums[first_block[longer] + more]
    return total
