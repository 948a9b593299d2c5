"""Rows or columns of a detector that were read out without light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from soxspipe.datamodel.arrays import BoolImage


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLines:
    """A block of neighbouring rows, or columns, of the trimmed frame that holds no light.

    Attributes
    ----------
    axis : {0, 1}
        0 for rows, 1 for columns.
    first, stop : int
        The first line, and the first after the last; counted from 0.
    beside_e : float
        Light of the orders in the line beside the block, mean electrons of a pixel.
    """

    axis: Literal[0, 1]
    first: int
    stop: int
    beside_e: float

    def mark(self, image: BoolImage) -> None:
        """Set the block's pixels of an image that may be changed."""
        image[(slice(None),) * self.axis + (slice(self.first, self.stop),)] = np.True_
