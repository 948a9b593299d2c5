"""Frames, marks and numbers stand where matplotlib puts ticks, and nothing of a header is read as mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from soxspipe.plots.edges import TICK_PT, draw_edges
from soxspipe.plots.style import add_panel, colour_bar, few_ticks, logarithmic, name_ticks, new_figure, stack_axes

SIZE = (10.0, 5.0)


def panel_of(figure: Figure) -> Axes:
    axes = add_panel(figure, (0.1, 0.2, 0.8, 0.6))
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 1e5)
    few_ticks(axes, x=5, y=2)
    return axes


def texts(figure: Figure) -> dict[str, Text]:
    return {text.get_text(): text for text in figure.texts}


def segments(figure: Figure) -> list[list[float]]:
    """Corners of all sides and marks, as shares of the figure."""
    (edges,) = (artist for artist in figure.findobj(PathPatch) if artist.get_gid() == "edges")
    return np.asarray(edges.get_path().vertices).reshape(-1, 4).round(6).tolist()


def test_numbers_stand_under_their_places() -> None:
    figure = new_figure("numbers", size=SIZE)
    panel_of(figure)
    found = texts(draw_edges(figure))
    assert [found[number].get_position()[0] for number in ("2", "4", "10")] == pytest.approx([0.26, 0.42, 0.9])
    assert found["100000"].get_position()[1] == pytest.approx(0.8)  # no power of ten
    assert found["2"].get_position()[1] == pytest.approx(0.2 - 3.5 / 360)


def test_frame_and_marks_are_one_path() -> None:
    figure = new_figure("marks", size=SIZE)
    panel_of(figure)
    drawn = segments(draw_edges(figure))
    assert len(drawn) == 4 + 6 + 3
    assert [0.1, 0.2, 0.9, 0.2] in drawn
    assert [0.26, 0.2, 0.26, round(0.2 + TICK_PT / 360, 6)] in drawn


def test_ticks_beyond_the_limits_are_left_out() -> None:
    figure = new_figure("limits", size=SIZE)
    axes = panel_of(figure)
    name_ticks(axes.xaxis, [-1.0, 3.0, 11.0], ["a", "b", "c"])
    found = texts(draw_edges(figure))
    assert "a" not in found
    assert found["b"].get_position()[0] == pytest.approx(0.34)


def test_logarithmic_ticks_stand_by_their_logarithms() -> None:
    figure = new_figure("logarithm", size=SIZE)
    logarithmic(panel_of(figure), 1.0, 100.0)
    found = texts(draw_edges(figure))
    assert found["10"].get_position()[1] == pytest.approx(0.5)


def test_an_axis_that_is_not_visible_has_no_ticks_and_no_label() -> None:
    figure = new_figure("hidden", size=SIZE)
    axes = panel_of(figure)
    axes.set_xlabel("wavelength")
    axes.xaxis.set_visible(False)
    found = texts(draw_edges(figure))
    assert "wavelength" not in found
    assert "2" not in found
    assert len(segments(figure)) == 4 + 3


def test_labels_are_read_as_they_are() -> None:
    figure = new_figure("label", size=SIZE)
    panel_of(figure).set_ylabel("$e^-$")
    label = texts(draw_edges(figure))["$e^-$"]
    assert not label.get_parse_math()
    assert label.get_rotation() == 90


def test_labels_of_panels_with_one_left_edge_stand_in_one_line() -> None:
    figure = new_figure("lines")
    for number, (panel, high) in enumerate(zip(stack_axes(figure, (1.0, 2.0)), (1.0, 1e5), strict=True)):
        panel.set_ylim(0.0, high)
        panel.set_ylabel(f"flux {number}")
    found = texts(draw_edges(figure))
    figure.draw_without_rendering()
    assert found["flux 0"].get_position()[0] == found["flux 1"].get_position()[0]
    assert found["flux 1"].get_window_extent().x1 < found["100000"].get_window_extent().x0


def test_a_colour_bar_has_its_numbers_on_the_right() -> None:
    figure = new_figure("colours", size=SIZE)
    colour_bar(figure, (0.8, 0.2, 0.02, 0.6), (0.0, 4.0), "viridis", "light")
    found = texts(draw_edges(figure))
    assert found["4"].get_position() == pytest.approx((0.82 + 3.5 / 720, 0.8))
    assert found["light"].get_position()[0] > found["4"].get_position()[0]
