"""ADU to electrons on the trimmed frame: orientation, trim, gain, read-noise variance, bad pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.frames.persistence import Afterglow
from soxspipe.datamodel.arrays import BoolImage, Image
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, Part, RawFrame, ReadoutPattern, Where
from soxspipe.datamodel.stored_image import Pixels, StoredImage


def orient_and_trim(adu: Image, detector: Detector) -> Image:
    """Turn a raw array into the science orientation and cut its science area out.

    Parameters
    ----------
    adu : ndarray, shape (ny_raw, nx_raw)
        As delivered.
    detector : Detector
        Quarter turns (counter-clockwise) and the area kept, in that order.

    Returns
    -------
    ndarray, shape `detector.shape`
        A view of `adu`.

    Raises
    ------
    ValueError
        If the raw array does not hold the science area.
    """
    turned = np.rot90(adu, detector.quarter_turns) if detector.quarter_turns else adu
    rows, columns = detector.row_slice, detector.column_slice
    if turned.shape[0] < rows.stop or turned.shape[1] < columns.stop:
        raise ValueError(
            f"raw frame of {turned.shape[1]} x {turned.shape[0]} px does not hold the science area up to {columns.stop} x {rows.stop} px"
        )
    return turned[rows, columns]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawExposure:
    """An exposure that is turned into electrons where they are asked for, pixel by pixel as `prepare` does it.

    Attributes
    ----------
    adu : ndarray or StoredImage of any real dtype, shape (ny, nx)
        Turned and trimmed.
    bad_pixels : ndarray of bool, shape (ny, nx)
        True for bad pixels.
    detector : Detector
        Facts; its gain and read noise are those of this exposure.
    exptime_s : float
        Time of one integration.
    integrations : float
        How many of them the exposure is the mean of.
    pattern : ReadoutPattern or None
        To be taken off, and its error to be added.
    afterglow : Afterglow or None
        Charge of the exposure before, to be taken off.
    """

    adu: Pixels
    bad_pixels: BoolImage
    detector: Detector
    exptime_s: float
    integrations: float = 1.0
    pattern: ReadoutPattern | None = None
    afterglow: Afterglow | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bad_pixels.shape

    def part(self, where: Where) -> Part:
        """Electrons, variance of read noise and pattern, and flags of some pixels."""
        adu = self.adu[where]
        electrons = np.multiply(adu, self.detector.gain_e_per_adu, dtype=np.float64)
        if self.pattern is not None:
            electrons -= self.pattern.at(where)
        if self.afterglow is not None:
            electrons -= self.afterglow.at(where)
        flags = self.bad_pixels[where] * np.uint8(PixelFlag.BAD)
        if adu.dtype.kind == "f" and not (finite := np.isfinite(adu)).all():
            flags[~finite] |= np.uint8(PixelFlag.NOT_FINITE)
            electrons[~finite] = 0.0
        if self.detector.saturation_adu is not None:
            flags |= (adu >= self.detector.saturation_adu) * np.uint8(PixelFlag.SATURATED)
        added = 0.0 if self.pattern is None else self.pattern.variance_at(where)
        return Part(electrons, self.detector.read_noise_e**2 / self.integrations + added, flags)

    def whole(self) -> Frame:
        """All of it."""
        electrons, variance, flags = self.part(slice(None))
        return Frame(
            electrons=electrons,
            variance=np.broadcast_to(variance, electrons.shape),
            flags=flags,
            exptime_s=self.exptime_s,
            integrations=self.integrations,
        )


def expose(raw: RawFrame, detector: Detector, bad_pixels: BoolImage) -> RawExposure:
    """Make a raw frame ready to give electrons.

    Parameters
    ----------
    raw : RawFrame
        ADU.
    detector : Detector
        Facts; its gain and read noise are those of this exposure.
    bad_pixels : ndarray of bool, shape (ny, nx)
        True for bad pixels of the trimmed frame.

    Raises
    ------
    ValueError
        If the raw array or the bad-pixel map has the wrong shape.
    """
    stored = raw.adu
    adu = (
        stored.through(lambda image: orient_and_trim(image, detector))
        if isinstance(stored, StoredImage)
        else orient_and_trim(stored, detector)
    )
    if bad_pixels.shape != adu.shape:
        raise ValueError(f"bad-pixel map has shape {bad_pixels.shape}, the trimmed frame {adu.shape}")
    observation = raw.observation
    return RawExposure(
        adu=adu,
        bad_pixels=_with_dead_lines(bad_pixels, raw.dead),
        detector=detector,
        exptime_s=observation.exptime_s,
        integrations=observation.integrations,
    )


def _with_dead_lines(bad_pixels: BoolImage, dead: Sequence[DeadLines]) -> BoolImage:
    """The map with the rows and columns that gave no light in this exposure; the map itself if there are none."""
    if not dead:
        return bad_pixels
    marked = np.array(bad_pixels)
    for block in dead:
        block.mark(marked)
    return marked


def prepare(raw: RawFrame, detector: Detector, bad_pixels: BoolImage) -> Frame:
    """Turn one exposure from ADU into electrons.

    The variance is that of the read noise alone (of a mean of NDIT reads, an NDIT-th of it): photon noise is counted once the bias is gone (`detrend`), from photons only.

    Parameters
    ----------
    raw, detector, bad_pixels
        As for `expose`.

    Returns
    -------
    Frame
        Electrons; pixels that are not finite are 0 and flagged.
    """
    return expose(raw, detector, bad_pixels).whole()
