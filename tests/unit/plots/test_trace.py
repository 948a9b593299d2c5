"""The figure of the trace: samples, settings, and traces without detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from soxspipe.datamodel.metric import Metric
from soxspipe.plots import FigureInputs, plot_trace
from soxspipe.plots.paper import Segments
from soxspipe.plots.pdf import figure_as_pdf

Inputs = Callable[..., FigureInputs]


def test_a_forced_trace_says_so(figure_inputs: Inputs) -> None:
    figure = plot_trace(figure_inputs("NIR", standard=False, forced=True))
    assert any("no object found" in text.text for text in figure.texts)


def test_a_trace_without_any_detection_is_drawn(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    samples = inputs.trace.samples
    nothing = np.zeros(samples.order.shape, dtype=bool)
    blank = np.full(samples.order.shape, np.nan)
    trace = replace(inputs.trace, samples=replace(samples, detected=nothing, used=nothing, a_px=blank, residual_px=blank))
    assert len(figure_as_pdf(plot_trace(replace(inputs, trace=trace)))) > 10_000


def test_trace_panel_shows_every_sample_in_its_state(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    samples = inputs.trace.samples
    panel = plot_trace(inputs).axes[0]
    marks = {mark.name: len(mark.ends) for mark in panel.marks if isinstance(mark, Segments) and mark.name}
    assert marks == {
        "used": np.count_nonzero(samples.used),
        "clipped": np.count_nonzero(samples.detected & ~samples.used),
        "missed": np.count_nonzero(~samples.detected),
    }


def test_trace_figure_quotes_metrics_and_settings(figure_inputs: Inputs) -> None:
    inputs = replace(figure_inputs("NIR"), metrics=(Metric(name="N ORDERS", value=3),), trace_settings=(("order-deg", "4"),))
    written = [text.text for text in plot_trace(inputs).texts]
    assert "N ORDERS: 3\n\norder-deg: 4" in written
