"""Noise of pixels that no light reaches, against what gain, read noise and masters say it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from soxspipe.algorithms.frames.detrend import defects_of_flat, make_pedestal
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.arrays import BoolImage, FloatArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Exposure
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.numerics.made_once import once_for_each
from soxspipe.numerics.medians import quick_median
from soxspipe.numerics.packed import PackedMask, pack
from soxspipe.numerics.robust import clipped_sigma, largest_near, row_median

MARGIN_PX = 8
"""Pixels as near to an order as this may see its wings."""
MOVED_MARGIN_PX = 20
"""The slit's image was seen to move by 11 px."""
EVERY_ROW = 8
"""One row in so many is looked at, which knows the noise to 0.5 %."""
ROWS_AT_ONCE = 32
"""Bounds the memory; the result does not depend on it."""
BLOCK_PX = 64
"""Scattered light is even over so many pixels of a row."""
LEAST_PAIRS = 2000
"""Fewer pairs know the noise to no better than 2 %."""
SAME_NOISE = 0.05
"""Header and pixels agree within this share of the read noise: what a temperature drift or the rounding of a card changes."""
SURE_SIGMA = 5.0
"""The measurement must contradict the header beyond doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlitNoise:
    """What pixels without light of an exposure show.

    Attributes
    ----------
    variance : float
        Variance of one pixel of the exposure less bias and dark, electrons squared.
    error : float
        Of the variance.
    masters : float
        Part of it that the masters bring, by their own errors.
    light : float
        Scattered light, electrons.
    dark : float
        Level of the dark without bias that may have shot noise, electrons.
    hot : float
        Part of `dark` above its median: charge without doubt.
    integrations : float
        That the exposure is the mean of.
    pairs : int
        Pairs of pixels that were compared.
    """

    variance: float
    error: float
    masters: float
    light: float
    dark: float
    hot: float
    integrations: float
    pairs: int

    def read_noise_e(self, dark_share: float = 1.0) -> float:
        """Read noise of one integration, when `dark_share` of the dark's level has shot noise."""
        charge = self.light + self.hot + dark_share * (self.dark - self.hot)
        return float(np.sqrt(max((self.variance - self.masters) * self.integrations - charge, 0.0)))

    def agrees(self, read_noise_e: float, dark_share: float = 1.0) -> bool:
        """Whether the pixels show this read noise, within `SAME_NOISE` or `SURE_SIGMA` of their own error."""
        measured = self.read_noise_e(dark_share)
        own_error = 0.5 * self.error * self.integrations / max(measured, 0.5 * read_noise_e)
        return abs(measured - read_noise_e) <= max(SAME_NOISE * read_noise_e, SURE_SIGMA * own_error)


@once_for_each
def far_from_orders(geometry: Geometry) -> PackedMask:
    """True for pixels further than `MARGIN_PX` from every order; found once for all frames of a night."""
    return _away(geometry, MARGIN_PX)


@once_for_each
def far_from_moved_orders(geometry: Geometry) -> PackedMask:
    """The same further than `MOVED_MARGIN_PX`: pixels that the orders do not reach wherever the slit's image lies."""
    return _away(geometry, MOVED_MARGIN_PX)


def _away(geometry: Geometry, margin_px: int) -> PackedMask:
    lit = np.zeros(geometry.shape, dtype=bool)
    for window in cut_orders(geometry):
        lit.reshape(-1)[window.index[window.inside]] = True
    return pack(~largest_near(largest_near(lit.T, margin_px).T, margin_px))


def unlit_pixels(far: PackedMask, flat: AnyFrame | None, every_row: int = EVERY_ROW) -> BoolImage:
    """True for pixels that are `far` from every order and not defects of the flat, in one row of `every_row`; shape of the mask."""
    unlit = np.zeros(far.shape, dtype=bool)
    unlit[::every_row] = far.rows(slice(None, None, every_row))
    return np.asarray(unlit & ~defects_of_flat(flat, far.shape))


def measure_unlit_noise(exposure: Exposure, masters: Masters, unlit: BoolImage) -> UnlitNoise | None:
    """Noise of one exposure where no light falls.

    Parameters
    ----------
    exposure : Exposure
        In electrons.
    masters : Masters
        Bias and dark that it still holds.
    unlit : ndarray of bool, shape (ny, nx)
        Pixels to look at; of these the half with less scattered light is used.

    Returns
    -------
    UnlitNoise or None
        None where there are fewer than `LEAST_PAIRS` pairs of neighbours.

    Notes
    -----
    Neighbours in a row are subtracted from each other, which takes away light, level and stripes; half the clipped variance of the
    differences is the variance of a pixel.
    """
    step = ROWS_AT_ONCE * EVERY_ROW
    blocks = (slice(start, start + step, EVERY_ROW) for start in range(0, unlit.shape[0], step))
    samples = [_block_sample(exposure, masters, unlit[rows], rows) for rows in blocks]
    columns = np.concatenate(samples, axis=1)
    if columns.shape[1] < 2 * LEAST_PAIRS:
        return None
    dim = columns[:, columns[1] <= quick_median(columns[1])]
    step = dim[0]
    sigma, kept = clipped_sigma(step)
    variance = 0.5 * sigma**2
    dark = dim[3, kept]
    usual = quick_median(dark)
    return UnlitNoise(
        variance=variance,
        error=variance * float(np.sqrt(3.0 / step.size)),  # neighbouring pairs share a pixel
        masters=quick_median(dim[2, kept]),
        light=max(quick_median(dim[1, kept]), 0.0),
        dark=float(np.mean(dark)),
        hot=float(np.mean(np.maximum(dark - usual, 0.0))),
        integrations=float(exposure.integrations),
        pairs=step.size,
    )


def _block_sample(exposure: Exposure, masters: Masters, unlit: BoolImage, rows: slice) -> FloatArray:
    """Of the pairs of unlit neighbours in some rows: difference, light of their block, masters' variance, dark; shape (4, n)."""
    part = exposure.part(rows)
    pedestal = make_pedestal(exposure.exptime_s, masters.cutout(lambda image: image[rows]), part.electrons.shape)
    sound = unlit & (part.flags == 0) & ~pedestal.bad
    pair = sound[:, 1:] & sound[:, :-1]
    light = part.electrons - pedestal.electrons
    level = _block_level(light, sound)
    variance, dark = (0.5 * (image[:, 1:] + image[:, :-1]) for image in (pedestal.variance, pedestal.dark_photons))
    return np.stack([(light[:, 1:] - light[:, :-1])[pair], level[:, 1:][pair], variance[pair], dark[pair]])


def _block_level(light: FloatArray, sound: BoolImage) -> FloatArray:
    """Median of the sound pixels of each `BLOCK_PX` of a row, shape of the rows; the last block reaches to the end."""
    n = max(light.shape[1] // BLOCK_PX, 1)
    edges = np.minimum(np.arange(n + 1) * BLOCK_PX, light.shape[1])
    medians = np.stack([row_median(light[:, low:high], sound[:, low:high]) for low, high in pairwise(edges)], axis=1)
    place = np.minimum(np.arange(light.shape[1]) // BLOCK_PX, n - 1)
    return medians[:, place]
