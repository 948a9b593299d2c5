"""From the sky to electrons per pixel: noise-free images of every component of a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.simulate import spectra
from soxspipe.simulate.atmosphere import (
    SlitImage,
    extinction_transmission,
    gaussian_through_slit,
    seeing_fwhm,
)
from soxspipe.simulate.detector import stream
from soxspipe.simulate.flexure import dispersion_flexure, slit_flexure
from soxspipe.simulate.line_shape import horned, paint_slit_light, spread_along
from soxspipe.simulate.optics import OpticalModel
from soxspipe.simulate.paint import (
    Cumulative,
    OrderCanvas,
    OrderPath,
    SpectrumGrid,
    add_to_image,
    integrate,
    make_canvas,
    make_path,
    slit_kernel,
)
from soxspipe.simulate.scene import ORDERS_BLOCKED_BY_JH, Scene
from soxspipe.simulate.simulation import Facts
from soxspipe.simulate.slit_images import REFERENCE_NM, refraction_left, sersic_through_slit, star_parts
from soxspipe.simulate.telluric import TelluricSpecies
from soxspipe.simulate.throughput import instrument_efficiency

SOURCE_STEP_NM = 0.005
"""A tenth of a pixel in every arm."""
DESIGN_ARCSEC_PER_PX = {"NIR": 0.25, "VIS": 0.28, "UVB": 0.16}
"""Plate scales of the designs."""
LAMP_K = {"NIR": 2800.0, "VIS": 4500.0, "UVB": 6000.0}
"""Of the flat's lamp with its balancing filter."""
SKY_AB_MAG = {"NIR": 19.5, "VIS": 21.0, "UVB": 22.0}
"""Dark sky between lines, per square arcsec."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceTable:
    """Spectra above the atmosphere and what the air lets through, on a uniform grid of wavelength (nm, air).

    Attributes
    ----------
    wavelength_nm : ndarray, shape (n,)
        Step 0.005 nm.
    flux, second_flux, host_flux : ndarray, shape (n,)
        erg s-1 cm-2 A-1; of the target, the second object and the host.
    telluric, atmosphere : ndarray, shape (n,)
        Transmission of the telluric lines, and of all the air.
    """

    wavelength_nm: FloatArray
    flux: FloatArray
    second_flux: FloatArray
    host_flux: FloatArray
    telluric: FloatArray
    atmosphere: FloatArray

    def at(self, column: FloatArray, wavelength_nm: FloatArray) -> FloatArray:
        """Interpolate a column."""
        place = (wavelength_nm - self.wavelength_nm[0]) / SOURCE_STEP_NM
        low = np.clip(place.astype(np.int64), 0, column.size - 2)
        return np.asarray(column[low] + (place - low) * (column[low + 1] - column[low]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderLight:
    """One order of one exposure, electrons.

    Attributes
    ----------
    canvas : OrderCanvas
        Its pixels.
    target, others, sky : ndarray, shape (n, m)
        Electrons per pixel of the target, of other sources, and of the sky.
    target_unmoved : ndarray, shape (n, m), or None
        The target where the first exposure has it, of an exposure in which it lies elsewhere on slit or detector.
    target_analytic : ndarray, shape (n,)
        Column sums of the target from the integral over the slit.
    position_arcsec : ndarray, shape (n,)
        Target on the slit.
    slit_fraction : ndarray, shape (n,)
        Share of the target's light inside the slit (width and length).
    efficiency : ndarray, shape (n,)
        Electrons per photon above the atmosphere at the trace, spread by the line-spread function.
    """

    canvas: OrderCanvas
    target: FloatArray
    others: FloatArray
    sky: FloatArray
    target_analytic: FloatArray
    position_arcsec: FloatArray
    slit_fraction: FloatArray
    efficiency: FloatArray
    target_unmoved: FloatArray | None = None


def make_source(scene: Scene, facts: Facts) -> SourceTable:
    """Tabulate the sources of a scene and the air above it over the arm's range."""
    low = min(entry.full_nm[0] for entry in facts.spectral_format.orders) - 15.0
    high = max(entry.full_nm[1] for entry in facts.spectral_format.orders) + 25.0
    wave = np.round(low / SOURCE_STEP_NM) * SOURCE_STEP_NM + SOURCE_STEP_NM * np.arange(int((high - low) / SOURCE_STEP_NM))
    at_nm = scene.mag_wavelength_nm or REFERENCE_NM[scene.arm]
    telluric = (
        _telluric(scene, facts).transmission(wave, airmass=scene.airmass, water_mm=scene.water_mm) if scene.telluric else np.ones_like(wave)
    )
    none = np.zeros_like(wave)
    return SourceTable(
        wavelength_nm=wave,
        flux=_target_flux(scene, facts, wave, at_nm),
        second_flux=none
        if scene.second_offset_arcsec is None
        else spectra.power_law(wave, slope=scene.slope, ab_mag=scene.second_ab_mag, at_nm=at_nm),
        host_flux=none if scene.host_ab_mag is None else _host_flux(scene, wave, scene.host_ab_mag, at_nm),
        telluric=telluric,
        atmosphere=telluric * extinction_transmission(wave, facts.extinction, scene.airmass),
    )


