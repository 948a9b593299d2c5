"""The report page of any calibration recipe, from its context and what it wants to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from soxspipe.reductions.gathered import Context
from soxspipe.reductions.spec import Contents

if TYPE_CHECKING:
    from soxspipe.report.calibration import Curve, Sheet

SHEET_PX = 400
"""Longest side of a picture."""


def report_of(
    context: Context[Any, Any, Any],
    *,
    title: str,
    summary: str,
    tiles: Sequence[tuple[str, str]],
    sheets: Sequence[Sheet],
    curves: Sequence[Curve],
    notes: tuple[str, ...] = (),
) -> Contents:
    """The page as bytes.

    Parameters
    ----------
    context : Context
        With metrics measured.
    title, summary : str
        What was made, and one sentence about it.
    tiles : sequence of (str, str)
        Numbers that matter most.
    sheets, curves : sequence
        Pictures and curves.
    notes : tuple of str
        Explanations under the pictures.
    """
    from soxspipe.report.calibration import CalibrationReport, build_calibration_report
    from soxspipe.report.record import ReportedProduct, ReportedStep

    observation, arm = context.inputs.observation, context.inputs.arm
    page = CalibrationReport(
        title=title,
        where=" · ".join(part for part in (f"{arm.instrument} {arm.name}", observation.date_obs[:19], observation.slit_name) if part),
        summary=summary,
        arm=arm,
        tiles=tiles,
        metrics=context.metrics,
        sheets=sheets,
        curves=curves,
        notes=notes,
        provenance=context.provenance,
        settings=context.settings,
        made_at=context.made_at,
        warnings=context.result.warnings,
        products=tuple(ReportedProduct(label=file.label, file_name=file.path.name, description=file.description) for file in context.files),
        steps=tuple(ReportedStep(step=step.step, seconds=step.seconds, note=step.note) for step in context.story),
    )
    return [build_calibration_report(page).encode("utf-8", "replace")]
