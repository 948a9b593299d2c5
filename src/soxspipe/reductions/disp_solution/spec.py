"""The dispersion solution's tables of inputs, products and metrics."""

from __future__ import annotations

from functools import partial

from soxspipe.io.classify import Kind
from soxspipe.reductions import arc_metrics, arc_tables
from soxspipe.reductions.arc_products import arc_rows
from soxspipe.reductions.disp_solution.context import DispSolutionContext
from soxspipe.reductions.geometry_ranges import geometry_ranges
from soxspipe.reductions.lamp_inputs import MOST_FRAMES, background_rows, bias_row
from soxspipe.reductions.records import judge
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.settings.disp_solution import DispSolutionSettings

TECHNIQUE = "ECHELLE,PINHOLE"

INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="arcs", description="Arcs through the single pinhole; frames of one lamp averaged, lamps added", kinds=(Kind.PINHOLE_ARC,),
        maximum=MOST_FRAMES, take="all", match=SAME_DETECTOR,
    ),
    bias_row(),
    *background_rows(Kind.ARC_LAMP_OFF),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[DispSolutionContext], ...] = (
    *arc_rows("Lines"),
    ProductRow(
        label="DISP_MAP", description="Dispersion table at the slit's centre", file_type="FITS", folder="reduced", suffix=".fits",
        when=always, contents=partial(arc_tables.dispersion_table, technique=TECHNIQUE),
    ),
)  # fmt: skip
"""The table gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[DispSolutionContext], ...] = arc_metrics.ROWS

DISP_SOLUTION = RecipeSpec(
    verb="disp_solution",
    recipe_names=("soxs-disp-solution",),
    settings=DispSolutionSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("DISP_MAP",),
    ranges=geometry_ranges,
    judge=judge,
)
