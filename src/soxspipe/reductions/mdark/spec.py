"""The dark recipe's tables of inputs, products and metrics."""

from __future__ import annotations

from soxspipe.io.classify import Kind
from soxspipe.reductions.mdark import figures, metrics, products
from soxspipe.reductions.mdark.context import MdarkContext
from soxspipe.reductions.mdark.ranges import mdark_ranges
from soxspipe.reductions.records import judge, record_rows
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.mdark import MdarkSettings

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="frames", description="Dark exposures of one time, or in the NIR of several, combined", kinds=(Kind.RAW_DARK,), minimum=2, maximum=1000,
        take="all", match=SAME_DETECTOR,
    ),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[MdarkContext], ...] = (
    ProductRow(
        label="BP_MAP", description="Bad pixels with their reasons", file_type="FITS", folder="reduced", suffix="_BPM.fits", when=always,
        contents=products.bad_pixel_map,
    ),
    ProductRow(
        label="DARK_QC_PLOT", description="Levels and noise of frames and master", file_type="PDF", folder="qc", suffix="_DARK_QC_PLOT.pdf",
        when=lambda context: context.settings.draws("dark_qc_plot"), contents=figures.overview, is_figure=True,
    ),
    *record_rows(figures.report),
    ProductRow(
        label="MDARK", description="The master dark", file_type="FITS", folder="reduced", suffix=".fits", when=always, contents=products.master
    ),
)  # fmt: skip
"""The master gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[MdarkContext], ...] = (
    MetricRow(
        labels=(
            "MDARK MEDIAN", "LEVEL DRIFT", "LEVEL DRIFT ROWS", "OVERSCAN LEVEL", "OVERSCAN RON", "OVERSCAN DRIFT",
            "DARK LEVEL", "DARK RATE", "DARK TIMES",
        ),
        measure=metrics.level,
    ),
    MetricRow(
        labels=("RAW RON", "MASTER RON", "MASTER NOISE", "RAW RON BL", "RAW RON BR", "RAW RON TL", "RAW RON TR", "RAW NOISE"),
        measure=metrics.noise,
    ),
    MetricRow(
        labels=(
            "HOTPIX NUM", "HOTPIX FRAC", "N STATIC", "N HOT", "N UNSTABLE", "N COLD", "N SATURATED", "N NONLINEAR", "N PARTLY LIT",
            "N NOT FINITE", "N FRAMES", "N FRAMES REJECTED", "N CLIPPED",
        ),
        measure=metrics.defects,
    ),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=metrics.temperatures),
)  # fmt: skip

MDARK = RecipeSpec(
    verb="mdark",
    recipe_names=("soxs-mdark",),
    settings=MdarkSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("MDARK",),
    ranges=mdark_ranges,
    judge=judge,
)
