"""The extracted spectrum: order by order, merged, and flux-calibrated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.calibrations import SkyLines, TelluricBands
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.plots.decimate import BinnedSpectrum, bin_spectrum, object_limits
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.inputs import FigureInputs
from soxspipe.plots.paper import Figure, Panel, Segments
from soxspipe.plots.style import (
    Key,
    draw_binned,
    draw_key,
    few_ticks,
    logarithmic,
    mark_joins,
    new_figure,
    shade_bands,
    stack_axes,
    write,
)
from soxspipe.plots.words import (
    BAND,
    BLUE,
    COUNTS,
    ELECTRONS,
    FLUX_DENSITY,
    INK,
    JOIN,
    MID_BLUE,
    MUTED,
    ORDER_COLOURS,
    PALE_BLUE,
    PALE_VERMILION,
    PURPLE,
    VERMILION,
    power_of_ten,
)

LABEL_SHARE = 0.022
"""Of the width of a panel (10 inches): three characters of a name and a gap."""
NOISY_SHARE = 0.2
"""A sample whose error is this share of the axis tells nothing there."""
ORDERS_KEY = (
    Key(text="mean of bin (neighbouring orders alternate)", colour=BLUE),
    Key(text="± 1σ of one sample", colour=PALE_BLUE, form="patch"),
    Key(text="noisy bins", colour=PALE_VERMILION),
    Key(text="telluric band", colour=BAND, form="patch"),
    Key(text="sky line", colour=MUTED, form="bar"),
)
ORDERS_LABELS = (f"optimal sum\n({ELECTRONS})", f"boxcar sum\n({ELECTRONS})", "signal-to-noise\nper pixel", f"sky\n({ELECTRONS})")
"""Of the panels of `plot_orders`."""
_EMPTY = int(SpectrumFlag.NO_DATA | SpectrumFlag.INTERPOLATED)
_UNFAIR = int(SpectrumFlag.TELLURIC | SpectrumFlag.LOW_RESPONSE | SpectrumFlag.EXTRAPOLATED_RESPONSE | SpectrumFlag.WEAK_SKY_MODEL)

_UNSCALED = _UNFAIR & ~int(SpectrumFlag.TELLURIC)
"""Samples whose flux may be off by any factor; what is seen through a telluric band is not."""


def plot_orders(inputs: FigureInputs, *, unflattened: bool = False) -> Figure:
    """Draw the extracted orders: optimal sum, boxcar sum, signal-to-noise and sky.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `orders` (or `orders_unflattened`), `telluric_bands` and `sky_lines`.
    unflattened : bool
        Draw the extraction without the flat.

    Returns
    -------
    Figure
        Four panels over wavelength.
    """
    orders = tuple(
        sorted(inputs.orders_unflattened if unflattened else inputs.orders, key=lambda spectrum: float(spectrum.wavelength_nm[0]))
    )
    title = "Extracted orders, flat not divided out" if unflattened else "Extracted orders"
    figure = new_figure(title, inputs.subtitle)
    draw_key(figure, ORDERS_KEY)
    optimal, boxcar, ratio, sky = panels = stack_axes(figure, (1.5, 1.0, 1.0, 1.0), top=0.87)
    low_nm, high_nm = _range_nm(orders)
    for panel in panels:
        shade_bands(panel, inputs.telluric_bands, low_nm, high_nm)
    max_bins = max(120, 2400 // len(orders))
    binned = [_bin_order(spectrum, spectrum.flux, np.sqrt(spectrum.variance), max_bins) for spectrum in orders]
    limits = _limits_of(binned, inputs.telluric_bands)
    noisy = NOISY_SHARE * (limits[1] - limits[0])
    _draw_orders(optimal, binned, noisy)
    boxcars = [_bin_order(spectrum, spectrum.boxcar_restored, np.sqrt(spectrum.variance), max_bins) for spectrum in orders]
    _draw_orders(boxcar, boxcars, noisy, ribbon=False)
    optimal.set_ylim(*limits)
    boxcar.set_ylim(*limits)
    ratios = [_bin_order(spectrum, spectrum.snr, None, max_bins) for spectrum in orders]
    _draw_orders(ratio, ratios)
    ratio.set_ylim(0.0, 1.08 * max((_highest(entry.mean) for entry in ratios), default=1.0) or 1.0)
    skies = [_bin_order(spectrum, spectrum.sky, None, max_bins) for spectrum in orders]
    _draw_orders(sky, skies)
    _log_sky(sky, skies, inputs.sky_lines)
    _name_orders(optimal, orders)
    for panel, label in zip(panels, ORDERS_LABELS, strict=True):
        panel.set_ylabel(label)
    _finish(panels, low_nm, high_nm)
    return draw_edges(figure)


def plot_merged(inputs: FigureInputs) -> Figure:
    """Draw the order-merged spectrum: linear, logarithmic, signal-to-noise with its medians, and sky.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `merged`, `telluric_bands`, `sky_lines` and the ``SNR MEDIAN`` metrics.

    Returns
    -------
    Figure
        Four panels over wavelength.
    """
    merged = inputs.merged
    error = np.sqrt(merged.variance)
    measured = (merged.quality & _EMPTY) == 0
    unit = COUNTS
    figure = new_figure(f"Optimally Extracted Order-Merged Object Spectrum ({inputs.observation.arm})", inputs.subtitle)
    panels = stack_axes(figure, (1.5, 1.1, 1.0, 0.8))
    binned = bin_spectrum(merged.wavelength_nm, merged.flux, error, good=measured)
    sky_key = [Key(text="sky line", colour=MUTED, form="bar")]
    _spectrum_panels(
        figure,
        panels[:2],
        binned,
        inputs,
        fair=_fair(binned, inputs.telluric_bands),
        kept=np.isfinite(binned.mean),
        unit=unit,
        sky_key=sky_key,
    )
    _ratio_panel(panels[2], inputs, merged.wavelength_nm, merged.snr, measured)
    skies = [bin_spectrum(merged.wavelength_nm, merged.sky, good=measured)]
    panels[3].plot(skies[0].wavelength_nm, skies[0].high, color=PURPLE, lw=0.6)
    _log_sky(panels[3], skies, inputs.sky_lines)
    panels[3].set_ylabel(f"sky\n({ELECTRONS})")
    low_nm, high_nm = float(merged.wavelength_nm[0]), float(merged.wavelength_nm[-1])
    for panel in panels:
        shade_bands(panel, inputs.telluric_bands, low_nm, high_nm)
        mark_joins(panel, merged.joins)
    _finish(panels, low_nm, high_nm)
    return draw_edges(figure)


def plot_fluxed(inputs: FigureInputs) -> Figure:
    """Draw the flux-calibrated spectrum: linear, logarithmic, and signal-to-noise.

    Parameters
    ----------
    inputs : FigureInputs
        Uses `fluxed`, and the library spectrum for a standard star.

    Returns
    -------
    Figure
        Three panels over wavelength.

    Raises
    ------
    ValueError
        If there is no flux-calibrated spectrum.
    """
    fluxed = inputs.fluxed
    if fluxed is None:
        raise ValueError("there is no flux-calibrated spectrum to draw")
    measured = ((fluxed.quality & _EMPTY) == 0) & np.isfinite(fluxed.error) & (fluxed.error > 0)
    trusted = measured & ((fluxed.quality & _UNFAIR) == 0)
    exponent = _exponent(fluxed.flux[trusted] if trusted.any() else fluxed.flux[measured])
    scale = 10.0**-exponent
    figure = new_figure(f"Optimally Extracted Order-Merged Flux-Calibrated Object Spectrum ({inputs.observation.arm})", inputs.subtitle)
    panels = stack_axes(figure, (1.6, 1.1, 0.9))
    binned = bin_spectrum(fluxed.wavelength_nm, fluxed.flux * scale, fluxed.error * scale, good=measured)
    fair = bin_spectrum(fluxed.wavelength_nm, trusted.astype(float)).mean > 0.5
    kept = bin_spectrum(fluxed.wavelength_nm, (measured & ((fluxed.quality & _UNSCALED) == 0)).astype(float)).mean > 0.5
    unit = f"flux density\n({power_of_ten(exponent)} {FLUX_DENSITY})"
    _spectrum_panels(figure, panels[:2], binned, inputs, fair=fair, kept=kept, unit=unit, library_scale=scale)
    snr = np.divide(fluxed.flux, fluxed.error, out=np.zeros_like(fluxed.flux, dtype=np.float64), where=measured)
    _ratio_panel(panels[2], inputs, fluxed.wavelength_nm, snr, measured)
    low_nm, high_nm = float(fluxed.wavelength_nm[0]), float(fluxed.wavelength_nm[-1])
    for panel in panels:
        shade_bands(panel, inputs.telluric_bands, low_nm, high_nm)
        mark_joins(panel, inputs.merged.joins)
    _finish(panels, low_nm, high_nm)
    return draw_edges(figure)


def _spectrum_panels(
    figure: Figure,
    panels: Sequence[Panel],
    binned: BinnedSpectrum,
    inputs: FigureInputs,
    *,
    fair: BoolArray,
    kept: BoolArray,
    unit: str,
    library_scale: float | None = None,
    sky_key: Sequence[Key] = (),
) -> None:
    """Fill a linear and a logarithmic panel with the same spectrum, and write the key."""
    linear, log = panels
    entries = [
        Key(text=f"mean of {binned.per_bin} samples" if binned.per_bin > 1 else "spectrum", colour=INK),
        Key(text="± 1σ of one sample", colour=MID_BLUE, form="patch"),
        Key(text="all samples", colour=PALE_BLUE, form="patch"),
        Key(text="telluric band", colour=BAND, form="patch"),
        Key(text="order join", colour=JOIN, form="dashed"),
        *sky_key,
    ]
    for panel in panels:
        draw_binned(panel, binned)
    if library_scale is not None and inputs.standard is not None:
        entries.insert(1, Key(text=f"library: {inputs.standard.name}", colour=VERMILION))
        for panel in panels:
            _draw_library(panel, inputs, binned, library_scale)
    sigma = binned.error / np.sqrt(binned.per_bin)
    low, high = object_limits(binned.mean, sigma, good=fair, kept=kept)
    linear.set_ylim(low, high)
    if low < 0.0 < high:
        linear.axhline(0.0, color=JOIN, lw=0.5)
    floor = _log_floor(binned.mean, sigma, fair, kept)
    ceiling = max(high, floor * 10.0)
    logarithmic(log, max(floor, ceiling * 1e-4), ceiling * 1.15)
    linear.set_ylabel(unit)
    log.set_ylabel(unit)
    _write_above(log, "logarithmic")
    draw_key(figure, entries)


def _log_floor(mean: FloatArray, sigma: FloatArray, fair: BoolArray, kept: BoolArray) -> float:
    """Where a logarithmic axis begins: below all but the faintest fair samples, and below every sample that is certain."""
    positive = mean[fair & (mean > 0)]
    floor = float(np.percentile(positive, 1)) / 2.0 if positive.size else 1.0
    certain = mean[(mean > 5.0 * sigma) & kept]
    return min(floor, 0.8 * float(np.min(certain, initial=np.inf)))


def _write_above(axes: Panel, text: str) -> None:
    """Words over the left end of a panel, where no data are."""
    write(axes, 0.0, 1.015, text, va="bottom", size=7, color=MUTED)


def _draw_library(axes: Panel, inputs: FigureInputs, binned: BinnedSpectrum, scale: float) -> None:
    standard = inputs.standard
    if standard is not None:
        library = np.interp(binned.wavelength_nm, standard.wavelength_nm, standard.flux, left=np.nan, right=np.nan)
        axes.plot(binned.wavelength_nm, library * scale, color=VERMILION, lw=0.6)


def _ratio_panel(axes: Panel, inputs: FigureInputs, wavelength_nm: FloatArray, snr: FloatArray, measured: BoolArray) -> None:
    binned = bin_spectrum(wavelength_nm, snr, good=measured)
    draw_binned(axes, binned, (BLUE, PALE_BLUE, PALE_BLUE))
    axes.set_ylim(0.0, 1.08 * _highest(binned.mean) or 1.0)
    axes.set_ylabel("signal-to-noise\nper sample")
    _write_above(axes, _medians(inputs, snr[measured]))


def _medians(inputs: FigureInputs, snr: FloatArray) -> str:
    """Median signal-to-noise, of all and per order, as the metrics have it."""
    whole = next((metric.value for metric in inputs.metrics if metric.name == "SNR MEDIAN" and metric.order == "-1"), None)
    value = float(np.median(snr)) if whole is None and snr.size else float("nan") if whole is None else whole
    parts = [f"median {value:.1f}"]
    blue_first = {spectrum.label: float(spectrum.wavelength_nm[0]) for spectrum in inputs.orders}
    by_order = [metric for metric in inputs.metrics if metric.name.startswith("SNR MEDIAN O") and metric.value is not None]
    by_order.sort(key=lambda metric: blue_first.get(metric.order, 0.0))
    parts += [f"{metric.order}: {metric.value:.0f}" for metric in by_order]
    return parts[0] + ("     by order   " + "  ".join(parts[1:]) if len(parts) > 1 else "")


def _bin_order(spectrum: OrderSpectrum, value: FloatArray, error: FloatArray | None, max_bins: int) -> BinnedSpectrum:
    measured = (spectrum.quality & int(SpectrumFlag.NO_DATA)) == 0
    return bin_spectrum(spectrum.wavelength_nm, value, error, good=measured, max_bins=max_bins)


def _draw_orders(axes: Panel, binned: Sequence[BinnedSpectrum], noisy: float = np.inf, *, ribbon: bool = True) -> None:
    """Draw many orders with few artists: those of one colour are one line, broken between orders; bins with errors above `noisy` are pale."""
    for start, (ink, pale) in enumerate(ORDER_COLOURS):
        mine = binned[start :: len(ORDER_COLOURS)]
        if not mine:
            continue
        wave, mean, error = (_broken([getattr(entry, name) for entry in mine]) for name in ("wavelength_nm", "mean", "error"))
        if ribbon and np.nansum(error) > 0:
            axes.fill_between(wave, mean - error, mean + error, color=pale)
        sure = error <= noisy
        if not sure[np.isfinite(error)].all():
            axes.plot(wave, np.where(sure, np.nan, mean), color=pale, lw=0.5)
        axes.plot(wave, np.where(sure, mean, np.nan), color=ink)


def _broken(parts: Sequence[FloatArray]) -> FloatArray:
    """Arrays one after the other with a NaN between them."""
    return np.concatenate([np.append(part, np.nan) for part in parts])


def _name_orders(axes: Panel, orders: Sequence[OrderSpectrum]) -> None:
    """Names of the orders over the panel, from blue to red, moved where two would meet."""
    low_nm, high_nm = _range_nm(orders)
    places = [(float(np.median(spectrum.wavelength_nm)) - low_nm) / ((high_nm - low_nm) or 1.0) for spectrum in orders]
    for position, (spectrum, place) in enumerate(zip(orders, spread_out(places, LABEL_SHARE), strict=True)):
        colour = ORDER_COLOURS[position % len(ORDER_COLOURS)][0]
        write(axes, place, 1.015, spectrum.label, ha="center", va="bottom", size=7.5, color=colour)


def spread_out(places: Sequence[float], apart: float) -> list[float]:
    """Ascending places on an axis from 0 to 1, moved as little to the right as sets neighbours apart, and back from its end."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + apart) if moved else place)
    for at in range(len(moved) - 1, -1, -1):
        moved[at] = min(moved[at], 1.0 - (len(moved) - 1 - at) * apart)
    return moved


