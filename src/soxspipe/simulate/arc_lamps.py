"""Lamps through pinholes: lines that arc lamps show, and their light and that of a continuum lamp on the detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.simulate import spectra
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.detector import stream
from soxspipe.simulate.lamps import QTH_K, LampLight, lamp_level
from soxspipe.simulate.lightpath import DESIGN_ARCSEC_PER_PX, order_efficiency
from soxspipe.simulate.paint import OrderCanvas, integrate, line_spread, slit_kernel
from soxspipe.simulate.simulation import Facts

PINHOLE_SIGMA_PX = 0.8
"""Width of a pinhole's image: the reference reports a full width at half maximum of 1.6 to 1.9 px."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownLines:
    """Lines of the arc lamps, shape (n,).

    Attributes
    ----------
    wavelength_nm : ndarray
        Air.
    electrons : ndarray
        In a pinhole's image where the order sees best; 0 for lines that are not shown.
    listed : ndarray of bool
        True for lines of the lists.
    ion : tuple of str
        ``ArI``; empty for lines that no list has.
    """

    wavelength_nm: FloatArray
    electrons: FloatArray
    listed: BoolArray
    ion: tuple[str, ...]


def shown_lines(scene: CalibrationScene, facts: Facts) -> ShownLines:
    """Most of the listed lines and some that no list has, each with a strength of its own."""
    listed = facts.arc_line_nm
    draw = stream(scene.seed, "arc lines")
    strength = scene.arc_electrons * draw.lognormal(0.0, scene.arc_scatter, listed.size) * (draw.random(listed.size) >= scene.arc_missing)
    extra = draw.uniform(listed.min(), listed.max(), int(scene.arc_unlisted * listed.size)) if listed.size else listed
    more = scene.arc_electrons * draw.lognormal(0.0, scene.arc_scatter, extra.size)
    asked = np.array(scene.arc_extra_lines, dtype=np.float64).reshape(-1, 2)
    extra, more = np.concatenate([extra, asked[:, 0]]), np.concatenate([more, asked[:, 1]])
    ions = facts.arc_line_ion or ("",) * listed.size
    dark = np.array([any(ion.startswith(lamp) for lamp in scene.arc_lamps_out) for ion in ions], dtype=bool)
    return ShownLines(
        wavelength_nm=np.concatenate([listed, extra]), electrons=np.concatenate([np.where(dark, 0.0, strength), more]),
        listed=np.arange(listed.size + extra.size) < listed.size, ion=(*ions, *("",) * extra.size),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pinholes:
    """Pinholes that are lit, shape (p,): slit positions (arcsec), share of the light that passes, and number in the mask."""

    slit_arcsec: FloatArray
    share: FloatArray
    number: tuple[int, ...]


def pinholes(scene: CalibrationScene, facts: Facts, order: int, *, multiple: bool) -> Pinholes:
    """The single pinhole at the slit's centre, or the mask as an order sees it: it may be off by whole pinholes and vignetted at its ends."""
    if not multiple:
        return Pinholes(slit_arcsec=np.zeros(1), share=np.ones(1), number=(facts.pinholes_arcsec.size // 2,))
    mask = facts.pinholes_arcsec
    share = np.ones(mask.size)
    if order in scene.pinhole_share_orders or not scene.pinhole_share_orders:
        for number, passes in scene.pinhole_share.items():
            share[number] = passes
    spacing = float(np.median(np.diff(mask)))
    return Pinholes(slit_arcsec=mask + scene.mask_offset_pinholes * spacing, share=share, number=tuple(range(mask.size)))


def arc_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas], *, multiple: bool) -> LampLight:
    """Light of the arc lamps through one pinhole or the mask of several."""
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        per_px = line_spread(_lines_on_grid(scene, facts, canvas), np.ones(1), PINHOLE_SIGMA_PX)
        pixels[order], along[order] = _through_pinholes(pinholes(scene, facts, order, multiple=multiple), canvas, per_px)
    return LampLight(pixels=pixels, along=along)


def slit_arc_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas]) -> LampLight:
    """Light of the arc lamps through the slit; a line has per arcsec of it what a pinhole's image has."""
    half_px = 0.5 * scene.slit_width_arcsec / DESIGN_ARCSEC_PER_PX[scene.arm]
    kernel = slit_kernel(np.array([-1.0, 1.0]), np.ones(2), half_px)
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        per_px = line_spread(_lines_on_grid(scene, facts, canvas), kernel, PINHOLE_SIGMA_PX)
        pixels[order] = canvas.paint_extended(integrate(canvas.grid, per_px))
        along[order] = np.interp(canvas.b_px, canvas.grid.b_px, per_px)
    return LampLight(pixels=pixels, along=along)


