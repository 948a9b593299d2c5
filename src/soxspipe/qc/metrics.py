"""Numbers that tell how good a reduction is: the metrics of the recipe page, then those beyond it.

Every function takes the values it measures and returns metrics without ranges; `soxspipe.qc.ranges` adds those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.flags import PixelFlag, SpectrumFlag
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import SkyModel
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import EfficiencyCurve, FluxedSpectrum, MergedSpectrum, OrderSpectrum, SlitProfile
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.numerics.medians import quick_mad_sigma
from soxspipe.numerics.robust import weighted_median
from soxspipe.qc.numbers import finite_or_none

CALIBRATION_FLAGS = PixelFlag.BAD | PixelFlag.NOT_FINITE
NO_MEASUREMENT = SpectrumFlag.NO_DATA | SpectrumFlag.SATURATED | SpectrumFlag.PARTIAL_PROFILE
"""Bits with which a sample tells nothing, or next to nothing, of the object."""
COSMIC_FLAGS = PixelFlag.COSMIC_RAY | PixelFlag.OUTLIER


def measure_bad_pixels(flags: FlagArray) -> tuple[Metric, ...]:
    """BADPIX NUM and BADPIX FRAC: pixels of the whole frame that the bad-pixel map or a master calibration excludes, or that are not finite."""
    number = int(np.count_nonzero(flags & np.uint8(CALIBRATION_FLAGS)))
    return (
        Metric(name="BADPIX NUM", value=number, comment="Number of bad pixels"),
        Metric(name="BADPIX FRAC", value=round(number / flags.size, 6), comment="Fraction of bad pixels"),
    )


def beside_object(counted: BoolImage, empty: BoolImage) -> BoolImage:
    """Pixels that count outside the object's aperture, which are the `empty` ones; all that count where there are none."""
    outside = counted & empty
    return outside if outside.any() else counted


def measure_inner_orders(inside: FloatArray, left_over: FloatArray) -> tuple[Metric, ...]:
    """INNER ORDER PIX MEAN, WITH OBJ and SUM: good pixels between the order edges.

    Parameters
    ----------
    inside : ndarray, shape (n,)
        Sky-subtracted electrons of these pixels.
    left_over : ndarray, shape (m,)
        The same with the object's model off, so that its wings are no fault of the sky, outside the object's aperture.
    """
    values = inside.astype(np.float64)
    rest = left_over.astype(np.float64)
    rest = rest[np.isfinite(rest)]
    return (
        Metric(
            name="INNER ORDER PIX MEAN",
            value=float(rest.mean()) if rest.size else None,
            unit="electrons",
            comment="Mean inner-order pixel value outside the object",
        ),
        Metric(
            name="INNER ORDER PIX MEAN WITH OBJ",
            value=float(values.mean()) if values.size else None,
            unit="electrons",
            comment="Mean inner-order pixel value, object included",
        ),
        Metric(name="INNER ORDER PIX SUM", value=float(values.sum()), unit="electrons", comment="Sum of all inner-order pixel values"),
    )


def measure_missing(orders: Sequence[OrderSpectrum], merged: MergedSpectrum, arm: Arm) -> tuple[Metric, ...]:
    """NO DATA FRAC: share of the merged spectrum, and of each order, that holds no measurement or one that is worth nothing.

    Of an order only the part within the arm's range counts: beyond it the dichroic leaves no light, and nothing is lost.
    """
    overall = Metric(name="NO DATA FRAC", value=_missing(merged.quality, merged.variance), comment="Fraction of the spectrum without data")
    return (
        overall,
        *(
            Metric(
                name=f"NO DATA FRAC O{arm.label(spectrum.order)}",
                value=_missing_within(spectrum, arm.range_nm),
                comment=f"Fraction of order {arm.label(spectrum.order)} without data",
                order=arm.label(spectrum.order),
            )
            for spectrum in orders
        ),
    )


def _missing_within(spectrum: OrderSpectrum, range_nm: tuple[float, float]) -> float:
    """Of the samples within a range; of all samples if there are none."""
    within = (spectrum.wavelength_nm >= range_nm[0]) & (spectrum.wavelength_nm <= range_nm[1])
    counted = within if within.any() else np.ones_like(within)
    return _missing(spectrum.quality[counted], spectrum.variance[counted])


