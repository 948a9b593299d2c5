"""The bias recipe's tables of inputs, products and metrics."""

from __future__ import annotations

from soxspipe.io.classify import Kind
from soxspipe.reductions.mbias import figures, metrics, products
from soxspipe.reductions.mbias.context import MbiasContext
from soxspipe.reductions.mbias.ranges import mbias_ranges
from soxspipe.reductions.records import judge, record_rows
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.mbias import MbiasSettings

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="frames", description="Exposures of no time, combined", kinds=(Kind.RAW_BIAS,), minimum=2, maximum=1000, take="all", match=SAME_DETECTOR
    ),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[MbiasContext], ...] = (
    ProductRow(
        label="BIAS_DISTRIBUTION_QC_PLOT", description="Levels and noise of frames and master", file_type="PDF", folder="qc", suffix="_BIAS_DISTRIBUTION_QC_PLOT.pdf",
        when=lambda context: context.settings.draws("bias_distribution_qc_plot"), contents=figures.overview, is_figure=True,
    ),
    *record_rows(figures.report),
    ProductRow(
        label="MBIAS", description="The master bias", file_type="FITS", folder="reduced", suffix=".fits", when=always, contents=products.master
    ),
)  # fmt: skip
"""The master gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[MbiasContext], ...] = (
    MetricRow(
        labels=("MBIAS MEDIAN", "LEVEL DRIFT", "LEVEL DRIFT ROWS", "OVERSCAN LEVEL", "OVERSCAN RON", "OVERSCAN DRIFT"), measure=metrics.level
    ),
    MetricRow(
        labels=("RAW RON", "MASTER RON", "MASTER NOISE", "RAW RON BL", "RAW RON BR", "RAW RON TL", "RAW RON TR"), measure=metrics.noise
    ),
    MetricRow(labels=("FPN FRACMAX", "STRUCTX", "STRUCTY", "STRUCTX SUM", "STRUCTY SUM"), measure=metrics.structure),
    MetricRow(
        labels=(
            "BADPIX NUM", "BADPIX FRAC", "N STATIC", "N HOT", "N UNSTABLE", "N COLD", "N SATURATED", "N NONLINEAR", "N PARTLY LIT",
            "N NOT FINITE", "N FRAMES", "N FRAMES REJECTED", "N CLIPPED",
        ),
        measure=metrics.defects,
    ),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=metrics.temperatures),
)  # fmt: skip

MBIAS = RecipeSpec(
    verb="mbias",
    recipe_names=("soxs-mbias",),
    settings=MbiasSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("MBIAS",),
    ranges=mbias_ranges,
    judge=judge,
)
