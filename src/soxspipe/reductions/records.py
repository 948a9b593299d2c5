"""Files that every recipe writes beside its products: metrics, settings, and a log of what was done."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from soxspipe import __version__
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card
from soxspipe.io.product_headers import product_cards
from soxspipe.reductions.gathered import Context
from soxspipe.reductions.spec import Contents, ProductRow, always
from soxspipe.reductions.summary_tables import QC_HEAD, grid, qc_rows

if TYPE_CHECKING:
    from soxspipe.report.verdict import Verdict

Run = Context[Any, Any, Any]


def judge(context: Run) -> Verdict:
    """The verdict of a calibration, the same in terminal, QC.json and report."""
    from soxspipe.report.verdict import judge_calibration

    return judge_calibration(context.metrics, context.result.warnings)


def record_rows(report: Callable[[Any], Contents]) -> tuple[ProductRow[Any], ...]:
    """Rows of what every calibration recipe writes beside its products: its report, metrics, settings and log."""
    return (
        ProductRow(
            label="REPORT", description="Report to look at first", file_type="HTML", folder="qc", suffix="_report.html",
            when=lambda context: context.settings.draws("report"), contents=report, is_figure=True,
        ),
        ProductRow(
            label="QC", description="Quality-control metrics, machine readable", file_type="JSON", folder="qc", suffix="_QC.json", when=always,
            contents=metrics_json,
        ),
        ProductRow(
            label="SETTINGS", description="Settings that were used", file_type="YAML", folder="reduced", suffix="_SETTINGS.yaml", when=always,
            contents=settings_used,
        ),
        ProductRow(
            label="LOG", description="What was done, and how long it took", file_type="LOG", folder="reduced", suffix=".log", when=always,
            contents=log,
        ),
    )  # fmt: skip


def metrics_json(context: Run) -> Contents:
    """Verdict and every metric, machine readable."""
    judged = judge(context)
    answer = {
        "sof": context.provenance.sof_name,
        "recipe": context.provenance.recipe,
        "version": __version__,
        "arm": context.inputs.arm.name,
        "date_obs": context.inputs.observation.date_obs,
        "reduced": context.made_at,
        "verdict": judged.title,
        "level": judged.level,
        "worries": list(judged.worries),
        "warnings": list(context.result.warnings),
        "metrics": [metric_row(metric) for metric in context.metrics],
    }
    return [(json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")]


def metric_row(metric: Metric) -> dict[str, Any]:
    """One metric as JSON."""
    return {
        "name": metric.name,
        "value": finite_number(metric.value),
        "unit": metric.unit,
        "comment": metric.comment,
        "order": metric.order,
        "low": metric.low,
        "high": metric.high,
        "flag": metric.flag,
    }


def settings_used(context: Run) -> Contents:
    """The settings, ready to be read again."""
    return [context.settings_text.encode("utf-8")]


def log(context: Run, failures: Mapping[str, str] | None = None) -> Contents:
    """What was done with which files, how long it took, and what the user was told."""
    provenance = context.provenance
    files = [(file.category, file.md5, file.path) for file in (*provenance.raw, *provenance.calibrations)]
    steps = [(report.step, f"{report.seconds:.2f} s", report.note) for report in context.story]
    lines = [
        f"soxspipe {__version__}, {provenance.recipe}, {context.made_at} UTC",
        f"Recipe Command: {provenance.command or '(called from Python)'}",
        "",
        grid(("category", "md5", "file"), files),
        "",
        grid(("step", "time", "note"), steps),
        "",
        *(f"WARNING: {warning}" for warning in context.result.warnings),
        *(f"FAILED: {step}: {reason}" for step, reason in (failures or {}).items()),
        "",
        grid(QC_HEAD, qc_rows(context.metrics, per_order=True)),
        "",
    ]
    return ["\n".join(lines).encode("utf-8", "replace")]


def calibration_cards(
    context: Run, category: str, technique: str, *, is_image: bool = True, extra: tuple[Card, ...] = ()
) -> tuple[Card, ...]:
    """Primary header of a product of a calibration recipe; `category` gets the arm's name behind it, empty leaves it out."""
    arm = context.inputs.arm.name
    return product_cards(
        context.provenance,
        arm=arm,
        catg=f"{category}_{arm}" if category else "",
        tech=technique,
        metrics=context.metrics,
        extra=(("NCOMBINE", context.n_exposures, "number of raw exposures"), *extra),
        made_at=context.made_at,
        version=__version__,
        is_image=is_image,
    )


def finite_number(value: float | int | str | None) -> float | int | str | None:
    """A number as JSON can hold it; None if it was not measured."""
    if value is None or isinstance(value, str | int):
        return value
    return float(value) if math.isfinite(value) else None
