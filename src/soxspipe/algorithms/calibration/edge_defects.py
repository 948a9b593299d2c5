"""Bad pixels and bad columns of the detector under the edge of a slit's image."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.robust import largest_near

BLUR_PX = 1.5
"""Further from an edge than this a pixel is wholly within or beyond the slit: its image is blurred by half a pixel."""
ODD_SHARE = 0.25
"""A pixel that lacks so much of its light, or has so much too much, is not a sound one; responses scatter by 1 %."""
BAD_COLUMN_ROWS = 16
"""So many odd pixels in one column of the detector make it a bad one; cosmic rays and single defects are fewer.  Along an edge so many pixels of
one stretch tell the response of a column that the edge touches and never leaves behind, or that is bad from there on."""
BAD_COLUMN_STRETCH = 64
"""Rows of a stretch: an edge takes some two hundred to cross a column where it runs along it."""
BAD_STRETCHES = 2
"""Stretches to either side of a bad one that are left out as well: there the edge lights less than half of the column, or it begins to be bad."""
LARGEST_BAD_SHARE = 0.15
"""More of an edge is never beside bad columns; it is not yet where it was guessed, and columns cannot be judged by it."""


def without_defects(share: FloatArray, tolerance: FloatArray, beyond_px: FloatArray, pixel: IntArray) -> FloatArray:
    """Share of the light in pixels about an edge, defects given the share that their place has; NaN where a defect lies on the edge.

    Parameters
    ----------
    share : ndarray, shape (n, m)
        Light of the pixels, 0 outside and 1 within the slit.
    tolerance : ndarray, shape (n,)
        Deviation in each row that noise can make.
    beyond_px : ndarray, shape (n, m)
        Distance of the pixels from the edge, outwards.
    pixel : ndarray of int, shape (n, m)
        Slit-axis pixel of the frame: a bad column of the detector, along which an edge runs for hundreds of pixels, is one of them.
    """
    clear = np.abs(beyond_px) > BLUR_PX
    expected = np.where(np.isfinite(share), beyond_px < 0, np.nan)
    odd = clear & (np.abs(share - expected) > np.maximum(ODD_SHARE, tolerance[:, None]))
    column = pixel - int(pixel.min())
    bad = np.bincount(column[odd], minlength=int(column.max()) + 1) > BAD_COLUMN_ROWS
    along = _bad_along_edge(share, beyond_px, column, ~clear & (beyond_px <= 0) & np.isfinite(share))
    return np.where(odd, expected, np.where((bad[column] | along) & ~clear, np.nan, share))


def _bad_along_edge(share: FloatArray, beyond_px: FloatArray, column: IntArray, use: BoolArray) -> BoolArray:
    """Pixels of columns of the detector that hold too little or too much light in stretches of `BAD_COLUMN_STRETCH` rows.

    Pixels in `use`, of which the edge lights half or more, tell; their neighbours along the column are as bad.
    """
    stretch = (np.arange(column.shape[0]) // BAD_COLUMN_STRETCH)[:, None]
    shape = int(column.max()) + 1, int(stretch[-1, 0]) + 1
    place = column * shape[1] + stretch
    lit = np.clip(0.5 - beyond_px, 0.0, 1.0)
    wanted, held = (np.bincount(place[use], weights=values[use], minlength=shape[0] * shape[1]) for values in (lit, share))
    many = np.bincount(place[use], minlength=shape[0] * shape[1]) > BAD_COLUMN_ROWS
    bad = many & (np.abs(held - wanted) > ODD_SHARE * wanted)
    if (bad[place] & use).any(axis=1).mean() > LARGEST_BAD_SHARE:
        return np.zeros(place.shape, dtype=bool)
    return np.asarray(largest_near(bad.reshape(shape), BAD_STRETCHES).reshape(-1)[place])
