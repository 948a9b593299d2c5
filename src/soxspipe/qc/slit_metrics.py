"""The slit and the object on it, in the names of release 0.19 of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.qc.numbers import finite_or_none

EDGE_SHARE = 0.2
"""Of an order's pixels, from which the object spills over the slit's end (as the reference has it)."""
FAINT_SHARE = 0.5
"""Of an order's samples; where fewer show the object, the trace rests on the other orders (as the reference has it)."""
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