def _telluric(scene: Scene, facts: Facts) -> TelluricSpecies:
    """The air's lines as shipped, or others."""
    if not scene.telluric_strength_scatter and not scene.telluric_broadening:
        return facts.telluric
    return facts.telluric.with_other_lines(
        strength_scatter=scene.telluric_strength_scatter,
        half_width_samples=scene.telluric_broadening * 1e-5 * facts.telluric.samples_per_e_fold,
        seed=scene.seed,
    )


def science_optics(scene: Scene, facts: Facts) -> OpticalModel:
    """Where light falls during the exposures: the calibration's geometry, moved by flexure."""
    still = calibration_optics(scene, facts)
    return still.moved(dispersion_flexure(scene, still.orders), slit_flexure(scene, still.orders)).bent(scene.flexure_bend_px)


def calibration_optics(scene: Scene, facts: Facts) -> OpticalModel:
    """Where light falls during the calibrations, only the orders that the scene lights."""
    optics = facts.optics if scene.orders is None else facts.optics.only(scene.orders)
    if any(scene.geometry_shift_px) or scene.geometry_rotation_deg or scene.geometry_stretch:
        optics = optics.realigned(scene.geometry_shift_px, scene.geometry_rotation_deg, scene.geometry_stretch)
    if scene.geometry_distortion_px:
        optics = optics.distorted(scene.geometry_distortion_px, stream(scene.seed, "geometry"))
    return optics.rippled(scene.geometry_ripple_px, stream(scene.seed, "ripple")) if scene.geometry_ripple_px else optics


def make_paths(scene: Scene, facts: Facts, optics: OpticalModel) -> dict[int, OrderPath]:
    """Pixels of every order that the scene lights."""
    start, stop = scene.dispersion_range or (0, optics.n_dispersion)
    limits = (max(start, 0), min(stop, optics.n_dispersion))
    half = 0.5 * facts.arm.slit_length_arcsec
    return {order: make_path(entry, optics, half, limits, scene.slit_edge_blur_px) for order, entry in sorted(optics.orders.items())}


def make_canvases(scene: Scene, facts: Facts, optics: OpticalModel) -> dict[int, OrderCanvas]:
    """Pixels of every order that the scene lights, divided into strips to paint on."""
    return {order: make_canvas(optics.orders[order], path) for order, path in make_paths(scene, facts, optics).items()}


