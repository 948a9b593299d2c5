"""Light of calibration lamps on the detector: expected electrons of one frame, before pixel response and scattered light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.simulate import spectra
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.detector import stream
from soxspipe.simulate.lightpath import order_efficiency
from soxspipe.simulate.paint import OrderCanvas, integrate
from soxspipe.simulate.simulation import Facts

QTH_K = {"NIR": 2800.0, "VIS": 3000.0, "UVB": 3000.0}
"""Filaments of halogen lamps, with the filters of the unit in the visual."""
AMBIENT_K = 285.0
"""Of the dome."""
THERMAL_REFERENCE_NM = 2000.0
"""Where the scene gives the brightness of thermal light."""
LAMP_ELECTRONS, LAMP_SHARE_OF_RANGE = 45000.0, 0.7
"""Light of a usual flat where it is brightest, and how much of the converter's range it may take: flats are set by such a limit, as brighter pixels
of the lamp's drift and of response must not saturate.  The range decides in X-shooter's UVB (40 000 electrons) and on binned frames."""
TYPICAL_ARCSEC_PER_PX = 0.3
"""Length of the slit that a pixel sees, by which a level per pixel becomes light per arcsec."""
_ROUGHNESS_ARCSEC = 0.3
"""Slit jaws are rough over about a pixel."""
_SLIT_SAMPLES = 1201
"""Far finer than a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampLight:
    """One lamp in all orders.

    Attributes
    ----------
    pixels : mapping of int to ndarray, shape (n, m)
        Expected electrons of the pixels of each order's canvas.
    along : mapping of int to ndarray, shape (n,)
        Lamp times blaze: electrons per pixel at the slit's centre, without what the slit does.
    """

    pixels: Mapping[int, FloatArray]
    along: Mapping[int, FloatArray]


def deuterium(wavelength_nm: FloatArray) -> FloatArray:
    """Photons per nm of a deuterium lamp, arbitrary scale: a continuum that falls from the ultraviolet, and its line at 656 nm."""
    wave = np.asarray(wavelength_nm, dtype=np.float64)
    line = 0.6 * np.exp(-0.5 * ((wave - 656.1) / 0.15) ** 2)
    return np.asarray((wave / 350.0) ** -3.5 + 0.05 + line)


def slit_transmission(scene: CalibrationScene, slit_arcsec: FloatArray, half_slit_arcsec: float) -> FloatArray:
    """Light of the lamp along the slit, 1 on average: a gradient, and the roughness of the jaws, which is the same in all orders."""
    grid = np.linspace(-1.3 * half_slit_arcsec, 1.3 * half_slit_arcsec, _SLIT_SAMPLES)
    rough = gaussian_filter1d(stream(scene.seed, "slit").normal(size=grid.size), _ROUGHNESS_ARCSEC / (grid[1] - grid[0]))
    rough *= scene.slit_roughness / rough.std()
    return np.asarray(1.0 + scene.lamp_illumination * slit_arcsec / half_slit_arcsec + np.interp(slit_arcsec, grid, rough))


def lamp_level(scene: CalibrationScene, facts: Facts) -> float:
    """Electrons of a flat where its lamp is brightest, in an unbinned pixel."""
    if scene.lamp_electrons is not None:
        return scene.lamp_electrons
    detector = facts.detector
    if detector.saturation_adu is None:
        return LAMP_ELECTRONS
    most = detector.saturation_adu * (scene.gain_e_per_adu or detector.gain_e_per_adu) / (scene.binning[0] * scene.binning[1])
    return min(LAMP_ELECTRONS, LAMP_SHARE_OF_RANGE * most)


def flat_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas], lamp: str) -> LampLight:
    """Light of the lamp ``qth`` or ``d2`` through the slit, `lamp_level` where it is brightest."""
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        grid = canvas.grid
        spectrum = (
            deuterium(grid.wavelength_nm) if lamp == "d2" else spectra.lamp(grid.wavelength_nm, scene.qth_temperature_k or QTH_K[scene.arm])
        )
        per_arcsec = spectrum * grid.nm_per_px * order_efficiency(scene, facts, order, grid.wavelength_nm)
        pixels[order], along[order] = _through_slit(scene, canvas, per_arcsec)
    brightest = max(float(np.percentile(values, 99.0)) for values in along.values())
    scale = lamp_level(scene, facts) / brightest if brightest > 0 else 0.0
    return LampLight(
        pixels={order: scale * values for order, values in pixels.items()}, along={order: scale * values for order, values in along.items()}
    )


def thermal_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas]) -> LampLight:
    """Ambient light through the slit in one second (NIR): a black body of 285 K, `thermal_e_per_s` at 2000 nm and an efficiency of 0.3."""
    there = float(spectra.lamp(np.array([THERMAL_REFERENCE_NM]), AMBIENT_K)[0])
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        grid = canvas.grid
        share = order_efficiency(scene, facts, order, grid.wavelength_nm) / 0.3
        per_arcsec = scene.thermal_e_per_s / TYPICAL_ARCSEC_PER_PX * spectra.lamp(grid.wavelength_nm, AMBIENT_K) / there * share
        pixels[order], along[order] = _through_slit(scene, canvas, per_arcsec)
    return LampLight(pixels=pixels, along=along)


def _through_slit(scene: CalibrationScene, canvas: OrderCanvas, per_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels of an order whose slit is lit by a spectrum in electrons per pixel and arcsec, and electrons per pixel at the slit's centre."""
    illumination = slit_transmission(scene, canvas.slit_middle, canvas.half_slit_arcsec)
    spectrum = integrate(canvas.grid, per_arcsec)
    along = np.interp(canvas.b_px, canvas.grid.b_px, per_arcsec) * canvas.arcsec_per_px
    return canvas.paint_extended(spectrum, illumination), along
