"""Response and efficiency, from a standard star."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import ResponseCurve
from soxspipe.plots.decimate import BinnedSpectrum, bin_spectrum, object_limits
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Figure, Panel
from soxspipe.plots.style import (
    WIDE,
    Key,
    dots,
    draw_key,
    error_bars,
    few_ticks,
    logarithmic,
    mark_joins,
    new_figure,
    shade_bands,
    stack_axes,
    write,
)
from soxspipe.plots.words import BAND, BLUE, FLUX_DENSITY, GREEN, INK, JOIN, MUTED, PALE_BLUE, PALE_GREEN, VERMILION, power_of_ten

RESIDUAL_REACH = 8.0
"""Half height of the residual panels, per cent."""
_UNFAIR = int(SpectrumFlag.TELLURIC | SpectrumFlag.LOW_RESPONSE | SpectrumFlag.EXTRAPOLATED_RESPONSE | SpectrumFlag.NO_DATA)
POLYNOMIAL_UNIT = 1e-17
"""Of the coefficients in `ResponseCurve.polynomial`."""


def plot_response(inputs: FigureInputs) -> Figure:
    """Draw how the response was found and how well it does.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `response`, `standard`, `fluxed`, `efficiency`, `merged` and `telluric_bands`.

    Returns
    -------
    Figure
        Library flux with the self-calibrated standard; ratio with the fitted response; residuals of both; efficiency.

    Raises
    ------
    ValueError
        If there is no response.
    """
    response = inputs.response
    if response is None:
        raise ValueError("there is no response to draw")
    low_nm, high_nm = float(inputs.merged.wavelength_nm[0]), float(inputs.merged.wavelength_nm[-1])
    figure = new_figure(f"Response and efficiency ({inputs.observation.arm})", inputs.subtitle, WIDE)
    panels = stack_axes(figure, (1.1, 1.3, 0.7, 0.7, 0.9), gap=0.018)
    star, curve, bins, checked, efficiency = panels
    for panel in panels:
        shade_bands(panel, inputs.telluric_bands, low_nm, high_nm)
        mark_joins(panel, inputs.merged.joins)
    _star_panel(star, checked, inputs)
    _curve_panel(curve, response)
    _bins_panel(bins, response)
    _efficiency_panel(efficiency, inputs)
    efficiency.set_xlim(low_nm, high_nm)
    efficiency.set_xlabel("wavelength in air (nm)")
    few_ticks(efficiency, x=9)
    draw_key(
        figure,
        [
            Key(text=f"library: {response.star or 'unknown'}", colour=VERMILION),
            Key(text="standard, calibrated with this response", colour=INK),
            Key(text="bin used", colour=BLUE, form="dot"),
            Key(text="bin masked or clipped", colour=JOIN, form="dot"),
            Key(text="response ± 1σ", colour=GREEN),
            Key(text="polynomial", colour=VERMILION, form="dashed"),
            Key(text="telluric band", colour=BAND, form="patch"),
        ],
    )
    return draw_edges(figure)


def _star_panel(star: Panel, checked: Panel, inputs: FigureInputs) -> None:
    """Library and self-calibrated flux, and their difference in per cent."""
    star.set_ylabel("flux density")
    checked.set_ylabel("calibrated −\nlibrary (%)")
    checked.set_ylim(-RESIDUAL_REACH, RESIDUAL_REACH)
    checked.axhline(0.0, color=JOIN, lw=0.6)
    few_ticks(checked, y=4)
    standard, fluxed = inputs.standard, inputs.fluxed
    if standard is None:
        return
    inside = (standard.wavelength_nm >= inputs.merged.wavelength_nm[0]) & (standard.wavelength_nm <= inputs.merged.wavelength_nm[-1])
    library = bin_spectrum(standard.wavelength_nm[inside], standard.flux[inside])
    exponent = int(np.floor(np.log10(np.nanmedian(library.mean)))) if np.isfinite(library.mean).any() else 0
    scale = 10.0**-exponent
    star.set_ylabel(f"flux density\n({power_of_ten(exponent)} {FLUX_DENSITY})")
    if fluxed is not None:
        measured = (fluxed.quality & int(SpectrumFlag.NO_DATA)) == 0
        own = bin_spectrum(fluxed.wavelength_nm, fluxed.flux, fluxed.error, good=measured)
        star.plot(own.wavelength_nm, own.mean * scale, color=INK, lw=0.7)
        expected = np.interp(own.wavelength_nm, standard.wavelength_nm, standard.flux, left=np.nan, right=np.nan)
        clean = bin_spectrum(fluxed.wavelength_nm, (fluxed.quality & _UNFAIR) == 0).mean > 0.5
        _difference(checked, own, expected, clean)
    star.plot(library.wavelength_nm, library.mean * scale, color=VERMILION, lw=0.7)
    star.set_ylim(*object_limits(library.mean * scale))
    few_ticks(star, y=4)


def _difference(axes: Panel, own: BinnedSpectrum, expected: FloatArray, clean: BoolArray) -> None:
    """Difference in per cent with its error; only a pale line where the atmosphere or a weak response spoils the comparison."""
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = 100.0 * (own.mean / expected - 1.0)
        sigma = 100.0 * own.error / np.sqrt(own.per_bin) / np.abs(expected)
    axes.plot(own.wavelength_nm, np.where(np.abs(percent) < 3 * RESIDUAL_REACH, percent, np.nan), color=JOIN, lw=0.4)
    fair = np.where(clean, percent, np.nan)
    axes.fill_between(own.wavelength_nm, fair - sigma, fair + sigma, color=PALE_BLUE)
    axes.plot(own.wavelength_nm, fair, color=INK)
    if np.isfinite(fair).any():
        middle, wide = np.nanpercentile(np.abs(fair), [50, 95])
        text = f"outside telluric bands: median {middle:.1f} %, 95 % below {wide:.1f} %"
        write(axes, 0.008, 0.93, text, va="top", size=7, color=MUTED, paper=True)


def _curve_panel(axes: Panel, response: ResponseCurve) -> None:
    """Measured ratios, the sampled curve with its error, and the polynomial."""
    used = response.bins_used
    typical = response.response if response.is_sampled else response.bins_value[used]
    exponent = int(np.floor(np.log10(np.median(typical)))) if typical.size and np.median(typical) > 0 else 0
    scale = 10.0**-exponent
    value, error = response.bins_value * scale, response.bins_error * scale
    dots(axes, response.bins_nm[~used], value[~used], size=1.6, colour=JOIN)
    error_bars(axes, response.bins_nm[used], value[used], error[used], size=1.4, colour=BLUE)
    if response.is_sampled:
        curve = bin_spectrum(response.wavelength_nm, response.response * scale, response.error * scale, max_bins=500)
        axes.fill_between(curve.wavelength_nm, curve.mean - curve.error, curve.mean + curve.error, color=PALE_GREEN)
        axes.plot(curve.wavelength_nm, curve.mean, color=GREEN, lw=1.0)
    _draw_polynomial(axes, response, scale)
    shown = (response.bins_value[used] if used.any() else typical) * scale
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if shown.size:
        logarithmic(axes, 0.75 * float(shown.min()), 1.35 * float(shown.max()))
    axes.set_ylabel(f"response\n({power_of_ten(exponent)} erg cm⁻² Å⁻¹ / e⁻)")


def _draw_polynomial(axes: Panel, response: ResponseCurve, scale: float) -> None:
    """Draw the polynomial of the compatible table."""
    if response.polynomial.size:
        wave = np.linspace(*response.valid_nm, 300)
        axes.plot(wave, np.polyval(response.polynomial, wave) * (POLYNOMIAL_UNIT * scale), color=VERMILION, lw=0.7, dash=(4.0, 3.0))


def _bins_panel(axes: Panel, response: ResponseCurve) -> None:
    axes.set_ylabel("bin − curve\n(%)")
    axes.set_ylim(-RESIDUAL_REACH, RESIDUAL_REACH)
    axes.axhline(0.0, color=JOIN, lw=0.6)
    few_ticks(axes, y=4)
    if not response.is_sampled or not response.bins_used.any():
        return
    used = response.bins_used
    curve = np.interp(response.bins_nm, response.wavelength_nm, response.response)
    curve = np.where(curve > 0, curve, np.nan)
    percent = 100.0 * (response.bins_value / curve - 1.0)
    dots(axes, response.bins_nm[~used], percent[~used], size=1.6, colour=JOIN)
    error_bars(axes, response.bins_nm[used], percent[used], 100.0 * (response.bins_error / curve)[used], size=1.4, colour=BLUE)
    scatter = 1.4826 * float(np.median(np.abs(percent[used] - np.median(percent[used]))))
    write(axes, 0.008, 0.93, f"scatter {scatter:.2f} %", va="top", size=7, color=MUTED, paper=True)


def _efficiency_panel(axes: Panel, inputs: FigureInputs) -> None:
    axes.set_ylabel("efficiency\n(%)")
    curve = inputs.efficiency
    if curve is None:
        write(axes, 0.5, 0.5, "no efficiency", ha="center", color=MUTED)
        return
    observed = bin_spectrum(curve.wavelength_nm, 100.0 * curve.efficiency)
    above = bin_spectrum(curve.wavelength_nm, 100.0 * curve.above_atmosphere)
    axes.plot(above.wavelength_nm, above.mean, color=BLUE, lw=0.6, dash=(4.0, 2.0))
    axes.plot(observed.wavelength_nm, observed.mean, color=INK, lw=0.8)
    axes.set_ylim(0.0, min(100.0, max(1.0, 1.2 * object_limits(above.mean)[1])))
    text = f"median {100 * curve.median:.1f} %   (— as observed, slit and atmosphere included;  ╌ extinction removed)"
    write(axes, 0.008, 0.93, text, va="top", size=7, color=MUTED, paper=True)
    few_ticks(axes, y=4)
