"""Masks that are kept for long, with one bit a pixel."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage, read_only


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedMask:
    """A mask that takes an eighth of its memory, and is unpacked some rows at a time.

    Attributes
    ----------
    bits : ndarray of uint8, shape (ny, ceil(nx / 8))
        Eight pixels of a row in each number.
    columns : int
        Length of a row.
    """

    bits: NDArray[np.uint8]
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the mask."""
        return self.bits.shape[0], self.columns

    def rows(self, rows: slice) -> BoolImage:
        """Some rows of the mask, to be changed at will."""
        return np.unpackbits(self.bits[rows], axis=1, count=self.columns).view(bool)


def pack(mask: BoolImage) -> PackedMask:
    """Pack a mask, shape (ny, nx).

    The bits lie in a map of their own: among arrays that come and go, what stays keeps the memory around it from being given back.
    """
    packed = np.packbits(mask, axis=1)
    bits = np.frombuffer(mmap.mmap(-1, max(packed.size, 1)), np.uint8)[: packed.size].reshape(packed.shape)
    bits[:] = packed
    return PackedMask(bits=read_only(bits), columns=mask.shape[1])