def _missing(quality: IntArray, variance: FloatArray) -> float:
    if not quality.size:
        return 1.0
    nothing = ((quality & int(NO_MEASUREMENT)) != 0) | ~np.isfinite(variance) | (variance <= 0)
    return float(np.mean(nothing))


def measure_trace(trace: ObjectTrace, arm: Arm) -> tuple[Metric, ...]:
    """N ORDERS, SAMPLES and X / Y RES: how the object was found and how well the global polynomial follows it.

    Residuals exist along the slit axis alone, since a slice's place along the dispersion is chosen and not measured; the
    metrics of the other axis are there without a value.
    """
    samples = trace.samples
    detected, clipped = int(np.count_nonzero(samples.detected)), int(np.count_nonzero(samples.detected & ~samples.used))
    total = samples.order.size
    orders = 0 if trace.forced else int(np.intersect1d(np.unique(samples.order[samples.used]), list(trace.orders)).size)
    return (
        Metric(name="N ORDERS", value=orders, comment="Number of orders containing an object trace"),
        Metric(name="SAMPLES TOT NUM", value=total, comment="Total number of samples along orders"),
        Metric(name="SAMPLES DET NUM", value=detected, comment="Number of samples where a continuum is detected"),
        Metric(name="SAMPLES DET FRAC", value=_ratio(detected, total), comment="Fraction of samples where a continuum is detected"),
        Metric(name="SAMPLES CLIP NUM", value=clipped, comment="Number of continuum samples clipped during solution fitting"),
        Metric(
            name="SAMPLES CLIP FRAC",
            value=_ratio(clipped, detected),
            comment="Fraction of detected continuum samples clipped during solution fitting",
        ),
        *_residual_metrics("x", samples.residual_px[samples.used] if arm.slit_axis == "x" else np.empty(0)),
        *_residual_metrics("y", samples.residual_px[samples.used] if arm.slit_axis == "y" else np.empty(0)),
    )


def measure_snr(merged: MergedSpectrum, arm: Arm) -> tuple[Metric, ...]:
    """SNR MEDIAN, global and per order: the merged spectrum's, over samples that were measured; each belongs to the order of most weight."""
    snr = merged.snr
    measured = np.isfinite(snr) & (merged.variance > 0) & np.isfinite(merged.variance)
    overall = Metric(name="SNR MEDIAN", value=_median(snr[measured]), comment="Median SNR across all orders")
    return (overall, *(_order_metric("SNR", arm, order, snr[measured & (merged.order == order)]) for order in _orders(merged.order)))


def measure_efficiency(efficiency: EfficiencyCurve | None, arm: Arm) -> tuple[Metric, ...]:
    """EFF MEDIAN, global and per order: slit and atmosphere included; without a value for frames that have no efficiency."""
    overall = Metric(
        name="EFF MEDIAN",
        value=None if efficiency is None else finite_or_none(efficiency.median),
        comment="Median efficiency across all orders",
    )
    if efficiency is None:
        return (overall,)
    return (
        overall,
        *(
            Metric(
                name=f"EFF MEDIAN O{arm.label(order)}",
                value=finite_or_none(value),
                comment=f"Median efficiency in order {arm.label(order)}",
                order=arm.label(order),
            )
            for order, value in efficiency.median_by_order.items()
        ),
    )


def measure_struck_pixels(flags: FlagArray, on_slit: BoolImage) -> tuple[Metric, ...]:
    """CRH NUM and SATURATED NUM: pixels between the order edges struck by cosmic rays (or rejected as outliers), and saturated ones that no calibration excludes."""
    inside = flags[on_slit]
    cosmic = int(np.count_nonzero(inside & np.uint8(COSMIC_FLAGS)))
    saturated = int(np.count_nonzero((inside & np.uint8(PixelFlag.SATURATED | PixelFlag.BAD)) == np.uint8(PixelFlag.SATURATED)))
    return (
        Metric(name="CRH NUM", value=cosmic, comment="Cosmic-ray and outlier pixels inside orders"),
        Metric(name="SATURATED NUM", value=saturated, comment="Saturated pixels inside orders"),
    )


