"""Errors of wavelengths that come from the object's place on the slit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.wavelengths.place_error import LEAST_SAMPLES, line_tilt, place_errors
from soxspipe.datamodel.trace import ContinuumSamples
from support.orders import make_geometry


def samples(order: np.ndarray, residual: np.ndarray, used: np.ndarray) -> ContinuumSamples:
    zero = np.zeros(order.size)
    return ContinuumSamples(
        order=order, b_px=zero, a_px=zero, wavelength_nm=zero + 900.0, offset_arcsec=zero, sigma_px=zero + 2.0, detected=used, used=used,
        residual_px=residual,
    )  # fmt: skip


def test_an_order_is_known_as_well_as_its_slices_scatter_and_a_dark_one_as_the_worst() -> None:
    order = np.repeat([10, 11, 12], 16)
    residual = np.tile([0.1, -0.1], 24) * np.repeat([1.0, 2.0, 9.0], 16)
    used = (order != 12) | (np.arange(order.size) % 16 < LEAST_SAMPLES - 1)
    found = place_errors(samples(order, residual, used))
    assert found == pytest.approx({10: 0.1 / 4.0, 11: 0.2 / 4.0, 12: 0.2 / 4.0})


def test_without_an_object_there_is_no_error_of_its_place() -> None:
    order = np.array([10, 10, 11])
    assert place_errors(samples(order, np.full(3, np.nan), np.zeros(3, bool))) == {10: 0.0, 11: 0.0}


def test_the_tilt_of_a_map_is_found_whichever_way_it_runs() -> None:
    """Wavelength 900 + 0.05 b + 0.0125 a: a line moves by a quarter of a pixel per pixel along the slit."""
    (window,) = cut_orders(make_geometry(numbers=(11,), n_b=100, spacing=60))
    straight = np.broadcast_to(0.05 * window.b_px[:, None], window.index.shape)
    across = 0.0125 * np.arange(window.index.shape[1])
    for sign in (1.0, -1.0):
        assert line_tilt(replace(window, wavelength_nm=900.0 + straight + sign * across)) == pytest.approx(0.25)
    assert line_tilt(replace(window, wavelength_nm=np.full(window.index.shape, np.nan))) == 0.0