def _lines_on_grid(scene: CalibrationScene, facts: Facts, canvas: OrderCanvas) -> FloatArray:
    """Lines of the arc lamps in an order, electrons per pixel."""
    shown = shown_lines(scene, facts)
    efficiency = _relative_efficiency(scene, facts, canvas.order, shown.wavelength_nm)
    return canvas.grid.bin_lines(shown.wavelength_nm, shown.electrons * efficiency)


def line_images(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas], *, multiple: bool) -> dict[str, FloatArray]:
    """Every image of every line on the detector, columns by name: where it is (unbinned pixels), its light, and whether it is listed and missing."""
    lines = shown_lines(scene, facts)
    parts: dict[str, list[FloatArray]] = {}
    for order, canvas in canvases.items():
        limits, span = facts.spectral_format[order].full_nm, canvas.columns.wavelength_nm
        low, high = max(limits[0], float(span.min())), min(limits[1], float(span.max()))
        light = lines.electrons * _relative_efficiency(scene, facts, order, lines.wavelength_nm)
        here = np.flatnonzero((lines.wavelength_nm >= low) & (lines.wavelength_nm <= high))
        wave = lines.wavelength_nm[here]
        at = np.interp(wave, *_rising(canvas.columns.wavelength_nm, canvas.b_px))
        holes = pinholes(scene, facts, order, multiple=multiple)
        for slit, share, number in zip(holes.slit_arcsec, holes.share, holes.number, strict=True):
            b, a = place_of(canvas, at, slit)
            x, y = (b, a) if facts.optics.dispersion_axis == "x" else (a, b)
            rows = {
                "WAVELENGTH": wave, "ORDER": np.full(here.size, order), "SLIT_INDEX": np.full(here.size, number), "SLIT": np.full(here.size, slit),
                "X": x, "Y": y, "ELECTRONS": light[here] * share, "LISTED": lines.listed[here].astype(np.int64),
                "MISSING": (lines.electrons[here] == 0).astype(np.int64),
            }  # fmt: skip
            for name, values in rows.items():
                parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def place_of(canvas: OrderCanvas, centre_b: FloatArray, slit_arcsec: float) -> tuple[FloatArray, FloatArray]:
    """Dispersion and slit pixel at a slit position of light that falls on `centre_b` at the slit's centre."""
    columns = canvas.columns
    centre_of = columns.centre_b_at_slit(np.array([[slit_arcsec]]))[:, 0]
    b = np.interp(centre_b, *_rising(centre_of, canvas.b_px))
    return b, np.interp(b, canvas.b_px, columns.a_px(np.array([[slit_arcsec]]))[:, 0])


def _rising(x: FloatArray, y: FloatArray | IntArray) -> tuple[FloatArray, FloatArray | IntArray]:
    rank = np.argsort(x)
    return x[rank], y[rank]


def pinhole_flat_light(scene: CalibrationScene, facts: Facts, canvases: Mapping[int, OrderCanvas]) -> LampLight:
    """Light of the QTH lamp through one pinhole, `lamp_level` in the brightest dispersion pixel."""
    spectra_of = {
        order: spectra.lamp(canvas.grid.wavelength_nm, scene.qth_temperature_k or QTH_K[scene.arm])
        * canvas.grid.nm_per_px
        * order_efficiency(scene, facts, order, canvas.grid.wavelength_nm)
        for order, canvas in canvases.items()
    }
    brightest = max(float(np.percentile(per_px, 99.0)) for per_px in spectra_of.values())
    scale = lamp_level(scene, facts) / brightest if brightest > 0 else 0.0
    pixels, along = {}, {}
    for order, canvas in canvases.items():
        pixels[order], along[order] = _through_pinholes(pinholes(scene, facts, order, multiple=False), canvas, scale * spectra_of[order])
    return LampLight(pixels=pixels, along=along)


def _relative_efficiency(scene: CalibrationScene, facts: Facts, order: int, wavelength_nm: FloatArray) -> FloatArray:
    """Efficiency of an order over that of its best wavelength among these; 0 where the order sees nothing."""
    efficiency = np.nan_to_num(order_efficiency(scene, facts, order, wavelength_nm)) if wavelength_nm.size else wavelength_nm
    best = float(efficiency.max()) if efficiency.size else 0.0
    return np.asarray(efficiency / best if best > 0 else np.zeros_like(wavelength_nm))


def _through_pinholes(holes: Pinholes, canvas: OrderCanvas, per_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels of an order lit through pinholes by a spectrum in electrons per pixel and pinhole, and that spectrum."""
    sigma = PINHOLE_SIGMA_PX * float(np.median(canvas.arcsec_per_px))
    apart = (canvas.slit_middle[..., None] - holes.slit_arcsec) / sigma
    illumination = (holes.share * np.exp(-0.5 * apart**2)).sum(axis=-1) / (sigma * np.sqrt(2.0 * np.pi))
    return canvas.paint_mask(integrate(canvas.grid, per_px), illumination), np.interp(canvas.b_px, canvas.grid.b_px, per_px)
