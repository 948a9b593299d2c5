"""One host in exposures of different seeing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.objects.blurred_host import BlurredHost
from soxspipe.algorithms.objects.host_light import PARTS
from soxspipe.algorithms.objects.point_source import StarFit
from soxspipe.algorithms.objects.shared_host import HostRows, as_good, find_shared_host, missing_of
from soxspipe.algorithms.objects.slit_model import SlitModel
from soxspipe.algorithms.objects.slit_rows import BIN_ARCSEC, REACH_ARCSEC, SlitRows
from soxspipe.datamodel.host import HostLight

CENTRES = (np.arange(round(2 * REACH_ARCSEC / BIN_ARCSEC)) + 0.5) * BIN_ARCSEC - REACH_ARCSEC
ORDERS = {11: 240, 12: 240}
STAR = 4000.0


def light(parts: int, seeing: float, clear: float, host: float, *, beta: float, aside: float) -> np.ndarray:
    """A star and a disc of 4 arcsec with `host` of its peak, through air that lets `clear` of them pass; shape (rows, bins)."""
    core = seeing / (2 * np.sqrt(2 ** (1 / beta) - 1))
    star = STAR * 0.7 / seeing * (1 + (CENTRES / core) ** 2) ** -beta
    galaxy = STAR * host * BlurredHost(seeing, 1.0, 1.0)(CENTRES - aside, 4.0)
    return np.tile(clear * (star + galaxy), (len(ORDERS) * parts, 1))


def exposure(
    seeing: float, clear: float, host: float, *, seed: int, error: float = 12.0, beta: float = 3.0, aside: float = 0.4
) -> HostRows:
    rng = np.random.default_rng(seed)

    def rows(parts: int) -> SlitRows:
        made = light(parts, seeing, clear, host, beta=beta, aside=aside)
        noise = error * np.sqrt(parts / 8)
        n = made.shape[0]
        return SlitRows(
            light=made + rng.normal(0.0, noise, made.shape),
            weight=np.full(made.shape, noise**-2.0),
            distance_arcsec=np.broadcast_to(CENTRES, made.shape),
            sky=np.full(n, 50.0),
            colour=np.ones(n),
            pixel_arcsec=0.01,
        )

    coarse = rows(8)
    model = SlitModel(coarse, seeing)
    star = StarFit(parts=8, rows=coarse, model=model, fit=model.start())
    return HostRows(lengths=dict(ORDERS), star=star, finer=rows(PARTS), fwhm_arcsec=seeing)


SEEINGS = (0.75, 1.3)
NO_LOSSES = (1.0, 1.0)
"""The light of the stars as drawn does not change with seeing."""
CLEAR = (0.6, 0.9)


def two(host: float, **how: float) -> list[HostRows]:
    """Two exposures of one scene."""
    return [exposure(s, c, host, seed=k, **how) for k, (s, c) in enumerate(zip(SEEINGS, CLEAR, strict=True))]


def test_a_host_is_one_in_all_exposures() -> None:
    seen = two(0.2)
    first, second = find_shared_host(seen, NO_LOSSES, 1.0)
    assert first.taken
    assert second.taken
    assert first.significance == second.significance
    assert first.size_arcsec == pytest.approx(4.0, abs=0.6)
    for place, one in enumerate((first, second)):
        assert_right(one, place)


def assert_right(host: HostLight, place: int) -> None:
    """The host as an exposure shows it is within a tenth of the true one, in the light and seeing of that exposure."""
    truth = STAR * 0.2 * CLEAR[place] * BlurredHost(SEEINGS[place], 1.0, 1.0)(CENTRES - 0.4, 4.0)
    found = np.median(host.peak[11]) * host.along(CENTRES)
    assert np.abs(found - truth).sum() < 0.1 * truth.sum()


def test_stars_in_any_seeing_have_no_host() -> None:
    for beta in (2.3, 4.0):
        found = find_shared_host(two(0.0, beta=beta), NO_LOSSES, 1.0)
        assert not any(one.taken for one in found)


def test_an_order_that_one_exposure_has_not_is_measured_in_the_others() -> None:
    seen = two(0.2)
    half = slice(0, 8)
    rows = seen[1].star.rows
    cut = replace(
        rows,
        light=rows.light[half],
        weight=rows.weight[half],
        distance_arcsec=rows.distance_arcsec[half],
        sky=rows.sky[half],
        colour=rows.colour[half],
    )
    model = SlitModel(cut, SEEINGS[1])
    fine = seen[1].finer
    finer = replace(
        fine, light=fine.light[:PARTS], weight=fine.weight[:PARTS], distance_arcsec=fine.distance_arcsec[:PARTS], sky=fine.sky[:PARTS],
        colour=fine.colour[:PARTS],
    )  # fmt: skip
    short = replace(seen[1], lengths={11: 240}, star=replace(seen[1].star, rows=cut, model=model, fit=model.start()), finer=finer)
    _, second = find_shared_host([seen[0], short], NO_LOSSES, 1.0)
    assert set(second.peak) == {11, 12}
    assert np.median(second.peak[12]) == pytest.approx(np.median(second.peak[11]), rel=0.15)
    assert_right(second, 1)  # its light is told by the rows that both exposures have


def test_a_fit_that_is_behind_reaches_less_far() -> None:
    """Three errors for the best, two for one that is 5 in chi squared worse."""
    assert as_good(0.97, 0.04, 0.0) == pytest.approx((0.85, 1.09))
    assert as_good(0.88, 0.04, 5.0) == pytest.approx((0.80, 0.96))


def test_light_that_is_missing_counts_against_that_which_is_there() -> None:
    assert missing_of(np.array([5.0, 4.0, 1.0, -0.9])) == pytest.approx(0.09)
    assert missing_of(np.array([5.0, 4.0])) == 0.0
