"""What there is to worry about in a spectrum, by the metrics, warnings and failures of its reduction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from soxspipe.datamodel.flags import PixelFlag, SpectrumFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import FluxedSpectrum, ResponseCurve
from soxspipe.report.science.content import ReportContent
from soxspipe.report.verdict import Verdict, out_of_range, weigh, worrying

SKY_LINE_LIMIT = 1.15
"""Residual over noise on bright lines; the four scenes of the accuracy table give 0.96 to 1.07 (docs/validation.md)."""
NOISE_LIMITS = (0.93, 1.08)
"""Scatter over error without an object; a little wider than what the accuracy tables aim at (0.95 to 1.06)."""
SUMS_LIMIT = 1.2
"""The same of sums along the slit, to which what is left of sky lines and of the slit's illumination adds up; nine scenes without noise that
pixels share give 0.91 to 0.98 (benchmarks/accuracy.md), those with such noise 1.4 to 2.2 in the flux."""
SHIFT_LIMIT_PX = 0.1
"""Chosen by eye; no measurement is recorded."""
JOIN_LIMIT = 0.05
"""Said where it is four times its error as well; chosen by eye, no measurement is recorded."""
SATURATED_LIMIT = 0.001
"""Share of the samples; chosen by eye, no measurement is recorded."""
SLIT_LOSS_LIMITS = (0.7, 1.4)
"""Beyond them the flux scale is off by more than 30 to 40 %; chosen by eye, no measurement is recorded."""
LEAST_CAUSE = 0.1
"""Of the share that is missing: bad pixels in a column of the object's core take ten times their share of the spectrum."""
REJECTED_LIMIT = 0.01
"""Share of the pixels: three times what cosmic rays strike in an hour, at 0.05 hits a second and square centimetre of six pixels each."""
APERTURE_LIMIT = 0.15
"""Of the light, for the boxcar sum alone; chosen by eye, no measurement is recorded."""
EXCLUDED_LIMIT = 0.1
"""Share of the pixels in orders that calibrations exclude: nine reductions of simulated nights have 0.002 to 0.013."""
MISSING_LIMITS = (0.1, 0.5)
"""Share without data from which one should look, of an order or of all; and from which nothing of the spectrum is good."""


def judge(content: ReportContent) -> Verdict:
    """Judge a reduction by its metrics, warnings and failures.

    Parameters
    ----------
    content : ReportContent
        With metrics measured and their ranges set.

    Returns
    -------
    Verdict
        Level, summary and worries.
    """
    grave = (*_forced(content), *out_of_range(content.metrics), *_mostly_missing(content))
    lesser = (*(worry for check in _CHECKS for worry in check(content)), *worrying(content.warnings))
    return weigh(grave, lesser, content.warnings, summarise(content))


def summarise(content: ReportContent) -> str:
    """What was reduced, in one sentence."""
    reduction = content.reduction
    observation = reduction.observation
    exposures = reduction.stacked.n_exposures
    times = f"{exposures} exposures of {observation.exptime_s:g} s" if exposures > 1 else f"one exposure of {observation.exptime_s:g} s"
    kind = "standard star " if content.is_standard else ""
    orders = len(reduction.orders)
    state = "flux-calibrated" if reduction.fluxed is not None else "extracted, not flux-calibrated"
    snr = content.metric("SNR MEDIAN")
    quality = f", median signal-to-noise {snr:.3g} per {reduction.geometry.arm.merge_step_nm:g} nm sample" if snr is not None else ""
    unit = "bands" if reduction.geometry.arm.bands else "orders"
    target = observation.target.strip() or "the target"
    return f"{kind}{target}, {observation.arm} arm, {times}: {orders} {unit} {state}{quality}.".strip()


def _forced(content: ReportContent) -> Iterator[str]:
    trace = content.reduction.trace
    if not trace.forced:
        return
    if trace.sources:
        yield "The position on the slit was given, not found."
    else:
        yield (
            f"No object was found (significance {trace.significance:.1f}); the spectrum was extracted at a fixed position and"
            " is an upper limit."
        )