def _log_sky(axes: Panel, skies: Sequence[BinnedSpectrum], sky_lines: SkyLines | None) -> None:
    """Logarithmic limits for the sky, and ticks at sky lines."""
    levels = np.concatenate([sky.mean[np.isfinite(sky.mean) & (sky.mean > 0)] for sky in skies]) if skies else np.empty(0)
    if levels.size:
        peak = max(_highest(sky.high) for sky in skies)
        floor = max(float(np.percentile(levels, 2)) / 1.5, peak * 1e-5)
        logarithmic(axes, floor, max(peak, 2 * floor) * 2.2)
    if sky_lines is not None and sky_lines.wavelength_nm.size:
        low_nm, high_nm = min(float(sky.wavelength_nm[0]) for sky in skies), max(float(sky.wavelength_nm[-1]) for sky in skies)
        ticks = [[(wave, 0.93), (wave, 1.0)] for wave in _landmark_lines(sky_lines, low_nm, high_nm)]
        axes.marks.append(Segments(ends=np.array(ticks).reshape(-1, 2, 2), color=MUTED, width=0.5, share_of="y"))


def _landmark_lines(sky_lines: SkyLines, low_nm: float, high_nm: float, number: int = 50) -> FloatArray:
    """Wavelengths of the brightest sky line in each of `number` equal intervals."""
    shown = (sky_lines.wavelength_nm > low_nm) & (sky_lines.wavelength_nm < high_nm)
    wave, flux = sky_lines.wavelength_nm[shown], sky_lines.flux[shown]
    interval = ((wave - low_nm) * (number / (high_nm - low_nm))).astype(np.int64)
    brightest_last = np.lexsort((flux, interval))
    last = np.flatnonzero(np.diff(interval[brightest_last], append=number + 1))
    return wave[brightest_last][last]


