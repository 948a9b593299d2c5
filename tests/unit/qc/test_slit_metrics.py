"""The slit, the object on it and the response in the names of release 0.19 of the reference."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.slit import OrderSlit, SlitOffset
from soxspipe.qc.slit_metrics import (
    measure_empty_sums,
    measure_slit_drift,
    measure_slit_illumination,
    measure_trace_quality,
    pixels_of_object,
)
from support.orders import make_arm

B = np.arange(100)


def values(found: tuple[Metric, ...]) -> dict[str, object]:
    return {metric.name: metric.value for metric in found}


def trace(*slopes: float, fwhm: float = 1.0) -> SimpleNamespace:
    """Orders 11, 12, ... whose object runs along the slit by a slope (arcsec over the order), about +0.5 arcsec."""
    orders = {11 + k: SimpleNamespace(b_px=B, slit_arcsec=0.5 + slope * (B / 99.0 - 0.5)) for k, slope in enumerate(slopes)}
    samples = SimpleNamespace(order=np.repeat(list(orders), 10), detected=np.repeat(np.arange(len(orders)) == 0, 10))
    return SimpleNamespace(orders=orders, fwhm_arcsec=fwhm, samples=samples)


def test_drift_from_the_bluest_to_the_reddest_wavelength() -> None:
    """Order 12 lies bluewards of order 11: from 0.5 + 0.1 / 2 in the blue to 0.5 + 0.4 / 2 in the red, wavelengths falling with the pixel."""
    spectra = [SimpleNamespace(order=order, b_px=B, wavelength_nm=start - B) for order, start in ((12, 1100.0), (11, 1200.0))]
    found = values(measure_slit_drift(trace(-0.4, 0.1), spectra))
    assert found["SLIT DRIFT"] == pytest.approx(0.7 - 0.55)
    assert found["SLIT ZERO WLEN"] is None
    assert values(measure_slit_drift(trace(0.1), []))["SLIT DRIFT"] is None


def test_where_the_object_crosses_the_middle_of_the_slit() -> None:
    spectra = [SimpleNamespace(order=11, b_px=B, wavelength_nm=1000.0 + B)]
    assert values(measure_slit_drift(trace(2.0), spectra))["SLIT ZERO WLEN"] == pytest.approx(1000.0 + 0.25 * 99, abs=1.0)


def test_slit_illumination_is_in_arcsec() -> None:
    slit = SlitOffset(
        px=3.6, error_px=0.1, applied=True, orders={11: OrderSlit(px=3.6, error_px=0.1, edges_arcsec=(-6, 6))}, arcsec={11: 0.9}
    )
    assert values(measure_slit_illumination(slit, make_arm())) == {
        "SLIT ILLUM APPLIED": 1, "SLIT ILLUM N ORDERS": 1, "SLIT ILLUM OFFSET O11": 0.9,
    }  # fmt: skip
    assert values(measure_slit_illumination(SlitOffset(), make_arm()))["SLIT ILLUM N ORDERS"] == 0


def test_orders_at_the_end_of_the_slit_and_faint_ones() -> None:
    """At +5.6 arcsec of 6, half of an image 1 arcsec wide is cut; the second of two orders shows no sample."""
    one = trace(0.0, 0.0)
    one.orders[11].slit_arcsec = np.full(100, 5.6)
    assert values(measure_trace_quality(one, 6.0)) == {"N ORDERS SLIT EDGE": 1, "N ORDERS FAINT TRACE": 1}


def test_noise_that_a_line_shares_shows_in_sums_along_the_slit() -> None:
    draw = np.random.default_rng(8)
    alone, shared = draw.normal(size=(2000, 40)), 0.7 * draw.normal(size=(2000, 1))
    empty = np.ones(alone.shape, dtype=bool)
    empty[:, 18:22] = False  # an object: no sum reaches across it
    for residual, expected in ((alone, 1.0), (alone + shared, np.sqrt(1.0 + 5 * 0.7**2))):
        (along,) = measure_empty_sums(residual, empty, "x", 5)
        (across,) = measure_empty_sums(residual.T, empty.T, "y", 5)
        assert along.value == across.value
        assert along.value == pytest.approx(expected, rel=0.06)
    (few,) = measure_empty_sums(alone, empty, "x", 30)
    assert few.value is None


def test_an_object_counts_in_as_many_pixels_as_its_width_has() -> None:
    slit = np.tile(np.arange(40) * 0.25 - 5.0, (20, 1))
    order = np.ones(slit.shape, dtype=np.int64)
    assert pixels_of_object(order, slit, "x", 1.0) == 6
    assert pixels_of_object(order.T, slit.T, "y", 1.0) == 6
    assert pixels_of_object(order, slit, "x", np.nan) == 2
