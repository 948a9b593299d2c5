"""Every figure: panels, units, marks of joins and telluric bands, and what happens when there is little to show."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.metric import Metric
from soxspipe.io.figures import figure_as_pdf
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
from soxspipe.plots.background import measured_limits
from soxspipe.plots.sky import _even_columns
from soxspipe.plots.slit import plot_slit_drift, plot_slit_illumination
from soxspipe.plots.spectrum import spread_out
from soxspipe.plots.style import logarithmic, new_figure

Inputs = Callable[..., FigureInputs]


def _middle(inputs: FigureInputs) -> Figure:
    order = middle_order(inputs)
    assert order is not None
    return plot_sky_order(inputs, order)


ALL: dict[str, tuple[Callable[[FigureInputs], Figure], int]] = {
    "background": (plot_background, 3),
    "quicklook": (plot_sky_quicklook, 5),
    "sky order": (_middle, 8),
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
        assert axes.get_ylabel(), "an axis without a label"
        assert np.all(np.isfinite([*axes.get_xlim(), *axes.get_ylim()]))
    document = figure_as_pdf(figure)
    assert document.startswith(b"%PDF-")
    assert len(document) < 1_500_000


@pytest.mark.parametrize("draw", [plot_orders, plot_merged, plot_fluxed, plot_response])
def test_telluric_bands_are_shaded_in_every_spectrum_panel(figure_inputs: Inputs, draw: Callable[[FigureInputs], Figure]) -> None:
    for axes in draw(figure_inputs("NIR")).axes:
        assert [artist for artist in axes.collections if artist.get_gid() == "telluric-bands"]


@pytest.mark.parametrize("draw", [plot_merged, plot_fluxed, plot_response])
def test_every_join_is_marked(figure_inputs: Inputs, draw: Callable[[FigureInputs], Figure]) -> None:
    inputs = figure_inputs("NIR")
    for axes in draw(inputs).axes:
        (marks,) = [artist for artist in axes.collections if artist.get_gid() == "order-joins"]
        at = sorted(segment[0][0] for segment in marks.get_segments())  # type: ignore[attr-defined]
        np.testing.assert_allclose(at, [join.wavelength_nm for join in inputs.merged.joins])


def test_a_sky_residual_does_not_set_the_scale(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    flux, variance = np.array(inputs.merged.flux), np.array(inputs.merged.variance)
    flux[2000:2010], variance[2000:2010] = 1e9, 1e17
    spoilt = replace(inputs, merged=replace(inputs.merged, flux=flux, variance=variance))
    honest = plot_merged(inputs).axes[0].get_ylim()
    np.testing.assert_allclose(plot_merged(spoilt).axes[0].get_ylim(), honest, rtol=0.02, atol=0.02 * honest[1])


def test_an_emission_line_is_never_cut_even_in_a_telluric_band(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert inputs.telluric_bands is not None
    flux, wave = np.array(inputs.merged.flux), inputs.merged.wavelength_nm
    at = int(np.flatnonzero(inputs.telluric_bands.contains(wave))[30])
    flux[at - 20 : at + 20] = 40.0 * np.median(flux)
    figure = plot_merged(replace(inputs, merged=replace(inputs.merged, flux=flux)))
    drawn = np.asarray(figure.axes[0].lines[0].get_ydata(), dtype=float)
    assert figure.axes[0].get_ylim()[1] > np.nanmax(drawn)


def test_colours_of_the_background_are_those_of_where_it_is_measured() -> None:
    electrons = np.linspace(1.0, 2.0, 10_000).reshape(100, 100)
    used = np.ones(electrons.shape, dtype=bool)
    used[:20] = False
    electrons[:20] = 1e6
    low, high = measured_limits(electrons, used)
    assert (low, high) == pytest.approx((1.204, 1.996), abs=0.002), "0.5 and 99.5 per cent of 1.2 to 2; what it is continued to has no say"
    assert measured_limits(electrons, np.zeros_like(used))[1] == 1e6


def test_names_of_orders_keep_apart() -> None:
    assert spread_out([0.1, 0.11, 0.5], 0.02) == pytest.approx([0.1, 0.12, 0.5])
    assert spread_out([0.9, 0.99, 0.995], 0.02) == pytest.approx([0.9, 0.98, 1.0])
    assert spread_out([], 0.02) == []


def test_samples_without_data_are_a_gap(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    quality = np.array(inputs.merged.quality)
    quality[1000:3000] |= int(SpectrumFlag.NO_DATA)
    figure = plot_merged(replace(inputs, merged=replace(inputs.merged, quality=quality)))
    drawn = figure.axes[0].lines[0].get_ydata()
    assert np.isnan(np.asarray(drawn, dtype=float)).any()


def test_flux_axis_names_its_unit_and_power(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    label = plot_fluxed(inputs).axes[0].get_ylabel()
    assert re.fullmatch(r"flux density\n\(10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+ erg s⁻¹ cm⁻² Å⁻¹\)", label)


def test_medians_are_quoted_from_the_metrics(figure_inputs: Inputs) -> None:
    texts = [text.get_text() for text in plot_merged(figure_inputs("NIR")).axes[2].texts]
    assert any("median 31.4" in text and "12: 28" in text for text in texts)


def test_a_forced_trace_says_so(figure_inputs: Inputs) -> None:
    figure = plot_trace(figure_inputs("NIR", standard=False, forced=True))
    assert any("no object found" in text.get_text() for text in figure.texts)


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
    marks = {patch.get_gid(): len(patch.get_path().vertices) // 2 for patch in panel.patches if patch.get_gid()}  # two ends to a dot
    assert marks == {
        "used": np.count_nonzero(samples.used),
        "clipped": np.count_nonzero(samples.detected & ~samples.used),
        "missed": np.count_nonzero(~samples.detected),
    }


def test_a_spectrum_of_zeros_is_drawn(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    zero = np.zeros_like(inputs.merged.flux)
    dark = replace(inputs, merged=replace(inputs.merged, flux=zero, variance=zero, sky=zero), metrics=())
    assert len(figure_as_pdf(plot_merged(dark))) > 10_000


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


def test_text_from_the_header_is_drawn_as_it_is(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    hostile = replace(inputs, observation=replace(inputs.observation, target="$\\frac{1}{0}$ <b>\x07"))
    assert figure_as_pdf(plot_merged(hostile)).startswith(b"%PDF-")


def test_the_same_figure_gives_the_same_bytes(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    assert figure_as_pdf(plot_merged(inputs), title="a") == figure_as_pdf(plot_merged(inputs), title="a")


def test_pyplot_is_not_imported() -> None:
    code = "import sys, soxspipe.io.figures; from soxspipe.plots import *; sys.exit('matplotlib.pyplot' in sys.modules or 'matplotlib.axes' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_report_does_without_matplotlib() -> None:
    code = "import sys, soxspipe.report.page; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_trace_figure_quotes_metrics_and_settings(figure_inputs: Inputs) -> None:
    inputs = replace(figure_inputs("NIR"), metrics=(Metric(name="N ORDERS", value=3),), trace_settings=(("order-deg", "4"),))
    names, numbers = (text.get_text().split("\n") for text in plot_trace(inputs).texts[-2:])
    assert dict(zip(names, numbers, strict=True)) == {"N ORDERS": "3", "": "", "order-deg": "4"}


def test_noisy_ends_of_orders_are_pale(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    spectrum = inputs.orders[0]
    variance = np.array(spectrum.variance)
    variance[:200] = 1e12
    noisy = replace(inputs, orders=(replace(spectrum, variance=variance), *inputs.orders[1:]))
    assert len(plot_orders(noisy).axes[0].lines) == len(plot_orders(inputs).axes[0].lines) + 1
    pale = min(plot_orders(noisy).axes[0].lines, key=lambda line: np.isfinite(np.asarray(line.get_ydata(), dtype=float)).sum())
    drawn = np.asarray(pale.get_xdata(), dtype=float)[np.isfinite(np.asarray(pale.get_ydata(), dtype=float))]
    np.testing.assert_allclose([drawn.min(), drawn.max()], np.sort(spectrum.wavelength_nm[[0, 199]]), atol=1.0)


def test_pixels_that_the_sky_model_left_out_are_marked(figure_inputs: Inputs) -> None:
    inputs = figure_inputs("NIR")
    number = middle_order(inputs)
    flags = np.array(inputs.sky_subtracted.flags)
    on_order = np.argwhere((inputs.geometry.dispersion_map.order == number) & (flags == 0))
    flags[tuple(on_order[len(on_order) // 2])] = 2
    marked = replace(inputs, sky_subtracted=replace(inputs.sky_subtracted, flags=flags))

    def left_out(given: FigureInputs) -> int:
        panel = next(axes for axes in _middle(given).axes if any("residual" in text.get_text() for text in axes.texts))
        return sum(len(patch.get_path().vertices) // 2 for patch in panel.patches if patch.get_gid() == "left out")

    assert left_out(marked) == left_out(inputs) + 1


def test_pictures_of_one_order_share_the_wavelength_axis_of_its_spectrum() -> None:
    wave = np.linspace(0.0, 1.0, 101) ** 2  # as uneven as no order is
    strip = SimpleNamespace(wavelength_nm=wave)
    np.testing.assert_allclose(wave[_even_columns(strip)], np.linspace(0, 1, 101), atol=0.011)  # type: ignore[arg-type]


@pytest.mark.parametrize(("low", "high"), [(0.7, 3.0), (1.0, 1.4), (2.1, 2.6), (0.5, 80.0)])
def test_logarithmic_axes_have_ticks_enough(low: float, high: float) -> None:
    axes = new_figure("ticks").add_axes((0, 0, 1, 1))
    logarithmic(axes, low, high)
    ticks = axes.get_yticks()
    assert 3 <= ticks.size <= 12
    assert np.all((ticks >= low) & (ticks <= high))