def _mostly_missing(content: ReportContent) -> Iterator[str]:
    share = content.metric("NO DATA FRAC")
    if share is not None and share > MISSING_LIMITS[1]:
        yield f"{share:.0%} of the spectrum is missing: {_why_missing(content, share)}."


def _missing(content: ReportContent) -> Iterator[str]:
    limit, worst = MISSING_LIMITS
    whole = content.metric("NO DATA FRAC")
    if whole is not None and limit < whole <= worst:
        yield f"{whole:.0%} of the spectrum is missing: {_why_missing(content, whole)}."
    shares = {metric.order: metric.number for metric in content.metrics if metric.name == f"NO DATA FRAC O{metric.order}"}
    bad = {order: share for order, share in shares.items() if share is not None and share > limit}
    if bad and (whole is None or whole <= limit):
        order = max(bad, key=lambda name: bad[name])
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        yield f"{bad[order]:.0%} of order {order}{more} is missing: {_why_missing(content, bad[order])}."


def _why_missing(content: ReportContent, missing: float) -> str:
    """The commonest flag of the pixels between the order edges, in words; a flag of few pixels is no reason for a loss of many samples."""
    words, share = _commonest(content, _CAUSES)
    return (
        f"{share:.0%} of the pixels in orders are {words}"
        if share > LEAST_CAUSE * missing
        else "the flat has no light there, or the object's profile was not measured"
    )


def _commonest(content: ReportContent, flags: Iterable[PixelFlag]) -> tuple[str, float]:
    """Which of these flags most pixels between the order edges have, in words, and their share."""
    frame, mapped = content.reduction.sky_subtracted, content.reduction.geometry.dispersion_map
    found = frame.flags[mapped.order > 0]
    number, words = max((int(np.count_nonzero(found & np.uint8(flag))), _CAUSES[flag]) for flag in flags)
    return words, number / max(found.size, 1)


def _excluded(content: ReportContent) -> Iterator[str]:
    """Parts of the slit that calibrations exclude, though the object's own part is there and no sample is missing."""
    if any(_missing(content)) or any(_mostly_missing(content)):
        return
    words, share = _commonest(content, _OF_CALIBRATIONS)
    if share > EXCLUDED_LIMIT:
        yield f"{share:.0%} of the pixels in orders are {words}."


def _rejected(content: ReportContent) -> Iterator[str]:
    frame, mapped = content.reduction.sky_subtracted, content.reduction.geometry.dispersion_map
    flags = frame.flags[mapped.order > 0]
    share = float(np.mean((flags & np.uint8(PixelFlag.COSMIC_RAY | PixelFlag.OUTLIER)) != 0)) if flags.size else 0.0
    if share > REJECTED_LIMIT:
        yield f"{share:.1%} of the pixels in orders were rejected as cosmic rays or outliers, more than cosmic rays can strike."


def _failures(content: ReportContent) -> Iterator[str]:
    for step, reason in content.failures.items():
        yield f"The step “{step}” could not be done: {reason.rstrip('.')}."


def _sky(content: ReportContent) -> Iterator[str]:
    chi = content.metric("SKY CHI LINES")
    if chi is not None and chi > SKY_LINE_LIMIT:
        yield f"Bright sky lines leave residuals of {chi:.2f} times the noise."
    noise, sums = content.metric("EMPTY SKY CHI"), content.metric("EMPTY SLIT CHI")
    if sums is not None and sums > SUMS_LIMIT:
        yield f"Errors of the flux are {sums - 1:.0%} too small, judged by sums along the slit over sky without an object."
    elif noise is not None and not NOISE_LIMITS[0] <= noise <= NOISE_LIMITS[1]:
        size = "too small" if noise > 1 else "too large"
        yield f"Errors are {abs(noise - 1):.0%} {size}, judged by sky without an object."
    if content.reduction.sky is not None and content.reduction.sky.failures:
        yield f"The sky could not be modelled in {content.reduction.geometry.arm.named(content.reduction.sky.failures)}."


