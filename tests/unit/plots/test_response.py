"""The figure of the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from soxspipe.plots import FigureInputs, plot_response

Inputs = Callable[..., FigureInputs]


def test_a_response_known_only_as_a_polynomial_is_drawn(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.response is not None
    empty = np.empty(0)
    alone = replace(
        inputs.response, wavelength_nm=empty, response=empty, error=empty, bins_nm=empty, bins_value=empty, bins_error=empty,
        bins_used=np.empty(0, dtype=bool),
    )  # fmt: skip
    figure = plot_response(replace(inputs, response=alone, efficiency=None, fluxed=None))
    assert len(figure.axes) == 5