def order_efficiency(scene: Scene, facts: Facts, order: int, wavelength_nm: FloatArray) -> FloatArray:
    """Efficiency of telescope and instrument in an order; 0 where a filter blocks it."""
    if scene.blocking_filter and scene.arm == "NIR" and order <= ORDERS_BLOCKED_BY_JH:
        return np.zeros_like(wavelength_nm)
    return instrument_efficiency(wavelength_nm, order, facts.arm, facts.spectral_format)


def make_order_light(
    scene: Scene, facts: Facts, source: SourceTable, canvas: OrderCanvas, sky: FloatArray, *, seeing_arcsec: float, transparency: float
) -> OrderLight:
    """Paint the sources of one order of one exposure; `sky` is the order's sky, which does not depend on the seeing."""
    grid, columns = canvas.grid, canvas.columns
    parts = star_parts(scene, facts, grid.wavelength_nm, columns.wavelength_nm, seeing_arcsec)
    position = scene.offset_arcsec + target_drift(scene, columns.wavelength_nm)
    on_slit = float(np.mean(position)) / canvas.half_slit_arcsec
    area_time = facts.arm.collecting_area_cm2 * scene.exptime_s * transparency
    efficiency = order_efficiency(scene, facts, canvas.order, grid.wavelength_nm) * source.at(source.atmosphere, grid.wavelength_nm)
    photons = spectra.photons_per_nm(grid.wavelength_nm, source.at(source.flux, grid.wavelength_nm)) * grid.nm_per_px * area_time
    trace_left = canvas.left.centre_b_at_slit(position[:, None])[:, 0]
    trace_right = canvas.right.centre_b_at_slit(position[:, None])[:, 0]
    arriving = integrate(grid, photons)
    arrived = np.abs(arriving(trace_right) - arriving(trace_left))
    at_trace = 0.5 * (trace_left + trace_right)
    target, analytic, smooth, fraction = np.zeros(canvas.index.shape), *np.zeros((3, at_trace.size))
    for part in parts:
        kernel = slit_kernel(part.image.across_z, part.image.across, 0.5 * scene.slit_width_arcsec / DESIGN_ARCSEC_PER_PX[scene.arm])
        spectrum = integrate(grid, spread_along(scene, photons * efficiency * part.passed, kernel, on_slit))
        inside_ends = _inside_ends(canvas, part.image, part.size, position)
        analytic += canvas.source_column_sums(spectrum, part.image, part.size, position)
        smooth += np.interp(at_trace, grid.b_px, spread_along(scene, efficiency * part.passed, kernel, on_slit)) * inside_ends
        fraction += np.interp(at_trace, grid.b_px, part.passed) * inside_ends
        if scene.target != "empty":
            target += canvas.paint_source(spectrum, part.image, part.size, position)
    return OrderLight(
        canvas=canvas,
        target=target,
        others=_paint_others(scene, facts, source, canvas, efficiency * area_time, seeing_arcsec),
        sky=sky,
        target_analytic=analytic,
        position_arcsec=position,
        slit_fraction=fraction,
        efficiency=np.divide(analytic, arrived, out=smooth, where=arrived > 0),
    )


def make_order_sky(scene: Scene, facts: Facts, canvas: OrderCanvas) -> FloatArray:
    """Night sky of one order of one exposure, electrons per pixel, shape (n, m)."""
    grid = canvas.grid
    per_nm = spectra.sky_continuum(grid.wavelength_nm, SKY_AB_MAG[scene.arm] if scene.sky_ab_mag is None else scene.sky_ab_mag)
    per_px = per_nm * grid.nm_per_px + grid.bin_lines(facts.sky_line_nm, facts.sky_line_photons * scene.oh_strength)
    gathered = facts.arm.collecting_area_cm2 * scene.exptime_s * scene.slit_width_arcsec
    electrons = per_px * order_efficiency(scene, facts, canvas.order, grid.wavelength_nm) * gathered
    night = paint_slit_light(
        scene, canvas, electrons, _uniform_kernel(scene), sky_illumination(scene, canvas.slit_middle / canvas.half_slit_arcsec)
    )
    return night + _paint_nebula(scene, facts, canvas, gathered) if scene.nebular_flux else night


