"""Charge of an exposure that the next one shows again: measured where cosmic rays struck between the orders, and what it is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.frames.detrend import bad_in_masters, pedestal_level
from soxspipe.datamodel.arrays import BoolImage, FloatArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Exposure, Where
from soxspipe.numerics.robust import mad_sigma

STRUCK_E = 800.0
"""Without light a pixel holds so much only where a cosmic ray struck: ten times what scattered light and noise make."""
SPREAD_E = 80.0
"""A neighbour with more is part of the track, and no measure of the level beside it."""
BESIDE_PX = 3
"""Pixels of a row on either side that tell the level: beyond the neighbours that coupling reaches."""
MOST_SHARE = 0.1
"""A pixel that keeps more is hot, or was struck again: detectors show 2 % at most."""
LEAST_STRUCK = 20
"""Fewer pixels do not know their own scatter."""
CLIP_SIGMA = 4.0
"""By chance, one pixel in 16 000."""
ROWS_AT_ONCE = 32
"""Few enough for the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """Share of an exposure's charge that is seen in the next one, and its error."""

    share: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Afterglow:
    """What an exposure shows of the one before it.

    Attributes
    ----------
    share : float
        Of the charge.
    before : Exposure
        With all charge that its wells held, what they kept of earlier exposures included.
    masters : Masters
        Bias and dark that it still holds.
    """

    share: float
    before: Exposure
    masters: Masters

    def at(self, where: Where) -> FloatArray:
        """Electrons of some pixels, in the shape in which a frame gives them; 0 where the exposure before has no number."""
        electrons, _, flags = self.before.part(where)
        # single pixels have any number of axes, masters two
        own = self.masters.cutout(lambda image: image[where] if isinstance(where, slice) else image[where].reshape(1, -1))
        level = pedestal_level(self.before.exptime_s, own)
        charge = electrons - (level.reshape(electrons.shape) if isinstance(level, np.ndarray) else level)
        return np.asarray(self.share * np.where(flags & np.uint8(PixelFlag.NOT_FINITE), 0.0, charge))


def measure_persistence(before: Exposure, after: Exposure, masters: Masters, unlit: BoolImage) -> Persistence | None:
    """Share of the charge of one exposure that the next one shows again.

    Light falls on the same pixels in both, so it cannot tell.  Cosmic rays strike each pixel once: what the next exposure holds there
    above the pixels beside it has stayed.

    Parameters
    ----------
    before, after : Exposure
        In electrons, one after the other.
    masters : Masters
        Bias and dark that both still hold.
    unlit : ndarray of bool, shape (ny, nx)
        Pixels far enough from all orders.

    Returns
    -------
    Persistence or None
        None where too few cosmic rays struck.
    """
    usable = unlit & ~bad_in_masters(masters, before.shape)
    pieces = [
        _struck(before, after, masters, usable, slice(start, start + ROWS_AT_ONCE)) for start in range(0, before.shape[0], ROWS_AT_ONCE)
    ]
    charge, kept = (np.concatenate(values) for values in zip(*pieces, strict=True))
    use = np.abs(kept) < MOST_SHARE * charge
    if np.count_nonzero(use) < LEAST_STRUCK:
        return None
    charge, kept = charge[use], kept[use]
    left = kept - float(np.median(kept / charge)) * charge
    sigma = max(mad_sigma(left), 1e-3)
    use = np.abs(left) < CLIP_SIGMA * sigma
    power = float(np.sum(charge[use] ** 2))
    return Persistence(share=float(np.sum(charge[use] * kept[use])) / power, error=sigma / float(np.sqrt(power)))


def _struck(before: Exposure, after: Exposure, masters: Masters, usable: BoolImage, rows: slice) -> tuple[FloatArray, FloatArray]:
    """Charge of the struck pixels of some rows, and what the next exposure holds there above the pixels beside them; electrons."""
    own = masters.cutout(lambda image: image[rows])
    first, second = before.part(rows), after.part(rows)
    sound = usable[rows] & (first.flags == 0) & (second.flags == 0)
    charge = first.electrons - pedestal_level(before.exptime_s, own)
    quiet = sound & (charge < SPREAD_E)
    y, x = np.nonzero(sound & (charge > STRUCK_E))
    inside = (x >= BESIDE_PX) & (x < sound.shape[1] - BESIDE_PX)
    y, x = y[inside], x[inside]
    alone = quiet[y, x - BESIDE_PX] & quiet[y, x + BESIDE_PX]
    y, x = y[alone], x[alone]
    later = second.electrons - pedestal_level(after.exptime_s, own)
    return charge[y, x], later[y, x] - 0.5 * (later[y, x - BESIDE_PX] + later[y, x + BESIDE_PX])
