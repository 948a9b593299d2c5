"""Bands of telluric absorption, and how the depth of unresolved lines grows with their amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Interval of wavelengths (nm, air) in which one species absorbs most, and what part of the depth is water's besides.

    `water` is a rough expectation for 2 to 3 mm; it is 0 where water takes less than a per cent, as in the bands of oxygen in the visual.
    """

    species: str
    start_nm: float
    stop_nm: float
    water: float = 0.0

    @property
    def water_share(self) -> float:
        """Part of the depth that is water's."""
        return 1.0 if self.species == "H2O" else self.water

    @property
    def is_mixed(self) -> bool:
        """Whether water and another gas share the band."""
        return 0.0 < self.water_share < 1.0


BANDS = (
    Band(species="O2", start_nm=627.5, stop_nm=633.0),
    Band(species="H2O", start_nm=645.0, stop_nm=660.5),
    Band(species="O2", start_nm=685.5, stop_nm=695.0),
    Band(species="H2O", start_nm=695.0, stop_nm=708.0),
    Band(species="H2O", start_nm=708.0, stop_nm=742.0),
    Band(species="O2", start_nm=758.0, stop_nm=772.0),
    Band(species="H2O", start_nm=784.0, stop_nm=807.0),
    Band(species="H2O", start_nm=807.0, stop_nm=851.0),
    Band(species="H2O", start_nm=885.0, stop_nm=930.0),
    Band(species="H2O", start_nm=930.0, stop_nm=995.0),
    Band(species="H2O", start_nm=1078.0, stop_nm=1160.0),
    Band(species="H2O", start_nm=1160.0, stop_nm=1238.0),
    Band(species="O2", start_nm=1245.0, stop_nm=1288.0, water=0.2),
    Band(species="H2O", start_nm=1290.0, stop_nm=1560.0),
    Band(species="CO2", start_nm=1560.0, stop_nm=1592.0, water=0.2),
    Band(species="CO2", start_nm=1592.0, stop_nm=1622.0, water=0.2),
    Band(species="CH4", start_nm=1622.0, stop_nm=1702.0, water=0.3),
    Band(species="H2O", start_nm=1702.0, stop_nm=1785.0),
    Band(species="H2O", start_nm=1785.0, stop_nm=1990.0),
    Band(species="CO2", start_nm=1990.0, stop_nm=2034.0, water=0.2),
    Band(species="CO2", start_nm=2034.0, stop_nm=2084.0, water=0.2),
)
"""Where which species absorbs most; limits where the depth of the model atmosphere falls below half a per cent (air mass 2, 6 mm)."""
WELL_MIXED = ("O2", "CO2", "CH4")


def band_index(wavelength_nm: FloatArray) -> IntArray:
    """Number of the band in `BANDS` that holds each wavelength, -1 outside; shape of the input."""
    index = np.full(np.shape(wavelength_nm), -1, dtype=np.int64)
    for number, band in enumerate(BANDS):
        index[(wavelength_nm >= band.start_nm) & (wavelength_nm < band.stop_nm)] = number
    return index


def random_band_depth(depth: FloatArray, ratio: FloatArray | float, saturation: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Optical depth of unresolved lines when their amount changes by a factor, and its derivative with the first depth.

    Parameters
    ----------
    depth : ndarray, any shape
        At the first amount; noise may make it negative, where it scales in proportion.
    ratio : float or ndarray
        Second amount over first.
    saturation : float or ndarray
        Depth at which lines begin to saturate (beta of Malkmus' model); infinity is proportional.
    """
    positive = np.maximum(depth, 0.0)
    root = np.sqrt(1.0 + 2.0 * (positive + positive**2 / (2.0 * saturation)) * ratio / saturation)
    grown = np.where(depth > 0, saturation * (root - 1.0), depth * ratio)
    return grown, ratio * (1.0 + positive / saturation) / root
