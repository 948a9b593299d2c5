"""The weighted running mean of the page, against values worked by hand."""

from __future__ import annotations

import math

import pytest

from support.browser import Page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_functions")]


def test_average_weighs_by_inverse_variance(browser: Page) -> None:
    # Weights 1, 1/4, 1: (1 + 0.5 + 4) / 2.25 ± 1 / sqrt(2.25)
    value, error = browser.run("(() => { const s = smooth([1, 2, 4], [1, 2, 1], 3, [], () => true); return [s.value[1], s.error[1]]; })()")
    assert (value, error) == (pytest.approx(5.5 / 2.25), pytest.approx(2 / 3))
    # Neighbours correlated by 0.4 and 0.1 enlarge the variance by 1 + 2 (2/3 × 0.4 + 1/3 × 0.1) = 1.6
    assert browser.run("smooth([1, 2, 4], [1, 2, 1], 3, [0.4, 0.1], () => true).error[1]") == pytest.approx(2 / 3 * math.sqrt(1.6))
    assert browser.run("smooth([1, 2, 4], null, 3, [], () => true).value[1]") == pytest.approx(7 / 3)
    # A sample that does not count has no value and no say.
    assert browser.run("smooth([1, NaN, 4], [1, 1, 1], 3, [], (i) => i !== 1).value[0]") == 1
    assert browser.run("Number.isNaN(smooth([1, NaN, 4], [1, 1, 1], 3, [], (i) => i !== 1).value[1])")