def _fair(binned: BinnedSpectrum, bands: TelluricBands | None) -> BoolArray:
    return np.ones(binned.mean.shape, dtype=bool) if bands is None else ~bands.contains(binned.wavelength_nm)


def _limits_of(binned: Sequence[BinnedSpectrum], bands: TelluricBands | None) -> tuple[float, float]:
    mean = np.concatenate([entry.mean for entry in binned])
    error = np.concatenate([entry.error / np.sqrt(entry.per_bin) for entry in binned])
    good = np.concatenate([_fair(entry, bands) for entry in binned])
    return object_limits(mean, error, good=good, kept=np.isfinite(mean), pad=0.08)


def _highest(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.max(finite)) if finite.size else 0.0


def _range_nm(orders: Sequence[OrderSpectrum]) -> tuple[float, float]:
    return min(float(o.wavelength_nm[0]) for o in orders), max(float(o.wavelength_nm[-1]) for o in orders)


def _exponent(flux: FloatArray) -> int:
    """Power of ten that brings a spectrum to numbers around one."""
    typical = float(np.median(np.abs(flux))) if flux.size else 0.0
    return int(np.floor(np.log10(typical))) if typical > 0 else 0


def _finish(panels: Sequence[Panel], low_nm: float, high_nm: float) -> None:
    panels[-1].set_xlim(low_nm, high_nm)
    panels[-1].set_xlabel("wavelength in air (nm)")
    few_ticks(panels[-1], x=9)
    for panel in panels:
        if not panel.yaxis.logarithmic:
            few_ticks(panel, y=4)
