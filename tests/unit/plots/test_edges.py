"""Frames, marks and numbers of panels."""

from __future__ import annotations

import pytest

from soxspipe.plots.edges import NUMBER_SIZE, TICK_PT, draw_edges
from soxspipe.plots.letters import width_of
from soxspipe.plots.paper import Figure, Panel, Text
from soxspipe.plots.style import add_panel, colour_bar, few_ticks, logarithmic, name_ticks, new_figure, stack_axes

SIZE = (10.0, 5.0)


def panel_of(figure: Figure) -> Panel:
    axes = add_panel(figure, (0.1, 0.2, 0.8, 0.6))
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 1e5)
    few_ticks(axes, x=5, y=2)
    return axes


def texts(figure: Figure) -> dict[str, Text]:
    return {text.text: text for text in figure.texts}


def segments(figure: Figure) -> list[list[float]]:
    """Corners of all sides and marks, as shares of the figure."""
    return figure.frame.reshape(-1, 4).round(6).tolist()


def test_numbers_stand_under_their_places() -> None:
    figure = new_figure("numbers", size=SIZE)
    panel_of(figure)
    found = texts(draw_edges(figure))
    assert [found[number].x for number in ("2", "4", "10")] == pytest.approx([0.26, 0.42, 0.9])
    assert found["100000"].y == pytest.approx(0.8)  # no power of ten
    assert found["2"].y == pytest.approx(0.2 - 3.5 / 360)


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
    assert found["b"].x == pytest.approx(0.34)


def test_logarithmic_ticks_stand_by_their_logarithms() -> None:
    figure = new_figure("logarithm", size=SIZE)
    logarithmic(panel_of(figure), 1.0, 100.0)
    found = texts(draw_edges(figure))
    assert found["10"].y == pytest.approx(0.5)


def test_a_side_that_is_not_shown_has_no_ticks_and_no_label() -> None:
    figure = new_figure("hidden", size=SIZE)
    axes = panel_of(figure)
    axes.set_xlabel("wavelength")
    axes.shows_x = False
    found = texts(draw_edges(figure))
    assert "wavelength" not in found
    assert "2" not in found
    assert len(segments(figure)) == 4 + 3


def test_labels_are_read_as_they_are() -> None:
    figure = new_figure("label", size=SIZE)
    panel_of(figure).set_ylabel("$e^-$")
    label = texts(draw_edges(figure))["$e^-$"]
    assert label.upright


def test_labels_of_panels_with_one_left_edge_stand_in_one_line() -> None:
    figure = new_figure("lines")
    for number, (panel, high) in enumerate(zip(stack_axes(figure, (1.0, 2.0)), (1.0, 1e5), strict=True)):
        panel.set_ylim(0.0, high)
        panel.set_ylabel(f"flux {number}")
    found = texts(draw_edges(figure))
    assert found["flux 0"].x == found["flux 1"].x
    assert found["flux 1"].x < found["100000"].x - width_of("100000", NUMBER_SIZE) / (72.0 * figure.size[0])


def test_a_colour_bar_has_its_numbers_on_the_right() -> None:
    figure = new_figure("colours", size=SIZE)
    colour_bar(figure, (0.8, 0.2, 0.02, 0.6), (0.0, 4.0), "viridis", "light")
    found = texts(draw_edges(figure))
    assert (found["4"].x, found["4"].y) == pytest.approx((0.82 + 3.5 / 720, 0.8))
    assert found["light"].x > found["4"].x
