"""Share of the photons that the instrument turns into electrons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.interpolate import PchipInterpolator

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.geometry import SpectralFormat

_OPTICS_NM: Mapping[tuple[str, str], tuple[tuple[float, float], ...]] = {
    ("SOXS", "NIR"): ((760, 0.17), (850, 0.24), (1000, 0.29), (1250, 0.34), (1500, 0.36), (1700, 0.36), (1900, 0.33), (2080, 0.28)),
    ("SOXS", "VIS"): ((330, 0.10), (370, 0.16), (420, 0.22), (480, 0.29), (560, 0.34), (650, 0.35), (760, 0.32), (880, 0.25)),
    ("XSHOOTER", "UVB"): ((290, 0.05), (330, 0.12), (400, 0.22), (480, 0.26), (560, 0.24), (600, 0.2)),
    ("XSHOOTER", "VIS"): ((500, 0.16), (600, 0.26), (700, 0.3), (800, 0.29), (900, 0.24), (1050, 0.12)),
    ("XSHOOTER", "NIR"): ((960, 0.14), (1100, 0.22), (1300, 0.26), (1600, 0.3), (2000, 0.28), (2500, 0.2)),
}
"""Telescope, optics, gratings at blaze and detector together."""

_DICHROIC_NM = 1.1
"""Half width of the dichroics' flanks."""
_ECHELLE_BLAZE = 0.86
"""Width of the blaze function, in free spectral ranges."""
_ARM_CUT_NM = {("SOXS", "NIR"): (806.0, 6.0), ("XSHOOTER", "NIR"): (1018.0, 6.0)}
"""Where light of the bluer arm is taken away, and how fast."""


def instrument_efficiency(wavelength_nm: FloatArray, order: int, arm: Arm, spectral_format: SpectralFormat) -> FloatArray:
    """Efficiency of telescope, optics, grating (with its blaze) and detector, without slit and atmosphere.

    Parameters
    ----------
    wavelength_nm : ndarray
        Air.
    order : int
        Detector order number.
    arm, spectral_format
        Arms whose orders have bands (SOXS VIS) have a grating and dichroics for each; the others an echelle.
    """
    knots = np.array(_OPTICS_NM[(arm.instrument, arm.name)])
    overall = PchipInterpolator(knots[:, 0], knots[:, 1])(np.clip(wavelength_nm, knots[0, 0], knots[-1, 0]))
    if arm.bands:
        return np.asarray(overall * _band(wavelength_nm, spectral_format[order].clean_nm))
    centre = np.median([entry.order * np.mean(entry.full_nm) for entry in spectral_format.orders[:-1]]) / order
    blaze = np.sinc(_ECHELLE_BLAZE * order * (wavelength_nm - centre) / wavelength_nm) ** 2
    cut = _ARM_CUT_NM.get((arm.instrument, arm.name))
    if cut is not None:
        overall = overall * _logistic((wavelength_nm - cut[0]) / cut[1])
    return np.asarray(overall * blaze)


def _band(wavelength_nm: FloatArray, limits_nm: tuple[float, float]) -> FloatArray:
    """A grating's broad blaze between two dichroic edges."""
    low, high = limits_nm
    blaze = np.sinc(0.62 * 2.0 * (wavelength_nm - 0.5 * (low + high)) / (high - low)) ** 2
    edges = _logistic((wavelength_nm - low) / _DICHROIC_NM) * _logistic((high - wavelength_nm) / _DICHROIC_NM)
    return np.asarray(np.clip(blaze, 0.02, None) * edges)


def _logistic(x: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0))))
