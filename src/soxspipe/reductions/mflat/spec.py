"""The flat recipe's tables of inputs, products and metrics."""

from __future__ import annotations

from soxspipe.io.classify import Kind
from soxspipe.reductions.mflat import figures, metrics, products
from soxspipe.reductions.mflat.context import MflatContext
from soxspipe.reductions.mflat.ranges import mflat_ranges
from soxspipe.reductions.records import judge, record_rows
from soxspipe.reductions.spec import SAME_DETECTOR, SAME_LIGHT, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.mflat import MflatSettings

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="frames", description="Flats of one slit, of one or two lamps", kinds=(Kind.SLIT_FLAT,), minimum=2, maximum=1000, take="all",
        match=SAME_LIGHT,
    ),
    InputRow(
        name="bias", description="Pedestal of the detector", kinds=(Kind.BIAS,), arms=("VIS", "UVB"), match=SAME_DETECTOR, made_by="mbias"
    ),
    InputRow(
        name="off", description="The same with the lamp off, which hold the warm light of the room too", kinds=(Kind.FLAT_LAMP_OFF, Kind.RAW_DARK),
        minimum=0, maximum=1000, take="all", match=SAME_DETECTOR,
    ),
    InputRow(
        name="dark", description="Dark, where no flats with the lamp off are given", kinds=(Kind.DARK,), minimum=0, match=SAME_DETECTOR,
        made_by="mdark",
    ),
    InputRow(
        name="order_table", description="Centres of the orders", kinds=(Kind.ORDER_TABLE,), take="first", made_by="order_centres"
    ),
    InputRow(
        name="bad_pixels", description="Bad pixels that are known from darks", kinds=(Kind.BAD_PIXEL_MAP,), minimum=0, made_by="mdark"
    ),
)  # fmt: skip


def _has_background(context: MflatContext) -> bool:
    return context.result.master.background is not None


PRODUCTS: tuple[ProductRow[MflatContext], ...] = (
    ProductRow(
        label="ORDER_LOC", description="Centres and edges of the orders", file_type="FITS", folder="reduced", suffix=".fits",
        base_name=products.order_location_name, when=always, contents=products.order_location,
    ),
    ProductRow(
        label="BKGROUND", description="Scattered light of the flat", file_type="FITS", folder="reduced", suffix="_BKGROUND.fits",
        when=_has_background, contents=products.background,
    ),
    ProductRow(
        label="BP_MAP", description="Bad pixels with their reasons", file_type="FITS", folder="reduced", suffix="_BPM.fits", when=always,
        contents=products.bad_pixel_map,
    ),
    ProductRow(
        label="BKGROUND_PLOT", description="Scattered light of the flat", file_type="PDF", folder="qc", suffix="_BKGROUND.pdf",
        when=lambda context: context.settings.draws("bkground") and _has_background(context), contents=figures.background, is_figure=True,
    ),
    ProductRow(
        label="ORDER_LOC_RES", description="Edges of the orders over the flat, and their residuals", file_type="PDF", folder="qc",
        suffix="_ORD_LOC.pdf", when=lambda context: context.settings.draws("order_loc_res"), contents=figures.order_location, is_figure=True,
    ),
    *record_rows(figures.report),
    ProductRow(
        label="MFLAT", description="The master flat", file_type="FITS", folder="reduced", suffix=".fits", when=always, contents=products.master
    ),
)  # fmt: skip
"""The flat gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[MflatContext], ...] = (
    MetricRow(labels=("ORDEXP10", "ORDEXP50", "ORDEXP90", "LAMP DRIFT", "LAMP COLOUR", "ORDEXP50 O<N>"), measure=metrics.exposure),
    MetricRow(
        labels=("X RES MIN", "X RES MAX", "X RES SD", "EDGE MISFIT", "N ORDERS", "X RES SD O<N>"), measure=metrics.edges
    ),
    MetricRow(
        labels=(
            "N LOW SENS", "N ORDER EDGE", "COLDPIX NUM", "COLDPIX FRAC", "BADPIX NUM", "BADPIX FRAC", "N STATIC", "N HOT", "N UNSTABLE", "N COLD",
            "N SATURATED", "N NONLINEAR", "N PARTLY LIT", "N NOT FINITE", "N FRAMES", "N FRAMES REJECTED", "N CLIPPED",
        ),
        measure=metrics.defects,
    ),
    MetricRow(labels=("INNER ORDER PIX MEAN", "INNER ORDER PIX SUM"), measure=metrics.inner_orders),
    MetricRow(labels=("SCATTER MEDIAN", "OTHER LAMP O<N>"), measure=metrics.lamps),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=metrics.temperatures),
)  # fmt: skip

MFLAT = RecipeSpec(
    verb="mflat",
    recipe_names=("soxs-mflat",),
    settings=MflatSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("MFLAT",),
    ranges=mflat_ranges,
    judge=judge,
)
