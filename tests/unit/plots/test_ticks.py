"""Axes drawn cheaply carry the same ticks, numbers and labels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from soxspipe.plots.style import few_ticks, logarithmic
from soxspipe.plots.ticks import light_axes


def _texts(figure: Figure) -> dict[str, tuple[float, float]]:
    return {text.get_text(): text.get_position() for text in figure.axes[0].texts}


def test_numbers_stand_at_their_values_and_labels_beyond_them() -> None:
    figure = Figure(figsize=(5.0, 4.0))
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(-1.0, 1.0)
    axes.set_xlabel("wavelength (nm)")
    axes.set_ylabel("flux")
    few_ticks(axes, x=5, y=4)
    light_axes(figure)
    texts = _texts(figure)
    assert {"0", "2", "4", "6", "8", "10", "−1.0", "−0.5", "0.0", "0.5", "1.0", "wavelength (nm)", "flux"} == set(texts)
    assert texts["4"][0] == pytest.approx(4.0)
    assert texts["0.5"][1] == pytest.approx(0.5)
    assert texts["wavelength (nm)"][1] < texts["4"][1] < 0.0
    assert texts["flux"][0] < texts["0.5"][0] < 0.0
    assert axes.get_ylabel() == "flux"
    assert not axes.xaxis.get_visible()


def test_marks_are_one_path_for_each_axis() -> None:
    figure = Figure(figsize=(5.0, 4.0))
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 1.0)
    few_ticks(axes, x=5, y=4)
    light_axes(figure)
    paths = [patch.get_path().vertices for patch in axes.patches]
    assert [len(ends) // 2 for ends in paths] == [6, 5]
    np.testing.assert_allclose(paths[0][::2, 0], [0, 2, 4, 6, 8, 10])
    assert np.all(paths[0][::2, 1] == 0.0)
    assert np.all(paths[0][1::2, 1] > 0.0), "ticks point inwards"


def test_logarithmic_numbers_are_plain_and_an_invisible_axis_stays_so() -> None:
    figure = Figure(figsize=(5.0, 4.0))
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    axes.set_xlim(0.0, 1.0)
    axes.xaxis.set_visible(False)
    logarithmic(axes, 0.1, 1e6)
    light_axes(figure)
    assert {"1", "100"} <= set(_texts(figure))
    assert "10⁶" in _texts(figure)
    assert len(axes.patches) == 1


def test_labels_of_stacked_panels_stand_in_one_line() -> None:
    figure = Figure(figsize=(5.0, 4.0))
    for bottom, high in ((0.1, 1.0), (0.6, 100000.0)):
        axes = figure.add_axes((0.2, bottom, 0.7, 0.3))
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0.0, high)
        axes.set_ylabel("flux")
        few_ticks(axes, y=4)
    light_axes(figure)
    places = [next(text.get_position()[0] for text in axes.texts if text.get_text() == "flux") for axes in figure.axes]
    assert places[0] == pytest.approx(places[1])
