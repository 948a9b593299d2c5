"""The figure of the scattered light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.calibrations import Masters
from soxspipe.plots import FigureInputs, plot_background
from soxspipe.plots.background import measured_limits
from soxspipe.plots.decimate import block_mean
from soxspipe.plots.show_image import orders_view

Inputs = Callable[..., FigureInputs]


def test_colours_of_the_background_are_those_of_where_it_is_measured() -> None:
    electrons = np.linspace(1.0, 2.0, 10_000).reshape(100, 100)
    used = np.ones(electrons.shape, dtype=bool)
    used[:20] = False
    electrons[:20] = 1e6
    low, high = measured_limits(electrons, used)
    assert (low, high) == pytest.approx((1.204, 1.996), abs=0.002), "0.5 and 99.5 per cent of 1.2 to 2; what it is continued to has no say"
    assert measured_limits(electrons, np.zeros_like(used))[1] == 1e6


def test_cuts_compare_the_model_with_light_alone(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.background is not None
    pedestal = np.linspace(200.0, 300.0, inputs.stacked.shape[0])[:, None] * np.ones(inputs.stacked.shape)
    bias = replace(
        inputs.stacked, electrons=pedestal, variance=np.zeros(inputs.stacked.shape), flags=np.zeros(inputs.stacked.shape, np.uint8)
    )
    frame = replace(inputs.stacked, electrons=inputs.background.electrons + pedestal, flags=bias.flags)
    figure = plot_background(replace(inputs, stacked=frame, masters=Masters(bias=bias)))
    cuts = figure.axes[2]
    dots = [patch.get_path().vertices for patch in cuts.patches if patch.get_capstyle() == "round"]
    assert len(dots) == 3
    for points, line in zip(dots, [line for line in cuts.lines if len(line.get_xdata()) > 50], strict=True):  # type: ignore[arg-type]
        model = np.interp(points[:, 0], np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float))
        np.testing.assert_allclose(points[:, 1], model, atol=0.2)


def test_the_picture_is_the_mean_of_the_model_in_its_blocks(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.background is not None
    view = orders_view(inputs.geometry, margin=60)
    (shown,) = plot_background(inputs).axes[0].images
    electrons = view.turn(inputs.background.electrons)
    low, high = measured_limits(electrons, view.turn(inputs.background.used))
    rows, columns = shown.get_size()
    right, top = shown.get_extent()[1], shown.get_extent()[3]
    block = round((top + 0.5 - view.low) / rows), round((right + 0.5) / columns)
    expected = np.clip((block_mean(electrons, *block) - low) / (high - low), 0.0, 1.0)
    np.testing.assert_allclose(np.asarray(shown.get_array()) / 255.0, expected, atol=0.04)
