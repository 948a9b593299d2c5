"""Orders joined with their neighbours or with a law: no correction without evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances, join_orders
from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit
from soxspipe.datamodel.detector import Flexure
from soxspipe.instruments.registry import arm

NIR, VIS = arm("SOXS", "NIR").flexure, arm("SOXS", "VIS").flexure
R, U, G, I = 1, 2, 3, 4  # noqa: E741


def own(order: int, shift: float, error: float = 0.01, n_lines: int = 20) -> OrderFit:
    return OrderFit(
        order=order, coefficients=np.array([shift, 0.0, 0.0]), covariance=np.diag([error**2, 0.0, 0.0]), n_lines=n_lines, n_expected=n_lines,
        snr=100.0, second_snr=30.0, scatter_px=0.01, n_strong=n_lines,
    )  # fmt: skip


def together(shifts: dict[int, OrderFit], numbers: range = range(10, 25)) -> dict:
    return dict(join_orders(list(numbers), shifts, Circumstances(flexure=NIR), apply=True).orders)


def bands(shifts: dict[int, OrderFit], turned: tuple[float, float] | None = (0.0, 0.0), **more: bool) -> dict:
    return dict(join_orders([R, U, G, I], shifts, Circumstances(flexure=VIS, turned=turned, **more), apply=True).orders)


def test_an_order_without_lines_goes_with_its_neighbours() -> None:
    fits = {order: own(order, 1.0 + 0.05 * (order - 17)) for order in range(12, 25) if order != 20}
    found = together(fits)
    assert found[20].source == "neighbours"
    assert found[20].shift_px == pytest.approx(1.15, abs=0.01)
    assert 0.02 < found[20].error_px < 0.06


def test_orders_that_stand_apart_are_never_guessed() -> None:
    found = together({order: own(order, 1.0) for order in range(12, 25)})
    assert not found[10].tied
    assert "does not move with" in found[10].reason
    with_lines = together({order: own(order, 1.0) for order in range(11, 25)} | {10: own(10, 4.7)})
    assert with_lines[10].shift_px == pytest.approx(4.7, abs=1e-6)


def test_few_lines_that_contradict_the_neighbours_may_be_right_or_a_chance_match() -> None:
    """3 px apart on 3 lines: half of that is the error, and a shift of 1 px says nothing beside it; one of 5 px does."""
    fits = {order: own(order, 1.0) for order in range(12, 25)} | {15: own(15, -2.0, n_lines=3)}
    found = together(fits)[15]
    assert not found.tied
    assert "contradict" in found.reason
    moved = together({order: own(order, 5.0) for order in range(12, 25)} | {15: own(15, 2.0, n_lines=3)})[15]
    assert (moved.source, moved.applied) == ("neighbours", True)
    assert moved.shift_px == pytest.approx(5.0, abs=0.02)
    assert moved.error_px == pytest.approx(1.5, abs=0.01)
    many = together(fits | {15: own(15, -2.0, n_lines=30)})[15]
    assert many.shift_px == pytest.approx(-2.0, abs=1e-6)
    unsure = replace(own(15, -2.0, n_lines=30), sure=False)
    assert not together(fits | {15: unsure})[15].tied


def test_an_order_without_lines_is_as_unsure_as_others_stand_apart() -> None:
    """One of twelve 2 px off: sqrt(4 / 12) = 0.58 px, and a common shift of 3 px still counts; five of twelve: it does not."""
    fits = {order: own(order, 3.0) for order in range(12, 24)}
    one = together(fits | {20: own(20, 5.0)})[24]
    assert (one.source, one.applied) == ("neighbours", True)
    assert one.error_px == pytest.approx(0.58, abs=0.02)
    five = together(fits | {order: own(order, 3.0 + away) for order, away in ((13, 2.0), (15, -3.0), (17, 5.0), (19, -4.0), (21, 6.0))})[24]
    assert not five.tied
    assert "do not move together" in five.reason


def test_orders_shifted_at_random_have_no_common_motion() -> None:
    """Four of thirteen lie on a line by chance; each order keeps what its own lines say, and one without lines is not guessed."""
    rng = np.random.default_rng(2)
    true = {order: float(rng.uniform(-6.0, 6.0)) for order in range(12, 24)} | {13: 1.0, 15: 1.0, 17: 1.0, 19: 1.0}
    found = together({order: own(order, shift) for order, shift in true.items()})
    assert not found[24].tied
    for order, shift in true.items():
        assert found[order].shift_px == pytest.approx(shift, abs=1e-9)


def test_orders_known_to_stand_apart_do_not_bend_the_motion_of_the_others() -> None:
    fits = {order: own(order, 0.0, error=0.03) for order in range(12, 22)} | {10: own(10, 0.15), 11: own(11, 0.12)}
    found = together(fits)
    assert found[24].shift_px == pytest.approx(0.0, abs=1e-9)
    assert found[10].shift_px == pytest.approx(0.15, abs=1e-9)


def test_between_together_and_apart_the_error_says_which_way_is_open() -> None:
    """0.3 px from the others with an error of 0.08: by hand 3.5 sigma of both errors, where either may be true."""
    fits = {order: own(order, 1.0) for order in range(12, 25)} | {18: own(18, 1.3, error=0.08)}
    found = together(fits)[18]
    assert 1.04 < found.shift_px < 1.29
    assert found.error_px > 0.08


def test_a_faint_order_leans_on_its_neighbours() -> None:
    fits = {order: own(order, 1.0) for order in range(12, 25)} | {24: own(24, 1.1, error=0.1, n_lines=4)}
    found = together(fits)[24]
    assert found.source == "lines and neighbours"
    assert 1.0 < found.shift_px < 1.03


def test_bands_without_lines_follow_the_law_by_hand() -> None:
    """r 1.0, i 0.95, rotator unchanged: u = -2.714 x 0.975, g = -3.489 x 0.975."""
    found = bands({R: own(R, 1.0), I: own(I, 0.95)})
    assert found[U].shift_px == pytest.approx(-2.714 * 0.975, abs=0.02)
    assert found[G].shift_px == pytest.approx(-3.489 * 0.975, abs=0.02)
    assert found[U].error_px == pytest.approx(0.96, abs=0.01)
    assert (found[U].source, found[U].applied) == ("law", True)


def test_the_rotator_alone_moves_u_and_g() -> None:
    """Angle 90 after 0: cosine -1, sine +1; u = 4.624 - 5.170 = -0.546 px, which is less than twice its scatter."""
    fits = {R: own(R, -0.674), I: own(I, 0.0)}
    found = bands(fits, (-1.0, 1.0))
    assert not found[U].tied
    assert "twice its error" in found[U].reason
    away = bands({R: own(R, -0.434), I: own(I, 0.0)}, (-1.0, -1.0))  # angle -90
    assert away[U].shift_px == pytest.approx(2.714 * 0.217 + 4.624 + 5.170, abs=0.05)


@pytest.mark.parametrize(
    ("fits", "turned", "why"),
    [
        ({R: own(R, 1.0), I: own(I, 1.0)}, None, "angle"),
        ({I: own(I, 1.0, n_lines=9)}, (0.0, 0.0), "not measured"),
        ({R: own(R, -1.5), I: own(I, 1.0)}, (0.0, 0.0), "usually"),
        ({R: own(R, 5.0), I: own(I, 4.6)}, (0.0, 0.0), "further"),
    ],
)
def test_without_evidence_u_and_g_stay(fits: dict[int, OrderFit], turned: tuple[float, float] | None, why: str) -> None:
    found = bands(fits, turned)
    assert not found[U].tied
    assert not found[U].applied
    assert not found[G].applied
    assert why in found[U].reason


def test_r_leans_on_i_by_its_law() -> None:
    found = bands({R: own(R, 1.3, error=0.3, n_lines=2), I: own(I, 1.0)})
    assert found[R].source == "lines and law"
    assert 1.104 < found[R].shift_px < 1.3
    far = bands({R: own(R, 7.0, error=0.2, n_lines=2), I: own(I, 1.0)})  # a single line, 7 px off
    assert far[R].source == "law"
    assert far[R].shift_px == pytest.approx(1.104)


def test_lines_that_are_not_beyond_doubt_can_forbid_a_law() -> None:
    """Six lines put r 5 px below what i says by its law: neither is believed, and u and g have no leaders."""
    found = bands({R: replace(own(R, -4.0, error=0.1, n_lines=6), sure=False), I: own(I, 1.0)})
    assert not found[R].tied
    assert "contradict" in found[R].reason
    assert not found[U].tied
    few = bands({R: replace(own(R, -4.0, error=0.1, n_lines=2), sure=False), I: own(I, 1.0)})
    assert few[R].source == "law"


def test_lines_of_its_own_count_more_than_a_law() -> None:
    found = bands({R: own(R, 1.0), I: own(I, 0.9), U: own(U, -1.2, error=0.05)})
    assert found[U].shift_px == pytest.approx(-1.2, abs=0.02)


def test_binned_pixels() -> None:
    fits = {R: own(R, 0.5), I: own(I, 0.475)}
    found = join_orders([R, U, G, I], fits, Circumstances(flexure=VIS, turned=(0.0, 0.0), dispersion_binning=2), apply=True)
    assert found.orders[U].error_px == pytest.approx(0.48, abs=0.01)


def test_beside_its_arc_an_untied_order_is_fine() -> None:
    found = bands({R: own(R, 0.0), I: own(I, 0.0)}, attached=True)
    assert "beside" in found[U].reason


def test_orders_alone() -> None:
    known = Circumstances(flexure=Flexure(together=True))
    found = join_orders([1, 2, 3], {1: own(1, 0.4)}, known, apply=True)
    assert found.orders[1].source == "lines"
    assert not found.orders[2].tied
    assert found.n_lines == 20
    assert found.shift_px == pytest.approx(0.4)
    assert np.isnan(join_orders([1], {}, replace(known, attached=True), apply=True).shift_px)


def test_a_shift_within_its_own_error_is_no_evidence() -> None:
    found = together({12: own(12, 0.06, error=0.08), 13: own(13, 0.06, error=0.03)}, numbers=range(12, 14))
    assert not together({12: own(12, 0.06, error=0.08)}, numbers=range(12, 13))[12].applied
    assert found[13].applied


def test_u_and_g_are_no_worse_for_the_law_and_within_its_errors() -> None:
    """300 nights as the law has them: flexure, rotator and scatter drawn from what was seen (rms 1.2 px of i); u and g without lines."""
    laws = {law.order: law for law in VIS.laws}
    left: dict[int, list[tuple[float, float, float]]] = {U: [], G: []}
    for night in range(300):
        draw = np.random.default_rng(night)
        angle = np.radians(draw.uniform(-180.0, 180.0))
        turned = (float(np.cos(angle) - 1.0), float(np.sin(angle)))
        true = {I: draw.normal(0.0, 1.2)}
        for order in (R, U, G):
            law = laws[order]
            mean = np.mean([true[leader] for leader in law.leaders])
            true[order] = law.share * mean + law.cosine * turned[0] + law.sine * turned[1] + draw.normal(0.0, law.scatter_px)
        found = bands({order: own(order, true[order] + draw.normal(0.0, 0.03), 0.03, 40) for order in (R, I)}, turned)
        for order, entries in left.items():
            used = found[order].shift_px if found[order].applied else 0.0
            entries.append((true[order] - used, true[order], found[order].error_px if found[order].applied else np.nan))
    for entries in left.values():
        error, without, sigma = np.array(entries).T
        assert np.sqrt(np.mean(error**2)) < 0.4 * np.sqrt(np.mean(without**2))
        assert 0.8 < np.nanstd(error / sigma) < 1.2
