"""Rows of the products that both arc recipes make: lines that were found and missed, residuals, records."""

from __future__ import annotations

from typing import TypeVar

from soxspipe.reductions import arc_figures, arc_tables
from soxspipe.reductions.records import record_rows
from soxspipe.reductions.spec import ProductRow, always

Context = TypeVar("Context", bound=arc_tables.ArcContext)


def arc_rows(what: str) -> tuple[ProductRow[Context], ...]:
    """The rows; `what` is found: lines, or images of pinholes."""
    return (
        ProductRow(
            label="DISP_MAP_LINES", description=f"{what} that were detected, with fit and judgement", file_type="FITS", folder="qc",
            suffix="_FITTED_LINES.fits", when=always, contents=arc_tables.fitted_lines,
        ),
        ProductRow(
            label="DISP_MAP_LINES_MISSING", description=f"{what} that were predicted and not seen", file_type="FITS", folder="qc",
            suffix="_MISSED_LINES.fits", when=always, contents=arc_tables.missed_lines,
        ),
        ProductRow(
            label="DISP_MAP_RES", description="Residuals of the solution on the detector, by order and lamp", file_type="PDF",
            folder="qc", suffix=arc_figures.residuals_suffix, pattern="_RESIDUALS_<N>.pdf",
            when=lambda context: context.settings.draws("disp_map_res"),
            contents=arc_figures.residuals, is_figure=True,
        ),
        *record_rows(arc_figures.report),
    )  # fmt: skip
