"""Master calibrations as FITS: image with quality and error, further images, bad-pixel map, order table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from soxspipe.datamodel.arrays import FlagArray, FloatArray, Image
from soxspipe.datamodel.detector import Axis
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.datamodel.provenance import Card
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.io.fits_writer import Column, ComputedImage, Hdu, Pixels, table_hdu
from soxspipe.io.products import polynomial_columns, trace_columns

BITS: tuple[Card, ...] = tuple(
    ("COMMENT", f"bit {int(reason):3d}: {reason.name.lower().replace('_', ' ')}", "") for reason in BadPixel if reason.name
)


def master_hdus(
    cards: tuple[Card, ...], image: Image, reasons: FlagArray, variance: Image, *, unit: str, more: Sequence[tuple[str, Pixels, str]] = ()
) -> tuple[Hdu, ...]:
    """FLUX, QUAL and ERRS (1 sigma), and further images by name, pixels and unit; each of shape (ny, nx)."""
    return (
        Hdu(name="FLUX", cards=(*cards, *_unit(unit)), data=image.astype(np.float32, copy=False)),
        Hdu(name="QUAL", data=reasons, cards=(("COMMENT", "0 is good; bits as in a bad-pixel map", ""), *BITS)),
        Hdu(name="ERRS", data=ComputedImage(variance, _root), cards=(*_unit(unit), ("UTYPE", "StdDevUncertainty", ""))),
        *(
            Hdu(
                name=name,
                data=pixels.astype(np.float32, copy=False) if isinstance(pixels, np.ndarray) else pixels,
                cards=_unit(its_unit),
            )
            for name, pixels, its_unit in more
        ),
    )


def root_of(variance: Image) -> ComputedImage:
    """Standard deviation, computed while it is written."""
    return ComputedImage(variance, _root)


def bad_pixel_hdus(cards: tuple[Card, ...], reasons: FlagArray) -> tuple[Hdu, ...]:
    """The bad-pixel map."""
    return (Hdu(name="BADPIX", cards=(*cards, ("COMMENT", "0 is good", ""), *BITS), data=reasons),)


def order_table_hdus(
    cards: tuple[Card, ...], table: OrderTable, length_px: int, traces: Mapping[int, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]
) -> tuple[Hdu, ...]:
    """An order table with edges: coefficients, limits, and sampled centres and edges.

    Parameters
    ----------
    cards : tuple of Card
        Of the primary header.
    table : OrderTable
        With edges; unbinned pixels.
    length_px : int
        Pixels along the dispersion, unbinned: orders are followed over the whole detector.
    traces : mapping of int to (dispersion pixel, centre, lower edge, upper edge)
        Samples of every order, unbinned pixels.
    """
    axis = table.dispersion_axis
    slit = "y" if axis == "x" else "x"
    columns = polynomial_columns("cent", axis, table.centre) if table.sigma is None else trace_columns(axis, table.centre, table.sigma)
    for name, stem, polynomial in (("edgelow", "edgelow_c", table.low), ("edgeup", "edgeup_c", table.high)):
        if polynomial is not None:
            columns += polynomial_columns(name, axis, polynomial, stem=stem)
    orders = np.array(table.orders, dtype=np.float64)
    spans = [_span(table, order, traces) for order in table.orders]
    limits = [
        Column(name="order", values=orders),
        Column(name=f"{axis}min", values=np.zeros(orders.size), unit="pixel"),
        Column(name=f"{axis}max", values=np.full(orders.size, float(length_px)), unit="pixel"),
        Column(name=f"{slit}min", values=np.array([low for low, _ in spans]), unit="pixel"),
        Column(name=f"{slit}max", values=np.array([high for _, high in spans]), unit="pixel"),
    ]
    return (Hdu(cards=cards), table_hdu("", columns), table_hdu("", limits), _traces_hdu(axis, slit, traces))


def _traces_hdu(axis: Axis, slit: str, traces: Mapping[int, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]) -> Hdu:
    """Centre and edges of every order, pixel by pixel along the dispersion."""
    joined = [np.concatenate([trace[part] for trace in traces.values()]) for part in range(4)]
    number = np.concatenate([np.full(trace[0].size, order, dtype=np.int64) for order, trace in traces.items()])
    return table_hdu(
        "ORDER_TRACES",
        [
            Column(name=f"{axis}coord", values=np.rint(joined[0]).astype(np.int64), unit="pixel"),
            Column(name="order", values=number),
            Column(name=f"{slit}coord_centre", values=joined[1], unit="pixel"),
            Column(name=f"{slit}coord_edgeup", values=joined[3], unit="pixel"),
            Column(name=f"{slit}coord_edgelow", values=joined[2], unit="pixel"),
        ],
    )


def _span(
    table: OrderTable, order: int, traces: Mapping[int, tuple[FloatArray, FloatArray, FloatArray, FloatArray]]
) -> tuple[float, float]:
    if order in traces and traces[order][1].size:
        return float(traces[order][1].min()), float(traces[order][1].max())
    ends: FloatArray = table.centre(order, np.array([table.b_min[order], table.b_max[order]]))
    return float(ends.min()), float(ends.max())


def _unit(unit: str) -> tuple[Card, ...]:
    return (("BUNIT", unit, ""),) if unit else ()


def _root(variance: Image) -> Image:
    with np.errstate(invalid="ignore"):
        return np.sqrt(variance, dtype=np.float32)
