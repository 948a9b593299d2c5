"""Spectra onto pixels: exact along the dispersion, finely sampled along the slit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter1d
from scipy.special import erf

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.simulate.atmosphere import SlitImage
from soxspipe.simulate.optics import Columns, OpticalModel, OrderOptics, light_columns

STEPS_PER_PX = 16
"""Samples of a spectrum per dispersion pixel."""

SUB_ROWS = 3
"""Strips per pixel along the slit."""

_GRID_MARGIN_PX = 24
"""Wings of lines off the detector reach it."""
_WINDOW_MARGIN_PX = 4
"""Blur of an order's edge."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectrumGrid:
    """Fine grid of one order along its centre: dispersion pixel, wavelength (nm) and nm per pixel (positive), shape (n,)."""

    b_px: FloatArray
    wavelength_nm: FloatArray
    nm_per_px: FloatArray

    def bin_lines(self, wavelength_nm: FloatArray, weight: FloatArray) -> FloatArray:
        """Put narrow lines on the grid: their weight per pixel, shared between the two nearest samples."""
        rising = self.wavelength_nm[-1] > self.wavelength_nm[0]
        step = 1 if rising else -1
        place = np.interp(wavelength_nm, self.wavelength_nm[::step], np.arange(self.b_px.size)[::step], left=-1, right=-1)
        inside = (place > 0) & (place < self.b_px.size - 1)
        low = np.floor(place[inside]).astype(np.int64)
        share = place[inside] - low
        total = np.bincount(low, weight[inside] * (1 - share), minlength=self.b_px.size)
        total += np.bincount(low + 1, weight[inside] * share, minlength=self.b_px.size)
        return np.asarray(total * STEPS_PER_PX, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cumulative:
    """Electrons up to a dispersion pixel: the integral of a spectrum given per pixel on a uniform grid."""

    start_px: float
    total: FloatArray

    def __call__(self, b_px: FloatArray) -> FloatArray:
        place = np.clip((b_px - self.start_px) * STEPS_PER_PX, 0.0, self.total.size - 1.000001)
        low = place.astype(np.int64)
        share = place - low
        below = self.total[low]
        return np.asarray(below + share * (self.total[low + 1] - below))


def integrate(grid: SpectrumGrid, per_px: FloatArray) -> Cumulative:
    """Integrate a spectrum per pixel; each sample stands for the cell around it."""
    total = np.concatenate([[0.0], np.cumsum(per_px)]) / STEPS_PER_PX
    return Cumulative(start_px=float(grid.b_px[0]) - 0.5 / STEPS_PER_PX, total=total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderPath:
    """The pixels that one order can light.

    Attributes
    ----------
    order : int
        Order number.
    columns : Columns
        At pixel centres, one per dispersion pixel of `b_px`.
    b_px : ndarray of int, shape (n,)
        Dispersion pixels with light.
    a_px : ndarray of int, shape (n, m)
        Slit-axis pixels.
    index : ndarray of int, shape (n, m)
        Flat index into the unbinned frame; -1 off the detector.
    half_slit_arcsec, arcsec_per_px : float
        Half length of the slit, and scale.
    grid : SpectrumGrid
        For spectra.
    edge_blur_px : float
        Blur of the slit's ends.
    """

    order: int
    columns: Columns
    b_px: IntArray
    a_px: IntArray
    index: IntArray
    half_slit_arcsec: float
    arcsec_per_px: float
    grid: SpectrumGrid
    edge_blur_px: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderCanvas(OrderPath):
    """The pixels of one order, each divided into strips along lines of constant slit position.

    A strip lies between two dispersion pixel borders and two slit positions, so that the strips of a column tile it without
    gaps whatever the slope of the order and the tilt of the lines, and its light is a product of two integrals.

    Attributes
    ----------
    left, right : Columns
        At the pixels' two borders along the dispersion.
    slit_edges : ndarray, shape (n, m * SUB_ROWS + 1)
        Slit position of the strips' borders, arcsec.
    b_low, b_high : ndarray, shape (n, m * SUB_ROWS)
        Dispersion pixel at slit centre of the light at each strip's two ends.
    open_share : ndarray, shape (n, m * SUB_ROWS)
        Transmission of the slit's ends in each strip.
    """

    left: Columns
    right: Columns
    slit_edges: FloatArray
    b_low: FloatArray
    b_high: FloatArray
    open_share: FloatArray

    @property
    def slit_middle(self) -> FloatArray:
        """Slit position of the strips' middles, arcsec."""
        return 0.5 * (self.slit_edges[:, 1:] + self.slit_edges[:, :-1])

    def along_dispersion(self, spectrum: Cumulative) -> FloatArray:
        """Electrons of a spectrum between the ends of each strip."""
        return np.abs(spectrum(self.b_high) - spectrum(self.b_low))

    def slit_ends(self, slit_arcsec: FloatArray) -> FloatArray:
        """Transmission of the slit's two ends."""
        return slit_ends(slit_arcsec, self.half_slit_arcsec, self.edge_blur_px * self.arcsec_per_px)

    def to_pixels(self, strips: FloatArray) -> FloatArray:
        """Add the strips of each pixel, shape (n, m)."""
        return np.asarray(strips.reshape(strips.shape[0], -1, SUB_ROWS).sum(axis=2))

    def paint_extended(self, spectrum: Cumulative, illumination: FloatArray | float = 1.0) -> FloatArray:
        """Uniform light: `spectrum` in electrons per pixel and arcsec, times `illumination` of each strip; shape (n, m)."""
        return self.paint_mask(spectrum, self.open_share * illumination)

    def paint_mask(self, spectrum: Cumulative, illumination: FloatArray) -> FloatArray:
        """Light through a mask in the slit's place, which may reach beyond its ends; as `paint_extended` otherwise."""
        width = np.abs(np.diff(self.slit_edges, axis=1))
        return self.to_pixels(self.along_dispersion(spectrum) * width * illumination)

    def paint_source(self, spectrum: Cumulative, image: SlitImage, size_arcsec: FloatArray, position_arcsec: FloatArray) -> FloatArray:
        """A source: `spectrum` in electrons per pixel, its light along the slit `image` of size and position given per column; shape (n, m)."""
        z = (self.slit_edges - position_arcsec[:, None]) / size_arcsec[:, None]
        share = np.abs(np.diff(_lookup(image, z), axis=1))
        return self.to_pixels(self.along_dispersion(spectrum) * share * self.open_share)

    def source_column_sums(
        self, spectrum: Cumulative, image: SlitImage, size_arcsec: FloatArray, position_arcsec: FloatArray, *, samples: int = 320
    ) -> FloatArray:
        """Sum over a column of a source, from the integral over the slit and without any pixels; shape (n,)."""
        # close together in the core, and as far out as the slit goes: wings of small exponents reach its ends
        steps = np.linspace(-1.0, 1.0, samples + 1)[None, :] * np.arcsinh(2.0 * self.half_slit_arcsec / size_arcsec)[:, None]
        edges = position_arcsec[:, None] + size_arcsec[:, None] * np.sinh(steps)
        edges = np.clip(edges, -self.half_slit_arcsec - 0.6, self.half_slit_arcsec + 0.6)
        share = np.diff(_lookup(image, (edges - position_arcsec[:, None]) / size_arcsec[:, None]), axis=1)
        middle = 0.5 * (edges[:, 1:] + edges[:, :-1])
        light = np.abs(spectrum(self.right.centre_b_at_slit(middle)) - spectrum(self.left.centre_b_at_slit(middle)))
        return np.asarray((light * share * self.slit_ends(middle)).sum(axis=1))


def make_path(
    optics: OrderOptics, model: OpticalModel, half_slit_arcsec: float, dispersion_range: tuple[int, int], edge_blur_px: float = 0.5
) -> OrderPath:
    """Follow one order between two dispersion pixels (half-open)."""
    b = np.arange(*dispersion_range)
    columns = light_columns(optics, b.astype(np.float64))
    reach = np.abs(columns.a_px(np.array([[-half_slit_arcsec, half_slit_arcsec]])) - columns.centre_px[:, None]).max()
    half = int(np.ceil(reach)) + _WINDOW_MARGIN_PX
    a = np.rint(columns.centre_px).astype(np.int64)[:, None] + np.arange(-half, half + 1)[None, :]
    inside = (a >= 0) & (a < model.n_slit)
    flat = a * model.shape[1] + b[:, None] if model.dispersion_axis == "x" else b[:, None] * model.shape[1] + a
    return OrderPath(
        order=optics.order,
        columns=columns,
        b_px=b,
        a_px=a,
        index=np.where(inside, flat, -1),
        half_slit_arcsec=half_slit_arcsec,
        arcsec_per_px=float(half_slit_arcsec / reach),
        grid=_spectrum_grid(optics, dispersion_range),
        edge_blur_px=edge_blur_px,
    )


def make_canvas(optics: OrderOptics, path: OrderPath) -> OrderCanvas:
    """Divide the pixels of an order's path into strips."""
    borders = light_columns(optics, np.append(path.b_px, path.b_px[-1] + 1) - 0.5)
    left, right = borders.part(slice(None, -1)), borders.part(slice(1, None))
    edges = path.columns.slit_arcsec(path.a_px[:, :1] - 0.5 + np.arange(path.a_px.shape[1] * SUB_ROWS + 1)[None, :] / SUB_ROWS)
    middles = 0.5 * (edges[:, 1:] + edges[:, :-1])
    return OrderCanvas(
        **{name: getattr(path, name) for name in OrderPath.__slots__},
        left=left,
        right=right,
        slit_edges=edges,
        b_low=left.centre_b_at_slit(middles),
        b_high=right.centre_b_at_slit(middles),
        open_share=slit_ends(middles, path.half_slit_arcsec, path.edge_blur_px * path.arcsec_per_px),
    )


def slit_ends(slit_arcsec: FloatArray, half_slit_arcsec: float, blur_arcsec: float) -> FloatArray:
    """Transmission of a slit's two ends, blurred."""
    blur = np.sqrt(2.0) * blur_arcsec
    share = np.ones(slit_arcsec.shape)
    near = np.abs(slit_arcsec) > half_slit_arcsec - 4.0 * blur
    close = np.abs(slit_arcsec[near])
    share[near] = 0.5 * (1.0 + erf((half_slit_arcsec - close) / blur))
    return share


def line_spread(per_px: FloatArray, kernel: FloatArray, sigma_px: float) -> FloatArray:
    """Spread a spectrum by the slit's image (`kernel` on the fine grid, sum 1) and a Gaussian."""
    spread = convolve1d(per_px, kernel, mode="constant") if kernel.size > 1 else per_px
    return np.asarray(gaussian_filter1d(spread, sigma_px * STEPS_PER_PX, mode="constant", truncate=6.0))


def slit_kernel(across_z: FloatArray, across: FloatArray, half_width_px: float) -> FloatArray:
    """Light across the slit (on -1..1 half widths) as a kernel on the fine grid, sum 1."""
    half = int(np.ceil(half_width_px * STEPS_PER_PX))
    border = (np.arange(2 * half + 2) - half - 0.5) / (half_width_px * STEPS_PER_PX)
    total = np.concatenate([[0.0], np.cumsum(0.5 * (across[1:] + across[:-1]) * np.diff(across_z))])
    kernel = np.diff(np.interp(border, across_z, total))
    return np.asarray(kernel / kernel.sum())


def add_to_image(image: FloatArray, canvas: OrderCanvas, values: FloatArray) -> None:
    """Add an order's pixels to a full image in place."""
    use = canvas.index >= 0
    image.reshape(-1)[canvas.index[use]] += values[use]


def _spectrum_grid(optics: OrderOptics, dispersion_range: tuple[int, int]) -> SpectrumGrid:
    n = (dispersion_range[1] - dispersion_range[0] + 2 * _GRID_MARGIN_PX) * STEPS_PER_PX
    b = dispersion_range[0] - 0.5 - _GRID_MARGIN_PX + (np.arange(n) + 0.5) / STEPS_PER_PX
    wave = optics.wavelength_nm(b, np.zeros_like(b))
    return SpectrumGrid(b_px=b, wavelength_nm=wave, nm_per_px=np.abs(np.gradient(wave, b)))


def _lookup(image: SlitImage, z: FloatArray) -> FloatArray:
    step = image.z[1] - image.z[0]
    place = np.clip((z - image.z[0]) / step, 0.0, image.z.size - 1.000001)
    low = place.astype(np.int64)
    below = image.cumulative[low]
    return np.asarray(below + (place - low) * (image.cumulative[low + 1] - below))