def measure_reference_names(flags: FlagArray) -> tuple[Metric, ...]:
    """EXTRACT METHOD and COSMIC RAY PIX NUM, as release 0.19 of the reference names them."""
    return (
        Metric(name="EXTRACT METHOD", value="optimal", comment="Extraction behind FLUX_COUNTS"),
        Metric(
            name="COSMIC RAY PIX NUM",
            value=int(np.count_nonzero(flags & np.uint8(PixelFlag.COSMIC_RAY))),
            comment="Pixels struck by cosmic rays, whole frame",
        ),
    )


def measure_sky(sky: SkyModel | None) -> tuple[Metric, ...]:
    """SKY CHI LINES and SKY CHI CONT: residual over noise of the sky fit on lines and between them, 1 when the noise alone is left."""
    orders = () if sky is None else sky.orders
    weights = np.array([order.n_used for order in orders], dtype=np.float64)
    return (
        Metric(
            name="SKY CHI LINES",
            value=finite_or_none(weighted_median(np.array([order.chi_lines for order in orders], dtype=np.float64), weights)),
            comment="Sky residual over noise on sky lines",
        ),
        Metric(
            name="SKY CHI CONT",
            value=finite_or_none(weighted_median(np.array([order.chi_continuum for order in orders], dtype=np.float64), weights)),
            comment="Sky residual over noise between sky lines",
        ),
    )


def measure_empty_sky(residual_sigma: Image, empty: BoolImage) -> tuple[Metric, ...]:
    """EMPTY SKY CHI: robust scatter of the sky-subtracted data over its error where no object is; 1 when errors are right.

    Pixels to which no light comes, where nothing was fitted, have a residual of exactly 0 and do not count.
    """
    chi = residual_sigma[empty]
    chi = chi[np.isfinite(chi) & (chi != 0)]
    value = quick_mad_sigma(chi) if chi.size > 100 else None
    return (Metric(name="EMPTY SKY CHI", value=value, comment="Scatter over error of sky without an object"),)


def measure_object(
    trace: ObjectTrace, profile: SlitProfile, observation: Observation, orders: Sequence[OrderSpectrum]
) -> tuple[Metric, ...]:
    """Significance and width of the object, against the seeing the header gives, and its light outside the boxcar aperture."""
    fwhm = None if trace.forced else finite_or_none(profile.fwhm_arcsec)
    seeing = observation.seeing_arcsec
    outside = _median(np.concatenate([1.0 - spectrum.aperture_fraction for spectrum in orders])) if orders else None
    position = next((source.slit_arcsec for source in trace.sources), None)
    return (
        Metric(name="TRACE SIGNIF", value=finite_or_none(trace.significance), comment="Significance of the object's coherent light"),
        Metric(name="TRACE FORCED", value=int(trace.forced), comment="1 if no object was found or its position given"),
        Metric(name="TRACE SLIT POS", value=position, unit="arcsec", comment="Object's distance from the slit centre"),
        Metric(name="N OBJECTS", value=len(trace.sources), comment="Objects found on the slit"),
        Metric(name="SEEING FWHM", value=fwhm, unit="arcsec", comment="FWHM of the object's profile"),
        Metric(name="SEEING HEADER", value=seeing, unit="arcsec", comment="Seeing the header gives"),
        Metric(name="SEEING RATIO", value=fwhm / seeing if fwhm and seeing else None, comment="Profile FWHM over the header's seeing"),
        Metric(name="APERTURE LOSS", value=outside, comment="Fraction of the light outside the boxcar aperture"),
    )


def measure_host(host: HostLight | None) -> tuple[Metric, ...]:
    """HOST SIGNIF, HOST SHARE and HOST DOUBT: light that no point source explains; nothing is 0."""
    return (
        Metric(name="HOST SIGNIF", value=0.0 if host is None else host.significance, comment="Significance of a host under the object"),
        Metric(
            name="HOST SHARE", value=host.share if host is not None and host.taken else 0.0, comment="Host light taken off over object's"
        ),
        Metric(name="HOST DOUBT", value=0.0 if host is None else host.doubt, comment="Part of the flux uncertain for a host"),
    )


def measure_flat_structure(structure: Mapping[int, float]) -> tuple[Metric, ...]:
    """FLAT STRUCTURE: what an error of the flat or its fringes had left in the worst order, and was taken out; nothing is 0."""
    worst = 100.0 * max(structure.values(), default=0.0)
    return (Metric(name="FLAT STRUCTURE", value=worst, unit="percent", comment="Structure of the flat taken out of the flux, rms"),)