def _wavelength(content: ReportContent) -> Iterator[str]:
    shift, arm = content.wavelength_shift, content.reduction.geometry.arm
    if shift is None:
        return
    left = [(order, found) for order, found in shift.orders.items() if found.tied and not found.applied]
    wrong = [(order, found) for order, found in left if abs(found.shift_px) > max(SHIFT_LIMIT_PX, 3.0 * found.error_px)]
    if wrong:
        order, worst = max(wrong, key=lambda one: abs(one[1].shift_px))
        size = f"{worst.shift_px:+.2f} ± {worst.error_px:.2f} px"
        yield f"Sky lines put the wavelength scale of order {arm.label(order)} off by {size}; it was not corrected."


def _joins(content: ReportContent) -> Iterator[str]:
    arm = content.reduction.geometry.arm
    bad = [join for join in content.reduction.merged.joins if abs(join.scale - 1.0) > max(JOIN_LIMIT, 4.0 * join.scale_error)]
    if bad:
        worst = max(bad, key=lambda join: abs(join.scale - 1.0))
        name = f"{arm.label(worst.blue_order)} and {arm.label(worst.red_order)} at {worst.wavelength_nm:.0f} nm"
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        yield f"Orders {name}{more} disagree by {abs(worst.scale - 1.0):.0%} where they meet."


def _saturation(content: ReportContent) -> Iterator[str]:
    quality = content.reduction.merged.quality
    share = float(np.mean((quality & int(SpectrumFlag.SATURATED)) != 0)) if quality.size else 0.0
    if share > SATURATED_LIMIT:
        yield f"{share:.1%} of the spectrum is saturated."


def _slit(content: ReportContent) -> Iterator[str]:
    outside = content.metric("APERTURE LOSS")
    if outside is not None and outside > APERTURE_LIMIT:
        yield f"{outside:.0%} of the light falls outside the boxcar aperture."


def _flux(content: ReportContent) -> Iterator[str]:
    if content.reduction.fluxed is None and "response" in content.failures:
        return
    yield from flux_worries(
        content.reduction.fluxed, content.reduction.response, content.reduction.observation, is_standard=content.is_standard
    )


def flux_worries(
    fluxed: FluxedSpectrum | None, response: ResponseCurve | None, observation: Observation, *, is_standard: bool
) -> Iterator[str]:
    """What there is to worry about in the flux scale, or that there is none; through another slit a warning says it."""
    if fluxed is None:
        yield "There was no response, so the spectrum is in counts."
        return
    other_slit = response is not None and response.slit_width_arcsec not in (None, observation.slit_width_arcsec)
    if is_standard or other_slit or fluxed.slit_loss_ratio is None or fluxed.slit_loss_applied:
        return
    low, high = SLIT_LOSS_LIMITS
    if not low <= fluxed.slit_loss_ratio <= high:
        yield f"The slit let through {fluxed.slit_loss_ratio:.2f} times as much light as for the standard star; fluxes are not corrected for it."


_CAUSES = {
    PixelFlag.BAD: "bad",
    PixelFlag.COSMIC_RAY: "struck by cosmic rays",
    PixelFlag.SATURATED: "saturated",
    PixelFlag.LOW_FLAT: "without light in the flat",
    PixelFlag.NOT_FINITE: "not finite",
    PixelFlag.OUTLIER: "outliers",
    PixelFlag.NO_SKY_MODEL: "without a sky model",
}

_OF_CALIBRATIONS = (PixelFlag.BAD, PixelFlag.LOW_FLAT, PixelFlag.NOT_FINITE)

_CHECKS: tuple[Callable[[ReportContent], Iterator[str]], ...] = (
    _failures,
    _missing,
    _excluded,
    _rejected,
    _saturation,
    _sky,
    _wavelength,
    _joins,
    _slit,
    _flux,
)
