"""The slit and the object on it, in the names of release 0.19 of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image, IntArray
from soxspipe.datamodel.detector import Arm, Axis
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.numerics.medians import quick_mad_sigma, quick_median
from soxspipe.qc.numbers import finite_or_none

EDGE_SHARE = 0.2
"""Of an order's pixels, from which the object spills over the slit's end (as the reference has it)."""
FAINT_SHARE = 0.5
"""Of an order's samples; where fewer show the object, the trace rests on the other orders (as the reference has it)."""
EVERY_LINE = 4
"""A quarter of the lines knows a scatter to a per cent."""
LEAST_SUMS = 500
"""Fewer, of which neighbours share most pixels, do not know it to ten."""
PIXELS_OF_FWHM = 1.5
"""Pixels that count in the sum over a Gaussian image, by its weights, in units of its width."""
LARGEST_SLIT_PX = 11.0
"""Three arcsec, the largest motion seen on sky: beyond it flat or map are of another setting."""


def measure_slit_drift(trace: ObjectTrace, orders: Sequence[OrderSpectrum]) -> tuple[Metric, ...]:
    """SLIT DRIFT: position at the reddest less that at the bluest wavelength; SLIT ZERO WLEN: where the object crosses the slit's middle."""
    wave, position = _along_spectrum(trace, orders)
    drift = float(position[-1] - position[0]) if wave.size > 1 else None
    crossing = np.flatnonzero(np.diff(np.sign(position)) != 0)
    return (
        Metric(name="SLIT DRIFT", value=drift, unit="arcsec", comment="Object along the slit, reddest less bluest"),
        Metric(
            name="SLIT ZERO WLEN", value=float(wave[crossing[0]]) if crossing.size else None, unit="nm",
            comment="Where the object crosses the slit's middle",
        ),
    )  # fmt: skip


def measure_slit_illumination(slit: SlitOffset, arm: Arm) -> tuple[Metric, ...]:
    """SLIT ILLUM OFFSET of every order (arcsec), whether positions follow it, and in how many orders an edge was seen."""
    return (
        Metric(name="SLIT ILLUM APPLIED", value=int(slit.applied), comment="1 if unlit rows are left out"),
        Metric(name="SLIT ILLUM N ORDERS", value=len(slit.orders), comment="Orders in which an edge was seen"),
        *(
            Metric(
                name=f"SLIT ILLUM OFFSET O{order}", value=float(arcsec), unit="arcsec", comment=f"Slit of order {arm.label(order)} against flat",
                order=arm.label(order),
            )
            for order, arcsec in sorted(slit.arcsec.items())
        ),
    )  # fmt: skip


def measure_trace_quality(trace: ObjectTrace, half_slit_arcsec: float) -> tuple[Metric, ...]:
    """N ORDERS SLIT EDGE and N ORDERS FAINT TRACE: orders in which the object spills over the slit's end, or hardly shows."""
    samples = trace.samples
    faint = [
        float(np.mean(samples.detected[samples.order == order])) < FAINT_SHARE for order in np.unique(samples.order)
    ]  # of samples that were looked at
    return (
        Metric(
            name="N ORDERS SLIT EDGE",
            value=len(orders_over_the_end(trace, half_slit_arcsec)),
            comment="Orders with the object over the slit's end",
        ),
        Metric(name="N ORDERS FAINT TRACE", value=sum(faint), comment="Orders whose trace rests on others"),
    )


def orders_over_the_end(trace: ObjectTrace, half_slit_arcsec: float) -> list[int]:
    """Orders in which half of the object's image lies beyond the end of the slit, over more than `EDGE_SHARE` of the order."""
    room = half_slit_arcsec - 0.5 * trace.fwhm_arcsec
    return [order for order, one in trace.orders.items() if float(np.mean(np.abs(one.slit_arcsec) > room)) > EDGE_SHARE]


