"""Every figure: panels, units, marks of joins and telluric bands, and what happens when there is little to show."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.plots import (
    FigureInputs,
    middle_order,
    plot_background,
    plot_fluxed,
    plot_merged,
    plot_orders,
    plot_response,
    plot_sky_order,
    plot_sky_quicklook,
    plot_trace,
)
from soxspipe.plots.paper import Areas, Figure, Segments
from soxspipe.plots.pdf import figure_as_pdf
from soxspipe.plots.slit import plot_slit_drift, plot_slit_illumination

Inputs = Callable[..., FigureInputs]


def _middle(inputs: FigureInputs) -> Figure:
    order = middle_order(inputs)
    assert order is not None
    return plot_sky_order(inputs, order)


ALL: dict[str, tuple[Callable[[FigureInputs], Figure], int]] = {
    "background": (plot_background, 3),
    "quicklook": (plot_sky_quicklook, 3),
    "sky order": (_middle, 5),
    "trace": (plot_trace, 6),
    "orders": (plot_orders, 4),
    "merged": (plot_merged, 4),
    "fluxed": (plot_fluxed, 3),
    "response": (plot_response, 5),
    "slit illumination": (plot_slit_illumination, 2),
    "slit drift": (plot_slit_drift, 1),
}


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
@pytest.mark.parametrize("name", ALL)
def test_figure_has_its_panels_units_and_a_small_pdf(figure_inputs: Inputs, name: str, arm: str) -> None:
    draw, n_panels = ALL[name]
    figure = draw(figure_inputs(arm))
    assert len(figure.axes) == n_panels
    for axes in figure.axes:
        assert axes.yaxis.label, "an axis without a label"
        assert np.all(np.isfinite([*axes.xaxis.view, *axes.yaxis.view]))
    document = figure_as_pdf(figure)
    assert document.startswith(b"%PDF-")
    assert len(document) < 1_500_000


@pytest.mark.parametrize("draw", [plot_orders, plot_merged, plot_fluxed, plot_response])
def test_telluric_bands_are_shaded_in_every_spectrum_panel(figure_inputs: Inputs, draw: Callable[[FigureInputs], Figure]) -> None:
    for axes in draw(figure_inputs("NIR")).axes:
        (bands,) = axes.named("telluric-bands")
        assert isinstance(bands, Areas)
        assert bands.outlines


@pytest.mark.parametrize("draw", [plot_merged, plot_fluxed, plot_response])
def test_every_join_is_marked(figure_inputs: Inputs, draw: Callable[[FigureInputs], Figure]) -> None:
    inputs = figure_inputs("NIR")
    for axes in draw(inputs).axes:
        (marks,) = axes.named("order-joins")
        assert isinstance(marks, Segments)
        np.testing.assert_allclose(np.sort(marks.ends[:, 0, 0]), [join.wavelength_nm for join in inputs.merged.joins])


def test_what_is_missing_is_said(figure_inputs: Inputs) -> None:
    bare = replace(figure_inputs("NIR"), background=None, sky=None, fluxed=None, response=None)
    assert middle_order(bare) is None
    for draw, words in (
        (plot_background, "background"),
        (plot_sky_quicklook, "sky model"),
        (plot_fluxed, "flux-calibrated"),
        (plot_response, "response"),
    ):
        with pytest.raises(ValueError, match=words):
            draw(bare)
    with pytest.raises(ValueError, match="order 99"):
        plot_sky_order(figure_inputs("NIR"), 99)


def test_the_same_figure_gives_the_same_bytes(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert figure_as_pdf(plot_merged(inputs), title="a") == figure_as_pdf(plot_merged(inputs), title="a")


def test_figures_are_drawn_without_matplotlib() -> None:
    code = "import sys, soxspipe.plots.pdf; from soxspipe.plots import *; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
