"""Rows and columns without light, told from all that is faint, sharp or narrow on a sound detector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from soxspipe.algorithms.frames.dead_lines import OrdersInAdu, find_dead_lines
from soxspipe.datamodel.geometry import Geometry
from support.orders import make_geometry

READ_NOISE_E = 4.0
PEDESTAL_E = 500.0
ROWS, COLUMNS = 300, 240  # four orders of 36 px along x, each bent by 2 px, 24 px apart; the dispersion is along y

GEOMETRY = make_geometry(axis="y", numbers=(11, 12, 13, 14), spacing=60, n_b=ROWS)
SLIT = np.nan_to_num(GEOMETRY.dispersion_map.slit_arcsec, nan=99.0)
ON_ORDER = GEOMETRY.dispersion_map.order > 0

Light = np.ndarray
Change = Callable[[Light], Light]


def sky(level: float = 100.0) -> Light:
    """Even light on every order."""
    return np.where(ON_ORDER, level, 0.0)


def star(total_e: float, fwhm_px: float = 2.2, beta: float = 3.5) -> Light:
    """A Moffat image at the slit's centre, the electrons of one row."""
    alpha = fwhm_px / (2 * np.sqrt(2 ** (1 / beta) - 1))
    profile = (1 + (3.0 * SLIT / alpha) ** 2) ** -beta
    return np.where(ON_ORDER, total_e * profile / profile.sum(axis=1, keepdims=True) * 4, 0.0)


def found(light: Light, geometry: Geometry = GEOMETRY, *, spoil: Change | None = None, pedestal: bool = True, seed: int = 1):
    """Blocks in a frame that holds this light."""
    rng = np.random.default_rng(seed)
    frame = PEDESTAL_E + rng.poisson(light) + rng.normal(0.0, READ_NOISE_E, light.shape)
    if spoil is not None:
        frame = spoil(frame)
    image = np.full(light.shape, PEDESTAL_E, dtype=np.float32) if pedestal else None
    blocks = find_dead_lines(
        OrdersInAdu(
            adu=np.round(frame / 2.0).astype(np.float32), pedestal_e=image, order=geometry.dispersion_map.order,
            bad=np.zeros(light.shape, dtype=bool), gain_e_per_adu=2.0, read_noise_e=READ_NOISE_E, saturation_adu=60000.0,
        )
    )  # fmt: skip
    return [(block.axis, block.first, block.stop) for block in blocks]


def dead(where: object, *, noise: float = READ_NOISE_E, level: float = PEDESTAL_E) -> Change:
    """Pixels that hold a level and noise alone."""

    def change(frame: Light) -> Light:
        frame[where] = np.random.default_rng(9).normal(level, noise, frame[where].shape)
        return frame

    return change


PLACES = {
    "first half of the rows": (np.s_[:150], [(0, 0, 150)]),
    "last half of the rows": (np.s_[150:], [(0, 150, 300)]),
    "strip of rows": (np.s_[100:132], [(0, 100, 132)]),
    "two strips of rows": (np.r_[40:60, 200:230], [(0, 40, 60), (0, 200, 230)]),
    "columns through an order": (np.s_[:, :90], [(1, 0, 90)]),
    "strip of columns": (np.s_[:, 82:146], [(1, 82, 146)]),
}


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("kind", ["noise", "one number", "another level", "no pedestal known"])
def test_dead_blocks_are_found_with_their_ends(place, kind):
    where, expected = PLACES[place]
    if kind in ("another level", "no pedestal known") and "columns" in place:
        pytest.skip("a column that lies within an order has no pixels between orders to take its level from")
    spoil = dead(where, noise=0.0 if kind == "one number" else READ_NOISE_E, level=740.0 if kind == "another level" else PEDESTAL_E)
    assert found(sky() + star(3000.0), spoil=spoil, pedestal=kind != "no pedestal known") == expected


def test_a_star_without_sky_shows_dead_rows():
    assert found(star(8000.0), spoil=dead(np.s_[120:200])) == [(0, 120, 200)]