def _paint_nebula(scene: Scene, facts: Facts, canvas: OrderCanvas, gathered: float) -> FloatArray:
    """Lines of ionised gas whose brightness changes along the slit, electrons per pixel; `gathered` is area x time x slit width."""
    grid = canvas.grid
    flux = spectra.narrow_lines(grid.wavelength_nm, flux=scene.nebular_flux, width_km_s=scene.line_width_km_s, redshift=scene.redshift)
    photons = spectra.photons_per_nm(grid.wavelength_nm, flux) * grid.nm_per_px
    electrons = photons * order_efficiency(scene, facts, canvas.order, grid.wavelength_nm) * gathered
    slit = canvas.slit_middle
    brightness = np.clip(1.0 + scene.nebular_gradient * slit + scene.nebular_curvature * slit**2, 0.0, None)
    return paint_slit_light(scene, canvas, electrons, _uniform_kernel(scene), brightness)


def make_order_flat(scene: Scene, facts: Facts, canvas: OrderCanvas) -> FloatArray:
    """Flat-field lamp of one order, arbitrary scale, shape (n, m)."""
    grid = canvas.grid
    lamp = spectra.lamp(grid.wavelength_nm, LAMP_K[scene.arm]) * grid.nm_per_px
    spectrum: Cumulative = integrate(grid, lamp * order_efficiency(scene, facts, canvas.order, grid.wavelength_nm))
    return canvas.paint_extended(spectrum)


def sky_illumination(scene: Scene, slit: FloatArray) -> FloatArray:
    """Sky light along the slit relative to the flat, 1 at the centre; `slit` runs from -1 to 1."""
    return np.asarray(1.0 + scene.slit_illumination * slit + scene.slit_illumination_curvature * slit**2)


def target_drift(scene: Scene, wavelength_nm: FloatArray) -> FloatArray:
    """Slit position of the target against that at the reference wavelength: atmospheric refraction along the slit, arcsec."""
    return np.cos(np.radians(scene.slit_angle_deg)) * refraction_left(scene, wavelength_nm)


def add_orders(shape: tuple[int, int], canvases: Mapping[int, OrderCanvas], values: Mapping[int, FloatArray]) -> Image:
    """Sum of the orders' pixels on the full frame."""
    image = np.zeros(shape)
    for order, canvas in canvases.items():
        add_to_image(image, canvas, values[order])
    return image


def _target_flux(scene: Scene, facts: Facts, wave: FloatArray, at_nm: float) -> FloatArray:
    mag = 17.0 if scene.ab_mag is None else scene.ab_mag
    if scene.target in ("standard", "file"):
        if facts.target is None:
            raise ValueError(f"the scene's target is a {scene.target}, but no spectrum of it was given")
        return spectra.library(wave, facts.target, ab_mag=scene.ab_mag, at_nm=at_nm)
    if scene.target == "power_law":
        return spectra.power_law(wave, slope=scene.slope, ab_mag=mag, at_nm=at_nm)
    if scene.target == "empty":
        return np.zeros_like(wave)
    lines = spectra.narrow_lines(wave, flux=scene.line_flux, width_km_s=scene.line_width_km_s, redshift=scene.redshift)
    if scene.target == "lines":
        return lines
    return lines + spectra.supernova(
        wave, temperature_k=scene.temperature_k, velocity_km_s=scene.ejecta_km_s, redshift=scene.redshift, ab_mag=mag, at_nm=at_nm
    )


def _host_flux(scene: Scene, wave: FloatArray, ab_mag: float, at_nm: float) -> FloatArray:
    """A power law with a break of old stars, and lines of young ones."""
    stars = spectra.power_law(wave, slope=scene.host_slope, ab_mag=ab_mag, at_nm=at_nm)
    stars[wave < spectra.BREAK_NM * (1.0 + scene.redshift)] *= 1.0 - scene.host_break
    return stars + spectra.narrow_lines(wave, flux=scene.host_line_flux, width_km_s=scene.line_width_km_s, redshift=scene.redshift)


