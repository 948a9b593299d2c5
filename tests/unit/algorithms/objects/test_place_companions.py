"""Companions are put where they stand, by a fit of all images together."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.place_companions import place_companions
from soxspipe.algorithms.objects.slit_rows import BIN_ARCSEC, REACH_ARCSEC, SlitRows
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.trace import ContinuumSamples, ObjectTrace, OrderTrace, SlitSource

COLOUR = np.linspace(0.7, 1.4, 8)
NOISE = 2.0
FWHM = 0.9


def trace_at(place_arcsec: float) -> ObjectTrace:
    one = np.ones(4)
    order = OrderTrace(order=1, b_px=np.arange(4), a_px=one, slit_arcsec=place_arcsec * one, sigma_px=one)
    none, nowhere, never = np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
    samples = ContinuumSamples(
        order=nowhere, b_px=none, a_px=none, wavelength_nm=none, offset_arcsec=none, sigma_px=none, detected=never, used=never, residual_px=none
    )  # fmt: skip
    return ObjectTrace(
        orders={1: order}, samples=samples, sources=(), significance=99.0, forced=False, fwhm_arcsec=FWHM, order_deg=1, axis_deg=1
    )


def companion_at(place_arcsec: float) -> SlitSource:
    return SlitSource(slit_arcsec=place_arcsec, fwhm_arcsec=FWHM, significance=30.0, relative_flux=0.1)


def rows_of(images: list[tuple[float, float]], seed: int, beta: float = 2.6, sky: float = 0.0) -> SlitRows:
    """Rows of Moffats at (place, height), with noise and what a sky model left of a parabola."""
    middle = np.arange(-REACH_ARCSEC, REACH_ARCSEC, BIN_ARCSEC) + 0.5 * BIN_ARCSEC
    distance = np.broadcast_to(middle, (COLOUR.size, middle.size))
    moffat = Moffat(fwhm_arcsec=0.82, slope=-0.25, beta=beta, pivot_nm=1.0)
    unit = float(moffat(0.0, 1.0, 0.28))
    light: FloatArray = np.zeros(distance.shape) + sky * (middle / REACH_ARCSEC) ** 2
    for place, height in images:
        light = light + height / unit * moffat(distance - place, COLOUR[:, None], 0.28)
    light = light + np.random.default_rng(seed).normal(0.0, NOISE, light.shape)
    return SlitRows(
        light=light, weight=np.full(light.shape, NOISE**-2), distance_arcsec=distance, sky=np.zeros(8), colour=COLOUR, pixel_arcsec=0.28
    )


@pytest.mark.parametrize(("away", "height"), [(1.4, 160.0), (-1.4, 300.0), (2.2, 80.0), (-1.8, -120.0)])
def test_a_companion_is_put_where_it_stands(away: float, height: float) -> None:
    """Begun 0.1 arcsec too far out and from a trace drawn 0.03 arcsec to the companion; a star of an off-frame is missing light."""
    drawn = 0.03 * np.sign(away)
    rows = rows_of([(-drawn, 1000.0), (away - drawn, height)], seed=1, sky=5.0)
    found = place_companions(rows, trace_at(-0.7), [companion_at(-0.7 + away + 0.1 * np.sign(away))])
    assert found is not None
    assert found.companions[0].slit_arcsec == pytest.approx(-0.7 + away, abs=0.02)
    assert found.star.places == ((pytest.approx(-drawn, abs=0.005), 1.0),)
    assert found.star.fwhm_arcsec == pytest.approx(0.82, rel=0.01)
    assert found.star.beta == pytest.approx(2.6, abs=0.15)


def test_two_companions_are_placed_together() -> None:
    rows = rows_of([(0.0, 1000.0), (1.5, 250.0), (-2.0, 100.0)], seed=2, beta=3.4)
    found = place_companions(rows, trace_at(0.0), [companion_at(1.58), companion_at(-2.1)])
    assert found is not None
    assert [source.slit_arcsec for source in found.companions] == pytest.approx([1.5, -2.0], abs=0.03)


def test_a_companion_beyond_the_rows_stays_where_it_was_found() -> None:
    far = companion_at(6.2)
    rows = rows_of([(0.0, 1000.0), (1.5, 250.0)], seed=3)
    found = place_companions(rows, trace_at(0.0), [companion_at(1.55), far])
    assert found is not None
    assert found.companions[1] is far


def test_without_a_companion_in_reach_there_is_nothing_to_place() -> None:
    rows = rows_of([(0.0, 1000.0)], seed=4)
    assert place_companions(rows, trace_at(0.0), [companion_at(5.8)]) is None
