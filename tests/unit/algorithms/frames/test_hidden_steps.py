"""Steps in level under orders that run along the columns."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.frames.hidden_steps import HiddenStep, find_hidden_steps
from soxspipe.algorithms.frames.unlit_light import UnlitLight

SHAPE = (2048, 420)
UNLIT = np.ones(SHAPE, dtype=bool)
UNLIT[:, 90:170] = UNLIT[:, 260:340] = False
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
ROWS, COLUMNS = np.zeros(SHAPE[0]), np.zeros(SHAPE[1])


def frame(seed: int, step: np.ndarray, scattered_e: float = 10.0) -> np.ndarray:
    """Scattered light of two orders, stronger in some rows, a star in each order, noise of 4 e- and a level of its own of every column."""
    light = scattered_e * (1.0 + 0.8 * np.sin(Y / 200.0)) * sum(np.exp(-0.5 * ((X - at) / 130.0) ** 2) for at in (130, 300))
    star = sum(80.0 * np.exp(-0.5 * ((X - at - Y / 150.0) / 3.0) ** 2) for at in (120, 300))
    return light + star + step + 4.0 * np.random.default_rng(seed).normal(size=SHAPE)


def found_in(light: np.ndarray) -> tuple[HiddenStep, ...]:
    def lit(where: np.ndarray) -> UnlitLight:
        return UnlitLight(light=np.where(where, light, 0.0).astype(np.float32), sound=where)

    return find_hidden_steps(lit(UNLIT), ROWS, COLUMNS, lit)


@pytest.mark.parametrize(("column", "size"), [(112, 6.0), (150, -5.0), (305, 8.0)])
def test_a_step_under_an_order_is_found_with_its_place(column: int, size: float) -> None:
    (step,) = found_in(frame(1, size * (column <= X)))
    assert step.column == column
    assert step.size_e == pytest.approx(size, abs=4.0 * step.error_e)
    assert step.error_e < 0.9  # a tenth of the scattered light, as far as the bands do not tell it from a step
    assert step.levels(SHAPE[1])[[column - 1, column]] == pytest.approx([0.0, step.size_e])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scattered_e", [1.0, 10.0, 100.0])
def test_scattered_light_makes_no_step(seed: int, scattered_e: float) -> None:
    assert found_in(frame(seed, np.zeros(SHAPE), scattered_e)) == ()


def test_a_step_that_the_order_does_not_show_has_no_place() -> None:
    (step,) = found_in(frame(2, 6.0 * np.clip((X - 100.0) / 60.0, 0.0, 1.0)))  # a ramp
    assert step.column is None
    assert step.size_e == pytest.approx(6.0, abs=1.5)
    assert not step.levels(SHAPE[1]).any()


def test_a_step_of_a_part_of_the_rows_has_no_place_either() -> None:
    (step,) = found_in(frame(5, 8.0 * ((X >= 130) & (Y >= 900)), scattered_e=3.0))
    assert step.column is None
    assert step.size_e == pytest.approx(8.0, abs=1.5)


def test_rows_and_columns_that_are_known_are_taken_off_first() -> None:
    light = frame(3, 6.0 * (X >= 130))
    rows, columns = 5.0 * np.random.default_rng(4).normal(size=SHAPE[0]), 6.0 * (np.arange(SHAPE[1]) >= 130)

    def lit(where: np.ndarray) -> UnlitLight:
        return UnlitLight(light=np.where(where, light + rows[:, None], 0.0).astype(np.float32), sound=where)

    assert find_hidden_steps(lit(UNLIT), rows, columns, lit) == ()


def test_few_rows_tell_nothing() -> None:
    light = 6.0 * (X >= 130) + 0.0 * Y
    few = UnlitLight(light=light[:512].astype(np.float32), sound=UNLIT[:512])
    assert find_hidden_steps(few, ROWS[:512], COLUMNS, lambda where: UnlitLight(light=0.0 * where, sound=where)) == ()