def measure_joins(merged: MergedSpectrum, arm: Arm) -> tuple[Metric, ...]:
    """JOIN SCALE per overlap: flux of the redder order over the bluer one's, 1 when they agree."""
    return tuple(
        Metric(
            name=f"JOIN SCALE O{arm.label(join.blue_order)} O{arm.label(join.red_order)}",
            value=finite_or_none(join.scale) if join.measured else None,
            comment=f"Flux ratio at {join.wavelength_nm:.1f} nm, error {join.scale_error:.4f}",
            order=arm.label(join.blue_order),
        )
        for join in merged.joins
    )


def measure_flux_calibration(fluxed: FluxedSpectrum | None) -> tuple[Metric, ...]:
    """SLIT LOSS RATIO: slit transmission of this frame over the standard's, from the two seeings; its error and whether it was applied."""
    if fluxed is None or fluxed.slit_loss_ratio is None:
        return (Metric(name="SLIT LOSS RATIO", value=None, comment="Slit transmission over the standard's"),)
    applied = "applied" if fluxed.slit_loss_applied else "not applied"
    comment = f"Slit transmission over standard's +-{fluxed.slit_loss_error:.3f}, {applied}"
    return (Metric(name="SLIT LOSS RATIO", value=fluxed.slit_loss_ratio, comment=comment),)


def temperature_metrics(detector_kelvin: float | None, common_path_celsius: float | None) -> tuple[Metric, ...]:
    """DETECTOR TEMP and CPATH TEMP, where the header has them."""
    given = (
        Metric(name="DETECTOR TEMP", value=detector_kelvin, unit="kelvin", comment="temp of detector"),
        Metric(name="CPATH TEMP", value=common_path_celsius, unit="celsius", comment="temp of common path"),
    )
    return tuple(metric for metric in given if metric.value is not None)


def empty_sky_mask(
    order_image: IntArray,
    slit_arcsec: Image,
    good: BoolImage,
    trace: ObjectTrace,
    *,
    moved_arcsec: Mapping[int, float] | None = None,
    margin_fwhm: float = 3.0,
) -> BoolImage:
    """True for good pixels of orders that lie more than `margin_fwhm` widths from every object on the slit, whose image moved by so much in each order."""
    candidates = good & (order_image > 0)
    inside, slit = np.flatnonzero(candidates), slit_arcsec[candidates]
    if moved_arcsec:
        orders = order_image[candidates]
        moved = np.zeros(max(max(moved_arcsec), int(orders.max(initial=0))) + 1)
        moved[list(moved_arcsec)] = list(moved_arcsec.values())
        slit = slit - moved[orders]
    positions = [(source.slit_arcsec, source.fwhm_arcsec) for source in trace.sources] or [
        (float(np.median(order.slit_arcsec)), trace.fwhm_arcsec) for order in trace.orders.values()
    ]
    away = np.ones(slit.size, dtype=bool)
    with np.errstate(invalid="ignore"):
        for position, fwhm in positions:
            away &= ~(np.abs(slit - position) <= margin_fwhm * fwhm)
    empty = np.zeros(good.shape, dtype=bool)
    empty.reshape(-1)[inside[away]] = True
    return empty


def _residual_metrics(axis: str, residual: FloatArray) -> tuple[Metric, ...]:
    name, known = axis.upper(), residual.size > 0
    rows = (("MIN", "Minimum residual", np.min), ("MAX", "Maximum residual", np.max), ("SD", "Std-dev of residual", np.std))
    return tuple(
        Metric(
            name=f"{name} RES {label}",
            value=float(measure(residual)) if known else None,
            unit="px",
            comment=f"{text} {'in ' if label != 'SD' else ''}continuum fit along {axis}-axis",
        )
        for label, text, measure in rows
    )


def _order_metric(kind: str, arm: Arm, order: int, values: FloatArray) -> Metric:
    label = arm.label(order)
    return Metric(name=f"{kind} MEDIAN O{label}", value=_median(values), comment=f"Median {kind} in order {label}", order=label)


def _orders(order: IntArray) -> Iterable[int]:
    return (int(number) for number in np.unique(order) if number > 0)


def _median(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
