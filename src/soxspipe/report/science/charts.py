"""The small plots of the page: object, response, efficiency."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.calibrations import StandardStar
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import EfficiencyCurve, FluxedSpectrum, ResponseCurve, SlitProfile
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.plots.decimate import bin_spectrum
from soxspipe.plots.words import BLUE, FWHM_PER_SIGMA, GREEN, INK, VERMILION, power_of_ten
from soxspipe.report.science.content import ReportContent
from soxspipe.report.science.payload import CURVE_POINTS, Json, chart, one_series, thinned

WAVELENGTH = "wavelength in air (nm)"
REACH_PERCENT = 8.0
"""Good calibrations lie within; a bad one runs out of the picture, and its number is in the verdict."""


def all_charts(content: ReportContent) -> dict[str, Json]:
    """Every small plot that this reduction has, by name."""
    reduction = content.reduction
    plots = [
        profile_chart(reduction.profile),
        residual_chart(reduction.trace),
        position_chart(reduction.trace),
        width_chart(reduction.trace),
    ]
    if reduction.response is not None:
        plots.append(response_chart(reduction.response))
    if reduction.efficiency is not None:
        plots.append(efficiency_chart(reduction.efficiency))
    if content.is_standard and reduction.standard is not None and reduction.fluxed is not None:
        plots.append(check_chart(reduction.standard, reduction.fluxed))
    return {plot["name"]: plot for plot in plots}


def profile_chart(profile: SlitProfile) -> Json:
    """Spatial profile."""
    series = one_series(f"profile ({profile.form})", BLUE, "area", profile.distance_arcsec, profile.density)
    reach = max(2.0, 4.0 * profile.fwhm_arcsec) if np.isfinite(profile.fwhm_arcsec) else 6.0
    return chart("profile", "distance from the trace (arcsec)", "light per arcsec", [series], xRange=[-reach, reach])


def residual_chart(trace: ObjectTrace) -> Json:
    """Fit minus measured centre of every sample."""
    samples = trace.samples
    clipped = samples.detected & ~samples.used
    reach = max(0.05, 6.0 * trace.residual_sd_px) if samples.used.any() else 1.0
    within = np.clip(samples.residual_px, -reach, reach)
    series = [
        one_series("used", BLUE, "dots", samples.wavelength_nm[samples.used], within[samples.used]),
        one_series("clipped (drawn at the edge when beyond)", VERMILION, "dots", samples.wavelength_nm[clipped], within[clipped]),
    ]
    return chart("residual", WAVELENGTH, "fit − measured (px)", series, yRange=[-1.05 * reach, 1.05 * reach])


def position_chart(trace: ObjectTrace) -> Json:
    """Slit position of the object over wavelength."""
    samples = trace.samples
    used = samples.used
    series = [one_series("measured", BLUE, "dots", samples.wavelength_nm[used], samples.offset_arcsec[used])]
    middle = float(np.median(samples.offset_arcsec[used])) if used.any() else 0.0
    spread = max(0.3, 6.0 * float(np.std(samples.offset_arcsec[used]))) if used.any() else 6.0
    return chart("position", WAVELENGTH, "slit position (arcsec)", series, yRange=[middle - spread, middle + spread])


def width_chart(trace: ObjectTrace) -> Json:
    """Width of the object over wavelength."""
    samples = trace.samples
    used = samples.used
    width = FWHM_PER_SIGMA * samples.sigma_px[used]
    top = 2.0 * float(np.median(width)) if width.size else 5.0
    return chart(
        "width", WAVELENGTH, "FWHM (px)", [one_series("measured", BLUE, "dots", samples.wavelength_nm[used], width)], yRange=[0, top]
    )


def response_chart(response: ResponseCurve) -> Json:
    """Measured ratios and the curve through them; on a logarithmic scale."""
    used = response.bins_used
    typical = response.response if response.is_sampled else response.bins_value[used]
    exponent = int(np.floor(np.log10(np.median(typical)))) if typical.size and np.median(typical) > 0 else 0
    scale = 10.0**-exponent
    series = []
    if response.bins_nm.size:
        series.append(one_series("masked or clipped bin", "#9aa0a6", "dots", response.bins_nm[~used], response.bins_value[~used] * scale))
        series.append(one_series("bin used", BLUE, "dots", response.bins_nm[used], response.bins_value[used] * scale))
    if response.is_sampled:
        curve = bin_spectrum(response.wavelength_nm, response.response * scale, response.error * scale, max_bins=CURVE_POINTS)
        series.append(one_series("response ± 1σ", GREEN, "line", curve.wavelength_nm, curve.mean, curve.error))
    shown = (response.bins_value[used] if used.any() else typical) * scale
    shown = shown[np.isfinite(shown) & (shown > 0)]
    limits = [0.75 * float(shown.min()), 1.35 * float(shown.max())] if shown.size else None
    return chart(
        "response", WAVELENGTH, f"response ({power_of_ten(exponent)} erg cm⁻² Å⁻¹ per e⁻)", series, log=True, yRange=limits, bands=True
    )


def efficiency_chart(efficiency: EfficiencyCurve) -> Json:
    """Efficiency as observed and above the atmosphere."""
    series = [
        one_series("extinction removed", VERMILION, "dashed", *thinned(efficiency.wavelength_nm, 100.0 * efficiency.above_atmosphere)),
        one_series("as observed", INK, "line", *thinned(efficiency.wavelength_nm, 100.0 * efficiency.efficiency)),
    ]
    finite = efficiency.above_atmosphere[np.isfinite(efficiency.above_atmosphere)]
    top = 115.0 * float(np.percentile(finite, 99)) if finite.size else 1.0
    return chart("efficiency", WAVELENGTH, "efficiency (%)", series, yRange=[0.0, min(100.0, max(1.0, top))], bands=True)


def check_chart(standard: StandardStar, fluxed: FluxedSpectrum) -> Json:
    """The calibrated standard against the library."""
    bad = int(SpectrumFlag.NO_DATA | SpectrumFlag.TELLURIC | SpectrumFlag.LOW_RESPONSE | SpectrumFlag.EXTRAPOLATED_RESPONSE)
    library = np.interp(fluxed.wavelength_nm, standard.wavelength_nm, standard.flux, left=np.nan, right=np.nan)
    clean = ((fluxed.quality & bad) == 0) & (library > 0)
    percent = np.where(clean, 100.0 * (fluxed.flux / np.where(library > 0, library, 1.0) - 1.0), np.nan)
    series = [one_series("calibrated − library, outside telluric bands", INK, "dots", *thinned(fluxed.wavelength_nm, percent))]
    return chart("check", WAVELENGTH, "calibrated − library (%)", series, yRange=[-REACH_PERCENT, REACH_PERCENT], bands=True)
