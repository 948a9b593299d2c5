"""Which exposures agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.exposures.agreement import difference, group_exposures, line_shift
from soxspipe.algorithms.exposures.quick_look import QuickLook

ROWS = np.arange(600)


def sky(shift: float = 0.0, seed: int = 1, strength: float = 1.0) -> tuple[np.ndarray, ...]:
    lines = sum(3000.0 * strength * np.exp(-0.5 * ((ROWS - place - shift) / 1.2) ** 2) for place in (100.3, 250.8, 400.1, 520.6))
    return (np.random.default_rng(seed).poisson(50.0 + lines).astype(float),)


def look(**changed: object) -> QuickLook:
    bins = np.zeros(10)
    values: dict[str, object] = {
        "slit_arcsec": bins, "light": bins, "error": bins, "position_arcsec": 0.4, "width_arcsec": 1.0, "throughput": 100.0, "position_error": 0.005,
        "width_error": 0.01, "throughput_error": 0.5, "significance": 200.0, "strips": sky(), "sky": 50.0,
    }  # fmt: skip
    return QuickLook(**(values | changed))  # type: ignore[arg-type]


def agrees(one: QuickLook, other: QuickLook) -> bool:
    return difference(one, other, read_noise_e=3.0, same_time=True).agrees


def test_equal_exposures_agree() -> None:
    assert agrees(look(strips=sky(seed=2)), look())


@pytest.mark.parametrize(
    "changed",
    [{"position_arcsec": 0.7}, {"throughput": 60.0}, {"width_arcsec": 1.3}, {"strips": sky(0.4, seed=2)}],
    ids=["position", "light", "seeing", "lines"],
)
def test_each_difference_is_seen(changed: dict[str, object]) -> None:
    assert not agrees(look(**changed), look())


def test_differences_within_the_errors_are_none() -> None:
    faint = {"position_error": 0.2, "throughput_error": 30.0, "width_error": 0.3}
    assert agrees(look(position_arcsec=0.7, throughput=70.0, width_arcsec=1.3, **faint), look(**faint))


def test_stronger_lines_are_no_motion() -> None:
    shift, error = line_shift(sky(0.0, 2, strength=2.0), sky(), 3.0)
    assert abs(shift) < 5.0 * error
    assert error < 0.02


@pytest.mark.parametrize("moved", [-1.7, -0.05, 0.3, 2.5])
def test_motion_of_the_lines(moved: float) -> None:
    shift, error = line_shift(sky(moved, seed=3), sky(), 3.0)
    assert shift == pytest.approx(moved, abs=max(5.0 * error, 0.03))


def test_exposures_without_a_row_in_common_have_no_motion() -> None:
    """Halves of the detector that were dead in one exposure each."""
    lines = 100.0 + 500.0 * (np.arange(200) % 40 == 0)
    first, second = np.where(np.arange(200) < 100, lines, np.nan), np.where(np.arange(200) < 100, np.nan, lines)
    assert line_shift((first,), (second,), 5.0) == (0.0, np.inf)


def test_groups_are_those_that_agree_with_their_first() -> None:
    looks = [look(), look(position_arcsec=3.0), look(strips=sky(seed=4)), look(position_arcsec=3.02)]
    assert group_exposures(looks, [3.0] * 4, [(600.0, 1)] * 4) == [[0, 2], [1, 3]]
    assert group_exposures(looks[:1] * 2, [3.0] * 2, [(900.0, 1), (60.0, 1)]) == [[0], [1]]
    nobody = [replace(one, significance=2.0) for one in looks]
    assert group_exposures(nobody, [3.0] * 4, [(600.0, 1)] * 4) == [[0, 1, 2, 3]]
    turned = group_exposures(nobody, [3.0] * 4, [(600.0, 1)] * 4, [355.0, 4.0, 20.0, None])
    assert turned == [[0, 1, 3], [2]]
