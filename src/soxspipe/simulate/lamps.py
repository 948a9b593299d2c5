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
from soxspipe.simulate.paint import OrderCanvas, integrate, line_spread
from soxspipe.simulate.values import Facts

QTH_K = {"NIR": 2800.0, "VIS": 3000.0, "UVB": 3000.0}
"""Filaments of halogen lamps, with the filters of the unit in the visual."""
AMBIENT_K = 285.0
"""Of the dome."""
THERMAL_REFERENCE_NM = 2000.0
"""Where the scene gives the brightness of thermal light."""
PINHOLE_SIGMA_PX = 0.8
"""Width of a pinhole's image: the reference reports a full width at half maximum of 1.6 to 1.9 px."""

TYPICAL_ARCSEC_PER_PX = 0.3
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


def flat_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas], lamp: str) -> LampLight:
    """Light of the lamp ``qth`` or ``d2`` through the slit, `lamp_electrons` where it is brightest."""
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        grid = canvas.grid
        spectrum = (
            deuterium(grid.wavelength_nm) if lamp == "d2" else spectra.lamp(grid.wavelength_nm, scene.qth_temperature_k or QTH_K[scene.arm])
        )
        per_arcsec = spectrum * grid.nm_per_px * order_efficiency(scene, facts, order, grid.wavelength_nm)
        pixels[order], along[order] = _through_slit(scene, canvas, per_arcsec)
    brightest = max(float(np.percentile(values, 99.0)) for values in along.values())
    scale = scene.lamp_electrons / brightest if brightest > 0 else 0.0
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


def arc_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas], *, multiple: bool) -> LampLight:
    """Light of the arc lamps through one pinhole or the mask of several.

    The lamps show most of the listed lines and some that no list has, each with a strength of its own.
    """
    listed = facts.arc_line_nm
    draw = stream(scene.seed, "arc lines")
    strength = scene.arc_electrons * draw.lognormal(0.0, scene.arc_scatter, listed.size) * (draw.random(listed.size) >= scene.arc_missing)
    extra = draw.uniform(listed.min(), listed.max(), int(scene.arc_unlisted * listed.size)) if listed.size else listed
    waves = np.concatenate([listed, extra])
    strength = np.concatenate([strength, scene.arc_electrons * draw.lognormal(0.0, scene.arc_scatter, extra.size)])
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        lines = canvas.grid.bin_lines(waves, strength * _relative_efficiency(scene, facts, order, waves))
        per_px = line_spread(canvas.grid, lines, np.ones(1), PINHOLE_SIGMA_PX)
        pixels[order], along[order] = _through_pinholes(facts, canvas, per_px, multiple=multiple)
    return LampLight(pixels=pixels, along=along)


def pinhole_flat_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas]) -> LampLight:
    """Light of the QTH lamp through one pinhole, `lamp_electrons` in the brightest dispersion pixel."""
    spectra_of = {
        order: spectra.lamp(canvas.grid.wavelength_nm, scene.qth_temperature_k or QTH_K[scene.arm])
        * canvas.grid.nm_per_px
        * order_efficiency(scene, facts, order, canvas.grid.wavelength_nm)
        for order, canvas in canvases.items()
    }
    brightest = max(float(np.percentile(per_px, 99.0)) for per_px in spectra_of.values())
    scale = scene.lamp_electrons / brightest if brightest > 0 else 0.0
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        pixels[order], along[order] = _through_pinholes(facts, canvas, scale * spectra_of[order], multiple=False)
    return LampLight(pixels=pixels, along=along)


def _relative_efficiency(scene: CalibrationScene, facts: Facts, order: int, wavelength_nm: FloatArray) -> FloatArray:
    """Efficiency of an order over that of its best wavelength among these; 0 where the order sees nothing."""
    efficiency = np.nan_to_num(order_efficiency(scene, facts, order, wavelength_nm)) if wavelength_nm.size else wavelength_nm
    best = float(efficiency.max()) if efficiency.size else 0.0
    return np.asarray(efficiency / best if best > 0 else np.zeros_like(wavelength_nm))


def _through_pinholes(facts: Facts, canvas: OrderCanvas, per_px: FloatArray, *, multiple: bool) -> tuple[FloatArray, FloatArray]:
    """Pixels of an order lit through pinholes by a spectrum in electrons per pixel and pinhole, and that spectrum."""
    holes = facts.pinholes_arcsec if multiple else np.zeros(1)
    sigma = PINHOLE_SIGMA_PX * float(np.median(canvas.arcsec_per_px))
    apart = (canvas.slit_middle[..., None] - holes) / sigma
    illumination = np.exp(-0.5 * apart**2).sum(axis=-1) / (sigma * np.sqrt(2.0 * np.pi))
    return canvas.paint_extended(integrate(canvas.grid, per_px), illumination), np.interp(canvas.b_px, canvas.grid.b_px, per_px)


def _through_slit(scene: CalibrationScene, canvas: OrderCanvas, per_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels of an order whose slit is lit by a spectrum in electrons per pixel and arcsec, and electrons per pixel at the slit's centre."""
    illumination = slit_transmission(scene, canvas.slit_middle, canvas.half_slit_arcsec)
    spectrum = integrate(canvas.grid, per_arcsec)
    along = np.interp(canvas.b_px, canvas.grid.b_px, per_arcsec) * canvas.arcsec_per_px
    return canvas.paint_extended(spectrum, illumination), along
