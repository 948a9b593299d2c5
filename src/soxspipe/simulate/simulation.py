"""What a simulation needs of an instrument, and what it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.calibrations import ExtinctionCurve, StandardStar
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.geometry import SpectralFormat
from soxspipe.simulate.optics import OpticalModel
from soxspipe.simulate.telluric import TelluricSpecies

Score: TypeAlias = dict[str, Any]
"""A tree of figures: numbers by name, groups of numbers by name, None where there is nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """What is true of the instrument and the sky, whatever the scene.

    Attributes
    ----------
    arm : Arm
        The arm.
    detector : Detector
        Unbinned; gain and read noise of the detector file.
    raw_shape : tuple of int
        Rows and columns of an unbinned raw frame, before rotation.
    pixel_um : float
        Pixel size.
    optics : OpticalModel
        Where light falls.
    spectral_format : SpectralFormat
        Wavelength limits of the orders.
    extinction : ExtinctionCurve
        Of the site.
    telluric : TelluricSpecies
        Absorption of the air's molecules.
    sky_line_nm : ndarray, shape (m,)
        Emission lines, nm in air.
    sky_line_photons : ndarray, shape (m,)
        Photons s-1 cm-2 arcsec-2.
    target : StandardStar or None
        Spectrum of the target, for targets `standard` and `file`.
    pointing_deg : tuple of float
        Right ascension and declination, for the headers.
    arc_line_nm : ndarray, shape (k,)
        Lines of the arc lamps, nm in air; empty where they are not known.
    arc_line_ion : tuple of str
        Their ions (``ArI``, ``UNK``).
    pinholes_arcsec : ndarray, shape (p,)
        Slit positions of the pinholes of the mask.
    """

    arm: Arm
    detector: Detector
    raw_shape: tuple[int, int]
    pixel_um: float
    optics: OpticalModel
    spectral_format: SpectralFormat
    extinction: ExtinctionCurve
    telluric: TelluricSpecies
    sky_line_nm: FloatArray
    sky_line_photons: FloatArray
    target: StandardStar | None = None
    pointing_deg: tuple[float, float] = (246.0, -39.2)
    arc_line_nm: FloatArray = field(default_factory=lambda: np.zeros(0))
    arc_line_ion: tuple[str, ...] = ()
    pinholes_arcsec: FloatArray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MasterImage:
    """A master calibration: values, 1-sigma errors and quality (1 is bad), each of the trimmed shape; exposure time in s."""

    value: Image
    error: Image
    bad: Image
    exptime_s: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """The truth of an observation.

    Attributes
    ----------
    header : mapping
        Scalars of the scene, by keyword.
    orders, source : mapping of str to ndarray
        Columns of the two tables.
    images : mapping of str to ndarray
        Images of the trimmed, binned frame, mean exposure.
    """

    header: Mapping[str, str | int | float | bool]
    orders: Mapping[str, FloatArray]
    source: Mapping[str, FloatArray]
    images: Mapping[str, Image]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeliveredMap:
    """The calibration of the geometry as the pipeline gets it (with its errors).

    Attributes
    ----------
    wavelength_nm, slit_arcsec, order : ndarray of float32, shape (ny, nx)
        Unbinned; NaN outside orders, 0 (wavelength and slit) where unsolved.
    x_coefficients, y_coefficients : ndarray, shape (order, wavelength, slit)
        Of the dispersion table.
    centre, low, high : ndarray, shape (order, axis)
        Coefficients of the order table.
    limits : mapping of int to tuple of float
        Per order: first and last dispersion pixel, lowest and highest slit-axis pixel of the centre.
    """

    wavelength_nm: Image
    slit_arcsec: Image
    order: Image
    x_coefficients: FloatArray
    y_coefficients: FloatArray
    centre: FloatArray
    low: FloatArray
    high: FloatArray
    limits: Mapping[int, tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulation:
    """One simulated observation: raw frames (ADU, as read out), their dates and the arc's, masters by name, delivered map, truth, detector as
    used, pointing."""

    raw_adu: tuple[Image, ...]
    masters: Mapping[str, MasterImage]
    delivered: DeliveredMap
    truth: Truth
    detector: Detector
    mjd: tuple[float, ...]
    arc_mjd: float
    off_adu: Image | None = None
    pointing_deg: tuple[float, float]
