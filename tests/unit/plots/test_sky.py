"""Figures of the sky model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from soxspipe.plots import FigureInputs, middle_order, plot_sky_order
from soxspipe.plots.paper import Segments
from soxspipe.plots.sky import _even_columns

Inputs = Callable[..., FigureInputs]


def test_pixels_that_the_sky_model_left_out_are_marked(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    number = middle_order(inputs)
    assert number is not None
    flags = np.array(inputs.sky_subtracted.flags)
    on_order = np.argwhere((inputs.geometry.dispersion_map.order == number) & (flags == 0))
    flags[tuple(on_order[len(on_order) // 2])] = 2
    marked = replace(inputs, sky_subtracted=replace(inputs.sky_subtracted, flags=flags))

    def left_out(given: FigureInputs) -> int:
        panel = next(axes for axes in plot_sky_order(given, number).axes if any("residual" in text.text for text in axes.texts))
        return sum(len(dots.ends) for dots in panel.named("left out") if isinstance(dots, Segments))

    assert left_out(marked) == left_out(inputs) + 1


def test_pictures_of_one_order_share_the_wavelength_axis_of_its_spectrum() -> None:
    wave = np.linspace(0.0, 1.0, 101) ** 2  # as uneven as no order is
    strip = SimpleNamespace(wavelength_nm=wave)
    np.testing.assert_allclose(wave[_even_columns(strip)], np.linspace(0, 1, 101), atol=0.011)  # type: ignore[arg-type]
