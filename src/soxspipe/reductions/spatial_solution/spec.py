"""The spatial solution's tables of inputs, products and metrics."""

from __future__ import annotations

from functools import partial

from soxspipe.io.classify import Kind
from soxspipe.reductions import arc_metrics, arc_tables
from soxspipe.reductions.arc_products import arc_rows
from soxspipe.reductions.geometry_ranges import geometry_ranges
from soxspipe.reductions.lamp_inputs import MOST_FRAMES, background_rows, bias_row
from soxspipe.reductions.records import judge
from soxspipe.reductions.spatial_solution import products
from soxspipe.reductions.spatial_solution.context import SpatialSolutionContext
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.spatial_solution import SpatialSolutionSettings

TECHNIQUE = "ECHELLE,MULTI-PINHOLE"

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="arcs", description="Arcs through the multi-pinhole mask; frames of one lamp averaged, lamps added",
        kinds=(Kind.MULTI_PINHOLE_ARC,), maximum=MOST_FRAMES, take="all", match=SAME_DETECTOR,
    ),
    InputRow(
        name="slit_arc", description="Arcs through the slit, for the resolution that it gives", kinds=(Kind.SLIT_ARC,), minimum=0,
        maximum=MOST_FRAMES, take="all", match=SAME_DETECTOR,
    ),
    bias_row(),
    *background_rows(Kind.ARC_LAMP_OFF),
    InputRow(name="flat", description="Response of the pixels, if it is to be divided by", kinds=(Kind.FLAT,), minimum=0, match=SAME_DETECTOR, made_by="mflat"),
    InputRow(
        name="dispersion_table", description="First solution, at the slit's centre", kinds=(Kind.DISPERSION_TABLE,), made_by="disp_solution"
    ),
    InputRow(name="order_table", description="Where the orders are, with edges", kinds=(Kind.ORDER_TABLE,), made_by="mflat", prefers=("edges",)),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[SpatialSolutionContext], ...] = (
    *arc_rows("Pinhole images"),
    ProductRow(
        label="2D_MAP", description="Wavelength, slit position and order of every pixel", file_type="FITS", folder="reduced",
        suffix="_IMAGE.fits", when=lambda context: context.result.solved_map is not None, contents=products.map_image,
    ),
    ProductRow(
        label="SPAT_SOL", description="Dispersion table with slit position", file_type="FITS", folder="reduced", suffix=".fits",
        when=always, contents=partial(arc_tables.dispersion_table, technique=TECHNIQUE),
    ),
)  # fmt: skip
"""The table gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[SpatialSolutionContext], ...] = (
    *arc_metrics.ROWS,
    MetricRow(labels=("PINHOLE COUNT MIN", "ARC SHIFT X", "ARC SHIFT Y"), measure=arc_metrics.pinholes),
    MetricRow(labels=("MAP SOLVED FRAC", "MAP HELD FRAC", "WAVE ERR MEDIAN", "SLIT CENTRE OFFSET"), measure=arc_metrics.solved_map),
    MetricRow(
        labels=("FWHM SLIT MEDIAN", "FWHM SLIT SD", "R SLIT MEDIAN", "R SLIT SD", "FWHM SLIT MEDIAN O<N>", "R SLIT MEDIAN O<N>"),
        measure=arc_metrics.slit_widths,
    ),
)

SPATIAL_SOLUTION = RecipeSpec(
    verb="spat_solution",
    recipe_names=("soxs-spat-solution",),
    settings=SpatialSolutionSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("2D_MAP", "SPAT_SOL"),
    ranges=geometry_ranges,
    judge=judge,
)