def _paint_others(
    scene: Scene, facts: Facts, source: SourceTable, canvas: OrderCanvas, gathered: FloatArray, seeing_arcsec: float
) -> FloatArray:
    """Second object and host, electrons per pixel; `gathered` is efficiency x atmosphere x area x time on the grid."""
    grid = canvas.grid
    total = np.zeros(canvas.index.shape)
    drift = target_drift(scene, canvas.columns.wavelength_nm)
    fwhm = seeing_fwhm(canvas.columns.wavelength_nm, seeing_arcsec, scene.seeing_slope)
    if scene.second_offset_arcsec is not None:
        light = _gathered_photons(source, source.second_flux, grid) * gathered
        for part in star_parts(scene, facts, grid.wavelength_nm, canvas.columns.wavelength_nm, seeing_arcsec):
            total += _paint_blurred(scene, canvas, light * part.passed, part.image, part.size, scene.second_offset_arcsec + drift)
    if scene.host_ab_mag is not None:
        galaxy, size = _galaxy(scene, fwhm)
        per_px = _gathered_photons(source, source.host_flux, grid) * gathered * galaxy.passed
        total += _paint_blurred(scene, canvas, per_px, galaxy, size, scene.offset_arcsec + scene.host_offset_arcsec + drift)
    return total


def _galaxy(scene: Scene, fwhm: FloatArray) -> tuple[SlitImage, FloatArray]:
    """The host through the slit, and its size per column in the image's units."""
    if scene.host_shape == "gaussian":
        sigma = np.hypot(fwhm, scene.host_fwhm_arcsec) * spectra.FWHM_TO_SIGMA
        return gaussian_through_slit(0.5 * scene.slit_width_arcsec / float(np.median(sigma))), sigma
    index = 1.0 if scene.host_shape == "exponential" else scene.host_sersic_index
    seeing = round(float(np.median(fwhm)), 3)
    image = sersic_through_slit(0.5 * scene.slit_width_arcsec, 0.5 * scene.host_fwhm_arcsec, index, seeing, scene.moffat_beta)
    return image, np.ones_like(fwhm)


def _paint_blurred(
    scene: Scene, canvas: OrderCanvas, per_px: FloatArray, image: SlitImage, size: FloatArray, position: FloatArray
) -> FloatArray:
    kernel = slit_kernel(image.across_z, image.across, 0.5 * scene.slit_width_arcsec / DESIGN_ARCSEC_PER_PX[scene.arm])
    return canvas.paint_source(
        integrate(canvas.grid, spread_along(scene, per_px, kernel, float(np.mean(position)) / canvas.half_slit_arcsec)),
        image,
        size,
        position,
    )


def _gathered_photons(source: SourceTable, flux: FloatArray, grid: SpectrumGrid) -> FloatArray:
    return spectra.photons_per_nm(grid.wavelength_nm, source.at(flux, grid.wavelength_nm)) * grid.nm_per_px


def _inside_ends(canvas: OrderCanvas, image: SlitImage, size: FloatArray, position: FloatArray) -> FloatArray:
    """Share of a source's light between the slit's ends."""
    half = canvas.half_slit_arcsec
    upper = np.interp((half - position) / size, image.z, image.cumulative)
    return np.asarray(upper - np.interp((-half - position) / size, image.z, image.cumulative))


def _uniform_kernel(scene: Scene) -> FloatArray:
    even = slit_kernel(np.array([-1.0, 1.0]), np.ones(2), 0.5 * scene.slit_width_arcsec / DESIGN_ARCSEC_PER_PX[scene.arm])
    return horned(even, scene.slit_horns)
