"""ADU to electrons on the trimmed frame: orientation, trim, gain, read-noise variance, bad pixels."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FlagArray, Image
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame


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


def prepare(raw: RawFrame, detector: Detector, bad_pixels: BoolImage) -> Frame:
    """Turn one exposure from ADU into electrons.

    The variance is that of the read noise alone: photon noise is counted once the bias is gone (`detrend`), from photons only.

    Parameters
    ----------
    raw : RawFrame
        ADU.
    detector : Detector
        Facts; its gain and read noise are those of this exposure.
    bad_pixels : ndarray of bool, shape (ny, nx)
        True for bad pixels of the trimmed frame.

    Returns
    -------
    Frame
        Electrons; pixels that are not finite are 0 and flagged.

    Raises
    ------
    ValueError
        If the raw array or the bad-pixel map has the wrong shape.
    """
    adu = orient_and_trim(raw.adu, detector)
    if bad_pixels.shape != adu.shape:
        raise ValueError(f"bad-pixel map has shape {bad_pixels.shape}, the trimmed frame {adu.shape}")
    electrons = adu.astype(np.float64)
    flags = _raw_flags(electrons, detector, bad_pixels)
    electrons *= detector.gain_e_per_adu
    electrons[(flags & PixelFlag.NOT_FINITE) != 0] = 0.0
    variance = np.broadcast_to(np.float64(detector.read_noise_e**2), adu.shape)
    return Frame(electrons=electrons, variance=variance, flags=flags, exptime_s=raw.observation.exptime_s)


def _raw_flags(adu: Image, detector: Detector, bad_pixels: BoolImage) -> FlagArray:
    flags = np.where(bad_pixels, np.uint8(PixelFlag.BAD), np.uint8(0))
    flags[~np.isfinite(adu)] |= np.uint8(PixelFlag.NOT_FINITE)
    if detector.saturation_adu is not None:
        flags[adu >= detector.saturation_adu] |= np.uint8(PixelFlag.SATURATED)
    return flags
