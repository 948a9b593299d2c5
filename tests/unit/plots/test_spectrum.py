"""Figures of spectra: limits, gaps, quoted medians, pale ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.plots import FigureInputs, plot_fluxed, plot_merged, plot_orders
from soxspipe.plots.pdf import figure_as_pdf
from soxspipe.plots.spectrum import spread_out

Inputs = Callable[..., FigureInputs]


def test_a_sky_residual_does_not_set_the_scale(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    flux, variance = np.array(inputs.merged.flux), np.array(inputs.merged.variance)
    flux[2000:2010], variance[2000:2010] = 1e9, 1e17
    spoilt = replace(inputs, merged=replace(inputs.merged, flux=flux, variance=variance))
    honest = plot_merged(inputs).axes[0].yaxis.view
    np.testing.assert_allclose(plot_merged(spoilt).axes[0].yaxis.view, honest, rtol=0.02, atol=0.02 * honest[1])


def test_an_emission_line_is_never_cut_even_in_a_telluric_band(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.telluric_bands is not None
    flux, wave = np.array(inputs.merged.flux), inputs.merged.wavelength_nm
    at = int(np.flatnonzero(inputs.telluric_bands.contains(wave))[30])
    flux[at - 20 : at + 20] = 40.0 * np.median(flux)
    figure = plot_merged(replace(inputs, merged=replace(inputs.merged, flux=flux)))
    drawn = figure.axes[0].lines[0].y
    assert figure.axes[0].yaxis.view[1] > np.nanmax(drawn)


def test_names_of_orders_keep_apart() -> None:
    assert spread_out([0.1, 0.11, 0.5], 0.02) == pytest.approx([0.1, 0.12, 0.5])
    assert spread_out([0.9, 0.99, 0.995], 0.02) == pytest.approx([0.9, 0.98, 1.0])
    assert spread_out([], 0.02) == []


def test_samples_without_data_are_a_gap(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    quality = np.array(inputs.merged.quality)
    quality[1000:3000] |= int(SpectrumFlag.NO_DATA)
    figure = plot_merged(replace(inputs, merged=replace(inputs.merged, quality=quality)))
    assert np.isnan(figure.axes[0].lines[0].y).any()


def test_flux_axis_names_its_unit_and_power(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    label = plot_fluxed(inputs).axes[0].yaxis.label
    assert re.fullmatch(r"flux density\n\(10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+ erg s⁻¹ cm⁻² Å⁻¹\)", label)


def test_medians_are_quoted_from_the_metrics(figure_inputs: Inputs) -> None:
    texts = [text.text for text in plot_merged(figure_inputs("NIR")).axes[2].texts]
    assert any("median 31.4" in text and "12: 28" in text for text in texts)


def test_a_spectrum_of_zeros_is_drawn(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    zero = np.zeros_like(inputs.merged.flux)
    dark = replace(inputs, merged=replace(inputs.merged, flux=zero, variance=zero, sky=zero), metrics=())
    assert len(figure_as_pdf(plot_merged(dark))) > 10_000


def test_text_from_the_header_is_drawn_as_it_is(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    hostile = replace(inputs, observation=replace(inputs.observation, target="$\\frac{1}{0}$ <b>\x07"))
    assert figure_as_pdf(plot_merged(hostile)).startswith(b"%PDF-")


def test_noisy_ends_of_orders_are_pale(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    spectrum = inputs.orders[0]
    variance = np.array(spectrum.variance)
    variance[:200] = 1e12
    noisy = replace(inputs, orders=(replace(spectrum, variance=variance), *inputs.orders[1:]))
    assert len(plot_orders(noisy).axes[0].lines) == len(plot_orders(inputs).axes[0].lines) + 1
    pale = min(plot_orders(noisy).axes[0].lines, key=lambda line: np.isfinite(line.y).sum())
    drawn = pale.x[np.isfinite(pale.y)]
    np.testing.assert_allclose([drawn.min(), drawn.max()], np.sort(spectrum.wavelength_nm[[0, 199]]), atol=1.0)
