"""Threads that draw do not disturb each other; logarithmic axes have ticks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from soxspipe.plots.edges import draw_edges
from soxspipe.plots.pdf import figure_as_pdf
from soxspipe.plots.style import add_panel, logarithmic, new_figure, stack_axes


def one_pdf(_number: int = 0) -> bytes:
    figure = new_figure("a title with $ in it", "and a line under it")
    upper, lower = stack_axes(figure, (1.0, 1.0))
    upper.plot(np.array([0.0, 1.0]), np.array([1.0, 2.0]), color="#000000")
    lower.set_xlabel("wavelength (nm)")
    lower.set_ylabel("$flux$")
    return figure_as_pdf(draw_edges(figure))


def test_figures_drawn_in_three_threads_are_those_drawn_one_by_one() -> None:
    alone = one_pdf()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one_pdf, range(6))) == [alone] * 6


@pytest.mark.parametrize(("low", "high"), [(0.7, 3.0), (1.0, 1.4), (2.1, 2.6), (0.5, 80.0)])
def test_logarithmic_axes_have_ticks_enough(low: float, high: float) -> None:
    panel = add_panel(new_figure("ticks"), (0, 0, 1, 1))
    logarithmic(panel, low, high)
    ticks, _ = panel.yaxis.ticks.between(low, high)
    assert 3 <= ticks.size <= 12
    assert np.all((ticks >= low) & (ticks <= high))
