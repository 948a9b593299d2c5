"""Ticks, numbers and labels stand where matplotlib's own would."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from soxspipe.plots.style import add_panel, colour_bar, few_ticks, logarithmic, name_places, new_figure


class Recorder(RendererBase):
    """Keeps what is drawn; every character is 6 wide and 8 high."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[float, float, str]] = []
        self.paths: list[np.ndarray] = []

    def points_to_pixels(self, points: float) -> float:
        return points

    def get_text_width_height_descent(self, s: str, prop: object, ismath: object) -> tuple[float, float, float]:
        return 6.0 * len(s), 10.0, 2.0

    def get_canvas_width_height(self) -> tuple[float, float]:
        return 1000.0, 1000.0

    def flipy(self) -> bool:
        return False

    def draw_text(
        self, gc: object, x: float, y: float, s: str, prop: object, angle: float, ismath: bool = False, mtext: object = None
    ) -> None:
        self.texts.append((x, y, s))

    def draw_path(self, gc: object, path: object, transform: object, rgbFace: object = None) -> None:
        self.paths.append(path.vertices)


def drawn(axes: Axes) -> Recorder:
    recorder = Recorder()
    axes.artists[0].draw(recorder)
    return recorder


def panel() -> Axes:
    axes = add_panel(Figure(figsize=(10, 10), dpi=100), (0.1, 0.2, 0.5, 0.4))  # from (100, 200) to (600, 600)
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 1.0)
    few_ticks(axes, x=5, y=2)
    return axes


def test_numbers_stand_below_and_beside_their_ticks() -> None:
    recorder = drawn(panel())
    # below: 100 + 50 x, centred; the baseline 3.5 points and 8 digits' height under the frame
    assert recorder.texts[:2] == [(97.0, pytest.approx(188.5), "0"), (197.0, pytest.approx(188.5), "2")]
    assert recorder.texts[5] == (594.0, pytest.approx(188.5), "10")
    # beside: end 3.5 points left of the frame, half a digit's height below the tick
    assert recorder.texts[6:] == [
        (pytest.approx(96.5 - 18.0), pytest.approx(196.0), "0.0"), (pytest.approx(78.5), pytest.approx(396.0), "0.5"), (pytest.approx(78.5), pytest.approx(596.0), "1.0"),
    ]  # fmt: skip


def test_frame_and_ticks_are_one_path() -> None:
    (path,) = drawn(panel()).paths
    assert path[:5] == pytest.approx(np.array([[100, 200], [600, 200], [600, 600], [100, 600], [100, 200]]))
    assert len(path) == 5 + 2 * 6 + 2 * 3
    assert path[7:9] == pytest.approx(np.array([[200.0, 200.0], [200.0, 203.2]]))


def test_an_axis_that_is_not_visible_is_left_out() -> None:
    axes = panel()
    axes.xaxis.set_visible(False)
    assert [text for _, _, text in drawn(axes).texts] == ["0.0", "0.5", "1.0"]


def test_numbers_of_a_colour_bar_stand_on_its_right() -> None:
    figure = new_figure("bar", size=(10.0, 10.0))
    colour_bar(figure, (0.9, 0.2, 0.02, 0.4), (0.0, 4.0), "gray", "electrons")
    texts = drawn(figure.axes[0]).texts
    right = 0.92 * 10.0 * figure.dpi
    assert [(x, text) for x, _, text in texts[:5]] == [(pytest.approx(right + 3.5), str(n)) for n in range(5)]


def test_names_and_decades() -> None:
    axes = panel()
    name_places(axes.xaxis, [2.5, 7.5, 12.0], ["Y", "J", "beyond"])
    logarithmic(axes, 1.0, 1000.0)
    shown = [text for _, _, text in drawn(axes).texts]
    assert shown[:2] == ["Y", "J"]
    assert "10" in shown
    assert "beyond" not in shown


def test_large_numbers_show_their_power_of_ten() -> None:
    axes = panel()
    axes.set_ylim(0.0, 3e7)
    assert "1e7" in [text for _, _, text in drawn(axes).texts]


def test_a_picture_cut_to_its_contents_keeps_numbers_and_labels() -> None:
    figure = Figure(figsize=(4, 4), dpi=100)
    FigureCanvasAgg(figure)
    axes = add_panel(figure, (0.3, 0.3, 0.5, 0.5))
    axes.set_xlabel("wavelength (nm)")
    axes.set_ylabel("flux")
    figure.draw_without_rendering()
    box = figure.get_tightbbox()  # inches
    assert box.x0 < 0.3 * 4 - 0.3
    assert box.y0 < 0.3 * 4 - 0.3
