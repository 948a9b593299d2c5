"""Masks that are kept for long, with one bit a pixel."""

from __future__ import annotations

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
    """Pack a mask, shape (ny, nx)."""
    return PackedMask(bits=read_only(np.packbits(mask, axis=1)), columns=mask.shape[1])
