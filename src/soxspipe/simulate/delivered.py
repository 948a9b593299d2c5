"""The geometry as a calibration hands it over: order table, dispersion table and dispersion image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import binom

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.geometry import SpectralFormat
from soxspipe.simulate.optics import SLIT_UNIT_ARCSEC, OpticalModel
from soxspipe.simulate.paint import OrderPath
from soxspipe.simulate.simulation import DeliveredMap

_ORDER_DEGREE = 6
"""Enough for a map that is as smooth as the real ones."""
_ALONG_B_DEGREE = 5
"""Of an order's centre along the dispersion, which is smooth; no measurement is recorded."""


def make_delivered_map(
    model: OpticalModel, paths: Mapping[int, OrderPath], spectral_format: SpectralFormat, half_slit_arcsec: float
) -> DeliveredMap:
    """Tabulate an optical model the way a calibration pipeline does.

    Parameters
    ----------
    model : OpticalModel
        The geometry as measured, errors and all.
    paths : mapping of int to OrderPath
        The lit pixels of every order of the model.
    spectral_format : SpectralFormat
        Outside its limits the dispersion image is left unsolved.
    half_slit_arcsec : float
        Half length of the slit.
    """
    wave, slit, order = map_images(model, paths, half_slit_arcsec)
    for number in model.orders:
        low, high = spectral_format[number].full_nm
        unsolved = (order == number) & ((wave < low) | (wave > high))
        wave[unsolved] = 0.0
        slit[unsolved] = 0.0
    along_b, along_a = dispersion_coefficients(model, "along_b"), dispersion_coefficients(model, "along_a")
    limits = {number: _limits(path, spectral_format[number].full_nm) for number, path in paths.items()}
    edges = {name: _fit_edge(paths, limits, position) for name, position in _edge_positions(paths, half_slit_arcsec).items()}
    return DeliveredMap(
        wavelength_nm=wave.astype(np.float32),
        slit_arcsec=slit.astype(np.float32),
        order=order.astype(np.float32),
        x_coefficients=along_b if model.dispersion_axis == "x" else along_a,
        y_coefficients=along_a if model.dispersion_axis == "x" else along_b,
        limits=limits,
        **edges,
    )


def map_images(model: OpticalModel, paths: Mapping[int, OrderPath], half_slit_arcsec: float) -> tuple[Image, Image, Image]:
    """Wavelength (nm), slit position (arcsec) and order of every lit pixel centre; NaN elsewhere; float64, unbinned."""
    images = tuple(np.full(model.shape, np.nan) for _ in range(3))
    for number, path in paths.items():
        slit = path.columns.slit_arcsec(path.a_px.astype(np.float64))
        centre_b = path.columns.centre_b(path.a_px.astype(np.float64))
        grid = path.grid
        wave = np.interp(centre_b, grid.b_px, grid.wavelength_nm)
        use = (path.index >= 0) & (np.abs(slit) <= half_slit_arcsec)
        for image, values in zip(images, (wave, slit, np.full(slit.shape, float(number))), strict=True):
            image.reshape(-1)[path.index[use]] = values[use]
    return images[0], images[1], images[2]


def dispersion_coefficients(model: OpticalModel, axis: str) -> FloatArray:
    """Coefficients of ``n^i lambda^j s^k`` that reproduce every order of the model; shape (i, j, k).

    The orders' own polynomials are expanded in wavelength, and each coefficient is then a polynomial in the order number: of degree 6,
    which is exact for surfaces in order times wavelength and order of total degree 6, or through all orders where they are fewer.
    """
    numbers = np.array(sorted(model.orders), dtype=np.float64)
    per_order = np.stack([_in_raw_wavelength(model, int(number), axis) for number in numbers])
    degree = min(numbers.size - 1, _ORDER_DEGREE)
    flat = per_order.reshape(numbers.size, -1)
    scale = np.abs(flat).max(axis=0)
    scale[scale == 0] = 1.0
    half = max(np.ptp(numbers) / 2, 1.0)
    middle = float(np.mean(numbers))
    scaled = np.polynomial.polynomial.polyfit((numbers - middle) / half, flat / scale, degree) * scale
    return (_unscale(degree, middle, half) @ scaled).reshape((degree + 1, *per_order.shape[1:]))


