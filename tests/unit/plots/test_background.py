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
from soxspipe.plots.paper import Picture, Segments
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
    dots = [mark.ends[:, 0] for mark in cuts.marks if isinstance(mark, Segments) and mark.round_ends]
    assert len(dots) == 3
    for points, line in zip(dots, cuts.lines, strict=True):
        np.testing.assert_allclose(points[:, 1], np.interp(points[:, 0], line.x, line.y), atol=0.2)


def test_the_picture_is_the_mean_of_the_model_in_its_blocks(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.background is not None
    view = orders_view(inputs.geometry, margin=60)
    (shown,) = [mark for mark in plot_background(inputs).axes[0].marks if isinstance(mark, Picture)]
    electrons = view.turn(inputs.background.electrons)
    low, high = measured_limits(electrons, view.turn(inputs.background.used))
    rows, columns = shown.levels.shape
    right, top = shown.extent[1], shown.extent[3]
    block = round((top + 0.5 - view.low) / rows), round((right + 0.5) / columns)
    expected = np.clip((block_mean(electrons, *block) - low) / (high - low), 0.0, 1.0)
    np.testing.assert_allclose(shown.levels / 255.0, expected, atol=0.04)