def test_the_light_beside_a_block_is_told():
    frame = OrdersInAdu(
        adu=np.where(np.arange(ROWS)[:, None] < 100, 0.0, sky(80.0)), pedestal_e=np.zeros((ROWS, COLUMNS)),
        order=GEOMETRY.dispersion_map.order, bad=np.zeros((ROWS, COLUMNS), dtype=bool), gain_e_per_adu=2.0, read_noise_e=READ_NOISE_E,
    )  # fmt: skip
    (block,) = find_dead_lines(frame)
    assert (block.axis, block.first, block.stop, block.beside_e) == (0, 0, 100, 160.0)


def test_too_faint_to_tell_is_not_told():
    assert found(sky(8.0), spoil=dead(np.s_[:150])) == []


def moved_slit(px: int) -> Light:
    """Sky on a slit whose image lies off the map: the map's own edge is dark on one side."""
    return np.roll(np.where(ON_ORDER, 300.0, 0.0), px, axis=1)


def telluric(fwhm_px: float = 3.0) -> Light:
    """A black band of 60 rows in every order, at one row, with the sharpest edge that the optics allow."""
    from scipy.ndimage import gaussian_filter1d

    rows = np.where((np.arange(ROWS) > 120) & (np.arange(ROWS) < 180), 0.0, 1.0)
    return (sky(40.0) + star(60000.0)) * gaussian_filter1d(rows, fwhm_px / 2.355)[:, None]


def lines_alone() -> Light:
    """Bright sky lines between rows that hold nothing."""
    rows = sum(np.exp(-0.5 * ((np.arange(ROWS) - place) / 1.1) ** 2) for place in (30, 34, 40, 95, 96, 101, 200, 203, 280))
    return sky(2000.0) * rows[:, None]


SOUND = {
    "nothing": sky(0.0),
    "faint sky": sky(2.0),
    "bright sky": sky(20000.0),
    "a bright star without sky": star(1e6),
    "no light at the blue end": sky(200.0) * np.clip(np.arange(ROWS) / 150.0 - 0.5, 0.0, 1.0)[:, None] ** 2,
    "a slit that moved": moved_slit(11),
    "a slit that moved the other way": moved_slit(-11),
    "a telluric band": telluric(),
    "sky lines alone": lines_alone(),
    "a shadow across the slit": sky(500.0) * np.clip((np.abs(SLIT - 2.0) - 1.0) / 0.7, 0.02, 1.0),
    "one order without light": sky(500.0) * (GEOMETRY.dispersion_map.order != 12),
}


@pytest.mark.parametrize("name", list(SOUND))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_said_of_a_sound_frame(name, seed):
    assert found(SOUND[name], seed=seed) == []
    assert found(SOUND[name], seed=seed, pedestal=False) == []


def test_a_star_along_straight_orders_leaves_no_edge():
    level = make_geometry(axis="y", numbers=(11, 12, 13, 14), spacing=60, n_b=ROWS, bend=0.0)
    assert found(star(1e5), level) == []
    assert found(star(3e3), level) == []


def test_channels_of_another_level_are_no_light():
    def offset(frame: Light) -> Light:
        frame[100:164] += 300.0
        return frame

    assert found(sky(0.0), spoil=offset) == []


@pytest.mark.parametrize("value", [3.4e38, -3.4e38, np.inf, -1e12])
def test_numbers_that_no_detector_gives_raise_nothing(value):
    with np.errstate(all="raise"):
        assert found(sky(), spoil=dead(np.s_[:150, :100], noise=0.0, level=value)) == []


def test_a_pedestal_that_is_not_a_number_tells_nothing():
    frame = OrdersInAdu(
        adu=sky(80.0), pedestal_e=np.full((ROWS, COLUMNS), np.nan), order=GEOMETRY.dispersion_map.order,
        bad=np.zeros((ROWS, COLUMNS), dtype=bool), gain_e_per_adu=2.0, read_noise_e=READ_NOISE_E,
    )  # fmt: skip
    assert find_dead_lines(frame) == ()


def test_saturated_and_missing_pixels_are_spoken_of_elsewhere():
    for value in (1e6, np.nan):
        assert found(sky(), spoil=dead(np.s_[:150], noise=0.0, level=value)) == []