def _in_raw_wavelength(model: OpticalModel, number: int, axis: str) -> FloatArray:
    optics = model.orders[number]
    coefficients: FloatArray = getattr(optics, axis)
    slit_power = np.arange(coefficients.shape[1])
    in_wave = _unscale(coefficients.shape[0] - 1, optics.centre_nm, optics.scale_nm) @ coefficients
    return in_wave / SLIT_UNIT_ARCSEC**slit_power


def _unscale(degree: int, middle: float, half: float) -> FloatArray:
    """Matrix that turns coefficients in ``(x - middle) / half`` into coefficients in x."""
    power = np.arange(degree + 1)
    shift = binom(power[None, :], power[:, None]) * np.power(-middle, np.clip(power[None, :] - power[:, None], 0, None))
    return np.asarray(np.where(power[None, :] >= power[:, None], shift, 0.0) / half ** power[None, :])


def _limits(path: OrderPath, full_nm: tuple[float, float]) -> tuple[float, float, float, float]:
    wave, centre = path.columns.wavelength_nm, path.columns.centre_px
    inside = np.flatnonzero((wave >= full_nm[0]) & (wave <= full_nm[1]))
    if inside.size == 0:
        raise ValueError(
            f"order {path.order} has no light between {full_nm[0]:g} and {full_nm[1]:g} nm in the dispersion range of the scene"
        )
    b, a = path.b_px[inside], centre[inside]
    return float(b[0]), float(b[-1]), float(a.min()), float(a.max())


def _edge_positions(paths: Mapping[int, OrderPath], half_slit_arcsec: float) -> dict[str, dict[int, float]]:
    """Slit position that is the centre, the edge at smaller and the edge at larger slit-axis pixels of each order."""
    sign = {
        number: float(np.sign(np.diff(path.columns.slit_arcsec(path.a_px[:, [0, -1]].astype(np.float64))[0])[0]))
        for number, path in paths.items()
    }
    return {
        name: {number: share * half_slit_arcsec * sign[number] for number in paths}
        for name, share in (("centre", 0), ("low", -1), ("high", 1))
    }


def _fit_edge(
    paths: Mapping[int, OrderPath], limits: Mapping[int, tuple[float, float, float, float]], position: Mapping[int, float]
) -> FloatArray:
    """Fit ``A(n, B)`` through one slit position of all orders; shape (order, axis)."""
    number, b, a = [], [], []
    for order, path in paths.items():
        use = (path.b_px >= limits[order][0]) & (path.b_px <= limits[order][1])
        edge = path.columns.a_px(np.array([[position[order]]]))[:, 0]
        number.append(np.full(int(use.sum()), float(order)))
        b.append(path.b_px[use].astype(np.float64))
        a.append(edge[use])
    orders, columns, pixels = (np.concatenate(part) for part in (number, b, a))
    order_degree = min(len(paths) - 1, _ORDER_DEGREE)
    middle, half = np.mean(list(paths)), max(np.ptp(list(paths)) / 2, 1.0)
    b_middle, b_half = 0.5 * (columns.min() + columns.max()), 0.5 * np.ptp(columns)
    design = np.polynomial.polynomial.polyvander2d((orders - middle) / half, (columns - b_middle) / b_half, [order_degree, _ALONG_B_DEGREE])
    fit = np.linalg.lstsq(design, pixels, rcond=None)[0].reshape(order_degree + 1, _ALONG_B_DEGREE + 1)
    return np.asarray(_unscale(order_degree, float(middle), float(half)) @ fit @ _unscale(_ALONG_B_DEGREE, b_middle, b_half).T)
