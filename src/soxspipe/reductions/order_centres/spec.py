"""The order centres' tables of inputs, products and metrics."""

from __future__ import annotations

from soxspipe.io.classify import Kind
from soxspipe.reductions.geometry_ranges import geometry_ranges
from soxspipe.reductions.lamp_inputs import MOST_FRAMES, background_rows, bias_row
from soxspipe.reductions.order_centres import figures, metrics, products
from soxspipe.reductions.order_centres.context import OrderCentresContext
from soxspipe.reductions.records import judge, record_rows
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.order_centres import OrderCentresSettings

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="flats", description="Continuum lamp through the single pinhole, averaged", kinds=(Kind.PINHOLE_FLAT,), maximum=MOST_FRAMES,
        take="all", match=SAME_DETECTOR,
    ),
    bias_row(),
    *background_rows(Kind.FLAT_LAMP_OFF),
    InputRow(name="dispersion_table", description="Dispersion solution", kinds=(Kind.DISPERSION_TABLE,), made_by="disp_solution"),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[OrderCentresContext], ...] = (
    ProductRow(
        label="ORDER_CENTRES_RES", description="Offsets of the centres from the dispersion solution, and their fit", file_type="PDF",
        folder="qc", suffix=figures.residuals_suffix, pattern="_residuals_<N>.pdf",
        when=lambda context: context.settings.draws("order_centres_res"),
        contents=figures.residuals, is_figure=True,
    ),
    *record_rows(figures.report),
    ProductRow(
        label="ORDER_CENTRES", description="Order table: centres", file_type="FITS", folder="reduced", suffix=".fits", when=always,
        contents=products.order_table,
    ),
)  # fmt: skip
"""The table gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[OrderCentresContext], ...] = (
    MetricRow(
        labels=("SAMPLES TOT NUM", "SAMPLES DET NUM", "SAMPLES DET FRAC", "SAMPLES CLIP NUM", "SAMPLES CLIP FRAC", "N ORDERS"),
        measure=metrics.samples,
    ),
    MetricRow(
        labels=(
            "X RES MIN",
            "X RES MAX",
            "X RES SD",
            "X RES MEDIAN",
            "Y RES MIN",
            "Y RES MAX",
            "Y RES SD",
            "Y RES MEDIAN",
            "<A> RES SD O<N>",
        ),
        measure=metrics.residuals,
    ),
    MetricRow(labels=("ARC OFFSET", "ARC OFFSET ERR", "CENTRE ERR", "TABLE MISS", "SAMPLES GAP MAX O<N>"), measure=metrics.solution),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=metrics.temperatures),
)

ORDER_CENTRES = RecipeSpec(
    verb="order_centres",
    recipe_names=("soxs-order-centres",),
    settings=OrderCentresSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("ORDER_CENTRES",),
    ranges=geometry_ranges,
    judge=judge,
)