def _along_spectrum(trace: ObjectTrace, orders: Sequence[OrderSpectrum]) -> tuple[FloatArray, FloatArray]:
    """Wavelengths, ascending, and slit positions of the object, ends of orders left out."""
    wave, position = [], []
    for spectrum in orders:
        one = trace.orders.get(spectrum.order)
        known = np.isfinite(spectrum.wavelength_nm)
        if one is not None and known.any():
            wave.append(spectrum.wavelength_nm[known])
            position.append(np.interp(spectrum.b_px[known], one.b_px, one.slit_arcsec))
    if not wave:
        return np.empty(0), np.empty(0)
    together = np.concatenate(wave)
    ascending = np.argsort(together, kind="stable")
    return together[ascending], np.concatenate(position)[ascending]


def measure_slit(slit: SlitOffset, arm: Arm) -> tuple[Metric, ...]:
    """SLIT SHIFT, its error, and that of every order: motion of the slit's image along the slit against flat and map."""
    most = LARGEST_SLIT_PX if slit.applied else None
    return (
        Metric(
            name="SLIT SHIFT",
            value=finite_or_none(slit.px),
            unit="px",
            comment="Slit image against the flat's, along the slit",
            low=None if most is None else -most,
            high=most,
        ),
        Metric(name="SLIT SHIFT ERR", value=finite_or_none(slit.error_px), unit="px", comment="Its error"),
        Metric(name="SLIT SHIFT USED", value=int(slit.applied), comment="1 if slit positions follow it"),
        *(
            Metric(
                name=f"SLIT SHIFT O{arm.label(order)}",
                value=finite_or_none(one.px),
                unit="px",
                comment=f"Of the order, error {one.error_px:.2f}",
                order=arm.label(order),
            )
            for order, one in sorted(slit.orders.items())
        ),
    )


def measure_empty_sums(residual_sigma: Image, empty: BoolImage, slit_axis: Axis, width_px: int) -> tuple[Metric, ...]:
    """EMPTY SLIT CHI: robust scatter of sums over some pixels along the slit, over their error, where no object is.

    It tells of errors of the flux what `EMPTY SKY CHI` tells of those of pixels: noise that the pixels of a line share, as those of a
    detector row do, hardly shows in one of them and adds up in a spectrum.

    Parameters
    ----------
    residual_sigma : ndarray, shape (ny, nx)
        Data less sky and object, over the error.
    empty : ndarray of bool, shape (ny, nx)
        Good pixels without an object.
    slit_axis : {"x", "y"}
        Of the detector.
    width_px : int
        Pixels of a sum (`pixels_of_object`).
    """
    chi, use = (image[::EVERY_LINE] if slit_axis == "x" else image[:, ::EVERY_LINE].T for image in (residual_sigma, empty))
    use = use & np.isfinite(chi) & (chi != 0)
    total, number = (np.cumsum(np.pad(image, ((0, 0), (1, 0))), axis=1) for image in (np.where(use, chi, 0.0), use.astype(np.int32)))
    whole = number[:, width_px:] - number[:, :-width_px] == width_px
    sums = (total[:, width_px:] - total[:, :-width_px])[whole] / np.sqrt(width_px)
    value = quick_mad_sigma(sums) if sums.size > LEAST_SUMS else None
    return (Metric(name="EMPTY SLIT CHI", value=value, comment="The same of sums along the slit"),)


def pixels_of_object(order: IntArray, slit_arcsec: Image, slit_axis: Axis, fwhm_arcsec: float) -> int:
    """Pixels along the slit that count in the spectrum of an object of some width; images of shape (ny, nx)."""
    number, slit = (image[::EVERY_LINE] if slit_axis == "x" else image[:, ::EVERY_LINE].T for image in (order, slit_arcsec))
    step = np.abs(np.diff(slit, axis=1))[(number[:, 1:] > 0) & (number[:, 1:] == number[:, :-1])]
    step = step[np.isfinite(step) & (step > 0)]
    return max(round(PIXELS_OF_FWHM * fwhm_arcsec / quick_median(step)), 2) if step.size and np.isfinite(fwhm_arcsec) else 2
