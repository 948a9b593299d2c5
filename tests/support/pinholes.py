"""Lamps through pinholes: arc lines and a continuum on the detector, with the place of every image known.

Quicker than `soxspipe simulate`, whose frames have detector, headers and files around them, and apart from it: the two judge each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image, IntArray
from soxspipe.simulate.optics import OpticalModel

REACH_PX = 6
"""Images of pinholes are nothing beyond."""
CHUNK = 4000
"""Bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeScene:
    """How a lamp through pinholes looks.

    Attributes
    ----------
    electrons : float
        Median light of an image of a line.
    spread : float
        Scatter of the lines' light, natural logarithm.
    missing, unlisted : float
        Share of the list's lines that the lamp does not show, and number of lines that are in no list, as a share of the list.
    sigma_px : float
        Gaussian width of an image.
    dark_holes : mapping of int to tuple of int
        Pinholes that show no light, by order: vignetted ends.
    off_elements : tuple of str
        Lamps that are out.
    mask_shift_arcsec : float
        By how much the mask is off the slit's centre.
    """

    electrons: float = 5000.0
    spread: float = 1.3
    missing: float = 0.05
    unlisted: float = 0.10
    sigma_px: float = 0.75
    dark_holes: Mapping[int, tuple[int, ...]] | None = None
    off_elements: tuple[str, ...] = ()
    mask_shift_arcsec: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcTruth:
    """Every image of every line: shape (n,)."""

    order: IntArray
    wavelength_nm: FloatArray
    slit_arcsec: FloatArray
    x: FloatArray
    y: FloatArray
    electrons: FloatArray
    listed: BoolArray


def light_places(optics: OpticalModel, order: int, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """True x and y of light of one order, unbinned pixels."""
    one = optics.orders[order]
    b, a = one.b_px(wavelength_nm, slit_arcsec), one.a_px(wavelength_nm, slit_arcsec)
    return (b, a) if optics.dispersion_axis == "x" else (a, b)


def arc_lines(
    scene: PinholeScene,
    optics: OpticalModel,
    ranges_nm: Mapping[int, tuple[float, float]],
    lines: tuple[FloatArray, tuple[str, ...]],
    mask_arcsec: FloatArray,
    seed: int,
) -> ArcTruth:
    """Which lines shine where, and how brightly: the same line has the same light in every order, weaker towards the order's ends."""
    draw = np.random.default_rng(seed)
    wave, elements = lines
    strength = scene.electrons * draw.lognormal(0.0, scene.spread, wave.size)
    strength[draw.random(wave.size) < scene.missing] = 0.0
    strength[np.isin(np.array(elements), scene.off_elements)] = 0.0
    extra = draw.choice(wave, round(scene.unlisted * wave.size)) + draw.uniform(-1.0, 1.0, round(scene.unlisted * wave.size))
    every = np.concatenate([wave, extra])
    light = np.concatenate([strength, scene.electrons * draw.lognormal(0.0, scene.spread, extra.size)])
    known = np.arange(every.size) < wave.size
    parts = []
    for order, (low, high) in ranges_nm.items():
        here = np.flatnonzero((every > low) & (every < high) & (light > 0))
        u = 2.0 * (every[here] - low) / (high - low) - 1.0
        bright = light[here] * np.cos(0.45 * np.pi * u) ** 2
        for hole, slit in enumerate(mask_arcsec):
            dark = scene.dark_holes is not None and hole in scene.dark_holes.get(order, ())
            x, y = light_places(optics, order, every[here], np.full(here.size, slit + scene.mask_shift_arcsec))
            share = 0.0 if dark else 1.0 - 0.1 * (slit / 6.0) ** 2
            parts.append((np.full(here.size, order), every[here], np.full(here.size, slit), x, y, bright * share, known[here]))
    columns = [np.concatenate([part[k] for part in parts]) for k in range(7)]
    return ArcTruth(
        order=columns[0], wavelength_nm=columns[1], slit_arcsec=columns[2], x=columns[3], y=columns[4], electrons=columns[5],
        listed=columns[6].astype(bool),
    )  # fmt: skip


def paint_images(shape: tuple[int, int], x: FloatArray, y: FloatArray, electrons: FloatArray, sigma_px: float) -> Image:
    """Gaussian images, integrated over the pixels, on a frame of `shape` (ny, nx)."""
    image = np.zeros(shape[0] * shape[1])
    step = np.arange(-REACH_PX, REACH_PX + 1)
    for start in range(0, x.size, CHUNK):
        part = slice(start, start + CHUNK)
        columns, rows = np.rint(x[part]).astype(int)[:, None] + step, np.rint(y[part]).astype(int)[:, None] + step
        across, up = (_pixel_share(pixels, centre[part], sigma_px) for pixels, centre in ((columns, x), (rows, y)))
        light = electrons[part][:, None, None] * up[:, :, None] * across[:, None, :]
        inside = (rows >= 0)[:, :, None] & (rows < shape[0])[:, :, None] & (columns >= 0)[:, None, :] & (columns < shape[1])[:, None, :]
        index = rows[:, :, None] * shape[1] + columns[:, None, :]
        image += np.bincount(index[inside], light[inside], minlength=image.size)
    return image.reshape(shape)


def _pixel_share(pixels: IntArray, centre: FloatArray, sigma_px: float) -> FloatArray:
    """Share of a Gaussian in each pixel."""
    edge = (pixels - 0.5 - centre[:, None]) / (np.sqrt(2.0) * sigma_px)
    width = 1.0 / (np.sqrt(2.0) * sigma_px)
    return np.asarray(0.5 * (erf(edge + width) - erf(edge)))


def pinhole_flat(
    optics: OpticalModel,
    ranges_nm: Mapping[int, tuple[float, float]],
    electrons: float,
    sigma_px: float,
    slit_arcsec: float = 0.0,
) -> Image:
    """A continuum lamp through one pinhole: expected electrons, `electrons` per pixel along the dispersion at the middle of each order."""
    image = np.zeros(optics.shape)
    turned = image if optics.dispersion_axis == "x" else image.T
    rows = np.arange(-REACH_PX, REACH_PX + 1)
    for order, (low, high) in ranges_nm.items():
        wave = np.linspace(low, high, 2 * optics.n_dispersion)
        x, y = light_places(optics, order, wave, np.full(wave.size, slit_arcsec))
        along, across = (x, y) if optics.dispersion_axis == "x" else (y, x)
        rank = np.argsort(along)
        b = np.arange(max(0, int(np.ceil(along.min()))), min(optics.n_dispersion, int(along.max()) + 1))
        centre = np.interp(b, along[rank], across[rank])
        bright = electrons * np.cos(0.42 * np.pi * (2 * (np.interp(b, along[rank], wave[rank]) - low) / (high - low) - 1)) ** 2
        pixels = np.rint(centre).astype(int)[:, None] + rows
        share = bright[:, None] * _pixel_share(pixels, centre, sigma_px)
        inside = (pixels >= 0) & (pixels < turned.shape[0])
        np.add.at(turned, (pixels[inside], np.broadcast_to(b[:, None], pixels.shape)[inside]), share[inside])
    return image
