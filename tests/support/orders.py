"""Orders with known truth in a few lines of arithmetic: no optics, no files, nothing borrowed from what they test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from soxspipe.algorithms.orders.order_data import OrderData, flatten_order
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import DispersionMap, Geometry, OrderFormat, OrderPolynomial, OrderTable, OrderWindow, SpectralFormat
from soxspipe.datamodel.trace import ContinuumSamples, ObjectTrace, OrderTrace

Array = NDArray[np.float64]

SCALE = 3.0
"""Pixels per arcsec along the slit."""
NM_PER_PX = 0.05
LINE_SIGMA_PX = 1.0


def make_arm(axis: Literal["x", "y"] = "x", *, slit_arcsec: float = 12.0) -> Arm:
    """An arm of no particular instrument."""
    return Arm(
        instrument="SOXS", name="NIR", dispersion_axis=axis, slit_length_arcsec=slit_arcsec, merge_step_nm=0.06,
        collecting_area_cm2=8e4, extinction_site="lasilla",
    )  # fmt: skip


def make_geometry(
    *, axis: Literal["x", "y"] = "x", numbers: tuple[int, ...] = (12,), n_b: int = 300, tilt: float = 0.4, bend: float = 2.0,
    spacing: int = 46, sign: int = 1, overlap: float = 0.1,
) -> Geometry:  # fmt: skip
    """Orders side by side, each bent by `bend` px and with lines tilted by `tilt` px per arcsec; the highest number is the bluest.

    `sign` is the direction in which slit position grows along the slit axis.
    """
    n_a = spacing * len(numbers)
    b, a = np.meshgrid(np.arange(n_b, dtype=float), np.arange(n_a, dtype=float), indexing="ij")
    wave, slit, order = np.full((n_b, n_a), np.nan), np.full((n_b, n_a), np.nan), np.zeros((n_b, n_a), dtype=np.int16)
    limits = []
    for k, number in enumerate(sorted(numbers)):
        centre = spacing * (k + 0.5) - 0.5 + bend * ((2 * b / (n_b - 1) - 1) ** 2 - 0.5)
        s = sign * (a - centre) / SCALE
        start = 1000.0 + (max(numbers) - number) * n_b * NM_PER_PX * (1 - overlap)
        here = np.abs(s) <= 6.0
        wave[here], slit[here], order[here] = (start + NM_PER_PX * (b + tilt * s))[here], s[here], number
        limits.append(OrderFormat(order=number, full_nm=(start, start + n_b * NM_PER_PX), clean_nm=(start, start + n_b * NM_PER_PX)))
    images = [image.T if axis == "x" else image for image in (wave, slit, order)]
    return Geometry(
        arm=make_arm(axis),
        binning=(1, 1),
        order_table=OrderTable(
            dispersion_axis=axis,
            orders=tuple(sorted(numbers)),
            b_min=dict.fromkeys(numbers, 0.0),
            b_max=dict.fromkeys(numbers, n_b - 1.0),
            centre=OrderPolynomial(coefficients=np.array([[0.0]])),
        ),
        dispersion_map=DispersionMap(wavelength_nm=images[0], slit_arcsec=images[1], order=images[2]),
        spectral_format=SpectralFormat(orders=tuple(limits)),
    )


def position(window: OrderWindow, tilt: float = 0.4) -> Array:
    """True dispersion pixel at slit centre of every pixel of a window of `make_geometry`."""
    return np.where(window.inside, window.b_px[:, None] + tilt * np.nan_to_num(window.slit_arcsec), 0.0)


def sky_light(u: Array, *, continuum: float = 30.0, lines: tuple[tuple[float, float], ...] = ()) -> Array:
    """Sky electrons per pixel: a continuum and Gaussian lines (position in px, electrons in the line) integrated over a pixel."""
    total = np.full(np.shape(u), continuum)
    for centre, electrons in lines:
        z = [(u + side - centre) / (np.sqrt(2.0) * LINE_SIGMA_PX) for side in (0.5, -0.5)]
        total = total + electrons * 0.5 * (erf(z[0]) - erf(z[1]))
    return total


def moffat_shares(window: OrderWindow, offset_arcsec: Array | float, *, fwhm: Array | float = 1.0, beta: float = 3.5) -> Array:
    """Share of a dispersion pixel's light in each pixel: a Moffat integrated over the pixel, rows summing to 1."""
    alpha = np.broadcast_to(fwhm, window.b_px.shape)[:, None, None] / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    distance = window.slit_arcsec - np.broadcast_to(offset_arcsec, window.b_px.shape)[:, None]
    steps = (np.arange(21) - 10) / 21 / SCALE
    density = np.mean((1.0 + ((distance[..., None] + steps) / alpha) ** 2) ** -beta, axis=-1)
    density = np.where(window.inside, density, 0.0)
    return density / density.sum(axis=1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class TinyOrder:
    """An order as observed, and what it was made of (window shape unless said otherwise; flux has shape (n_disp,))."""

    data: OrderData
    u_px: Array
    sky: Array
    flux: Array
    shares: Array
    trace: OrderTrace

    @property
    def slit(self) -> Array:
        """Slit position scaled to -1..1, 0 outside."""
        slit = np.nan_to_num(self.data.window.slit_arcsec)
        return np.asarray(slit / np.abs(slit).max())


def observe(
    window: OrderWindow, sky: Array, flux: Array, *, offset: Array | float = 0.5, fwhm: Array | float = 1.0, rng: np.random.Generator | None = None,
    read_noise: float = 5.0, flat: Array | float = 1.0, exposures: int = 1, masked: Array | None = None, tilt: float = 0.4,
) -> TinyOrder:  # fmt: skip
    """Put sky and object on an order; without `rng` there is no noise, though the variance knows of it."""
    shares = moffat_shares(window, offset, fwhm=fwhm)
    light = np.where(window.inside, sky + flux[:, None] * shares, 0.0)
    response = np.broadcast_to(np.asarray(flat, dtype=float), light.shape)
    counted = response * light
    if rng is not None:
        counted = rng.poisson(np.maximum(counted, 0.0) * exposures) / exposures + rng.normal(0.0, read_noise, light.shape) / np.sqrt(
            exposures
        )
    data = order_data(window, counted, read_noise**2 / exposures, flat=response, exposures=exposures, masked=masked)
    slit = np.broadcast_to(np.asarray(offset, dtype=float), window.b_px.shape)
    trace = OrderTrace(
        order=window.order,
        b_px=window.b_px,
        a_px=np.full(slit.shape, 0.0),
        slit_arcsec=slit,
        sigma_px=np.broadcast_to(SCALE * np.asarray(fwhm) / 2.3548, slit.shape),
    )
    return TinyOrder(data=data, u_px=position(window, tilt), sky=np.where(window.inside, sky, 0.0), flux=flux, shares=shares, trace=trace)


def cut_order_data(frame: Frame, flat: Frame | None, windows: Sequence[OrderWindow]) -> list[OrderData]:
    """Orders cut out of a whole frame and flat, and flattened."""
    return [flatten_order(frame.cutout(w.cutout), None if flat is None else flat.cutout(w.cutout), w) for w in windows]


def order_data(
    window: OrderWindow, electrons: Array, floor: Array | float, *, flat: Array | float = 1.0, flat_variance: Array | float = 0.0,
    exposures: Array | int = 1, masked: Array | None = None,
) -> OrderData:  # fmt: skip
    """Pixels of one order from arrays of the window's shape: counted electrons and variance before flat division, and the flat."""
    shape = _frame_shape(window)

    def full(values: Array | float, fill: float) -> Array:
        image = np.full(shape, fill)
        image.reshape(-1)[window.index] = np.broadcast_to(values, window.index.shape)
        return image

    flags = np.zeros(shape, dtype=np.uint8)
    if masked is not None:
        flags.reshape(-1)[window.index[masked & window.inside]] = PixelFlag.BAD
    counts = None if np.isscalar(exposures) else full(exposures, 1.0).astype(np.int64)
    n = int(exposures) if np.isscalar(exposures) else int(np.max(exposures))  # type: ignore[arg-type]
    frame = Frame(electrons=full(electrons, 0.0), variance=full(floor, 1.0), flags=flags, exptime_s=1.0, n_exposures=n, counts=counts)
    response = Frame(electrons=full(flat, 1.0), variance=full(flat_variance, 0.0), flags=np.zeros_like(flags), exptime_s=1.0)
    return cut_order_data(frame, response, (window,))[0]


def _frame_shape(window: OrderWindow) -> tuple[int, int]:
    """Shape of a frame that holds the order; where its slit lies along columns, all pixels are one row, which is as good."""
    along_rows = window.index[0, 1] == window.index[0, 0] + 1
    steps = np.diff(window.index[:2, 0]) - np.diff(window.a_start[:2])
    width = int(steps[0]) if along_rows else int(window.index.max()) + 1
    return int(window.index.max()) // width + 1, width


def object_trace(*orders: TinyOrder, fwhm: float = 1.0, forced: bool = False) -> ObjectTrace:
    """The traces of orders as one value, without samples."""
    none, no = np.empty(0), np.empty(0, dtype=bool)
    samples = ContinuumSamples(
        order=np.empty(0, dtype=int), b_px=none, a_px=none, wavelength_nm=none, offset_arcsec=none, sigma_px=none, detected=no, used=no,
        residual_px=none,
    )  # fmt: skip
    return ObjectTrace(
        orders={order.trace.order: order.trace for order in orders}, samples=samples, sources=(), significance=100.0, forced=forced,
        fwhm_arcsec=fwhm, order_deg=4, axis_deg=4,
    )  # fmt: skip


LINES = ((60.3, 3000.0), (150.7, 30000.0), (210.1, 400.0))


def tiny_order(
    *, n_b: int = 300, seed: int | None = 1, level: float = 800.0, lines: tuple[tuple[float, float], ...] = LINES, **values: object
) -> TinyOrder:
    """One order with three sky lines and a smooth object."""
    window = cut_orders(make_geometry(n_b=n_b))[0]
    u = position(window)
    flux = level * (1.0 + 0.3 * np.sin(np.arange(n_b) / 50.0))
    rng = None if seed is None else np.random.default_rng(seed)
    return observe(window, sky_light(u, lines=lines), flux, rng=rng, **values)  # type: ignore[arg-type]


def plus_light(order: TinyOrder, electrons: np.ndarray) -> TinyOrder:
    """The order with that light on top, without the noise of it."""
    return replace(order, data=replace(order.data, electrons=order.data.electrons + electrons))


def object_pixel(order: TinyOrder, row: int, offset: int = 0) -> tuple[int, int]:
    """Row and column of the object's brightest pixel in a row, or of one beside it."""
    return row, int(np.argmax(order.shares[row])) + offset
