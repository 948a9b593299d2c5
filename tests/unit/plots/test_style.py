"""The look is given to each artist: matplotlib's own settings stay as they are, and threads do not disturb each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pytest

from soxspipe.io.figures import figure_as_pdf
from soxspipe.plots.style import STYLE, add_panel, few_ticks, logarithmic, new_figure, stack_axes


def one_pdf(_number: int = 0) -> bytes:
    figure = new_figure("a title with $ in it", "and a line under it")
    upper, lower = stack_axes(figure, (1.0, 1.0))
    upper.plot([0.0, 1.0], [1.0, 2.0])
    lower.set_xlabel("wavelength (nm)")
    lower.set_ylabel("$flux$")
    return figure_as_pdf(figure)


def test_figures_drawn_in_three_threads_are_those_drawn_one_by_one() -> None:
    before = dict(mpl.rcParams)
    alone = one_pdf()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one_pdf, range(6))) == [alone] * 6
    assert dict(mpl.rcParams) == before


def test_panels_have_the_look_of_the_package() -> None:
    axes = add_panel(new_figure("look"), (0.1, 0.1, 0.8, 0.8))
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 1e5)
    few_ticks(axes, x=5)
    axes.set_ylabel("$e^-$")
    assert not axes.yaxis.label.get_parse_math()
    assert axes.yaxis.label.get_fontsize() == STYLE["label"]["fontsize"]
    assert {spine.get_linewidth() for spine in axes.spines.values()} == {0.6}
    axes.figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "2", "4", "6", "8", "10"]
    assert axes.get_yticklabels()[-1].get_text() == "100000"


def test_labels_of_stacked_panels_stand_in_one_line() -> None:
    panels = stack_axes(new_figure("lines"), (1.0, 2.0), digits=3)
    for panel, high in zip(panels, (1.0, 1e5), strict=True):
        panel.set_ylim(0.0, high)
        panel.set_ylabel("flux")
    panels[0].figure.draw_without_rendering()
    first, second = (panel.yaxis.label.get_window_extent().x1 for panel in panels)
    assert first == pytest.approx(second)


@pytest.mark.parametrize(("low", "high"), [(0.7, 3.0), (1.0, 1.4), (2.1, 2.6), (0.5, 80.0)])
def test_logarithmic_axes_have_ticks_enough(low: float, high: float) -> None:
    axes = new_figure("ticks").add_axes((0, 0, 1, 1))
    logarithmic(axes, low, high)
    ticks = axes.get_yticks()
    assert 3 <= ticks.size <= 12
    assert np.all((ticks >= low) & (ticks <= high))
