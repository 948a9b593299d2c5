"""Quality control and report of a set whose flux came later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import InputFile
from soxspipe.datamodel.spectrum import CountsSpectrum, FluxedSpectrum, ResponseCurve
from soxspipe.io.file_names import file_name
from soxspipe.reductions.records import metric_row
from soxspipe.reductions.spec import Contents

FIGURE = "_EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT.pdf"
"""Of the flux as it was; the report shows the new one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateFlux:
    """What is new: flux, the response behind it, metrics and warnings of both, and the time of it."""

    counts: CountsSpectrum
    fluxed: FluxedSpectrum
    response: ResponseCurve
    response_file: InputFile
    metrics: tuple[Metric, ...]
    warnings: tuple[str, ...]
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Updated:
    """Files to write and to remove, and what quality control says now."""

    files: Mapping[Path, Contents] = field(default_factory=dict)
    outdated: tuple[Path, ...] = ()
    metrics: tuple[Metric, ...] = ()
    warnings: tuple[str, ...] = ()
    verdict: str = ""
    worries: tuple[str, ...] = ()


def with_late_flux(folder: Path, name: str, late: LateFlux) -> Updated:
    """Bring quality control and report up to date, as far as they are there.

    Parameters
    ----------
    folder : Path
        Where both stand.
    name : str
        What the names of the products begin with.
    late : LateFlux
        What is new.
    """
    from soxspipe.report.verdict import TITLES

    quality, page = folder / file_name(name, "_QC.json"), folder / file_name(name, "_report.html")
    try:
        content: dict[str, Any] = json.loads(quality.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Updated(metrics=late.metrics, warnings=late.warnings)
    content = _judged_again(content, late)
    files: dict[Path, Contents] = {quality: [(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")]}
    if page.is_file():
        files[page] = [_page(page.read_text(encoding="utf-8"), content, late).encode("utf-8", "replace")]
    figure = folder / file_name(name, FIGURE)
    return Updated(
        files=files,
        outdated=(figure,) if figure.is_file() else (),
        metrics=tuple(_metric(row) for row in content["metrics"]),
        warnings=tuple(content["warnings"]),
        verdict=TITLES[content["level"]],
        worries=tuple(content["worries"]),
    )


def _judged_again(content: dict[str, Any], late: LateFlux) -> dict[str, Any]:
    """What QC.json says, with what it said about the old flux, or about there being none, replaced."""
    from soxspipe.report.science.judge import flux_worries
    from soxspipe.report.verdict import TITLES, Level, as_sentence

    own = list(flux_worries(late.fluxed, late.response, late.counts.observation, is_standard=late.counts.is_standard))
    old = set(content.get("about_flux", ()))
    warnings = [*(said for said in content["warnings"] if said not in old), *late.warnings]
    worries = [*(said for said in content["worries"] if said not in old), *own, *map(as_sentence, late.warnings)]
    level: Level = "fail" if content["level"] == "fail" else "check" if worries else "good"
    named = {metric.name for metric in late.metrics}
    metrics = [*(row for row in content["metrics"] if row["name"] not in named), *map(metric_row, late.metrics)]
    return {
        **content, "level": level, "verdict": TITLES[level], "worries": worries, "warnings": warnings, "metrics": metrics,
        "about_flux": [*late.warnings, *map(as_sentence, late.warnings), *own],
        "calibrated": late.made_at, "response": Path(late.response_file.path).name,
    }  # fmt: skip


def _page(text: str, content: Mapping[str, Any], late: LateFlux) -> str:
    from soxspipe.report.science.late_flux import LatePage, page_with_flux

    sentence = f"Calibrated without a new reduction, {late.made_at} UTC, with the response {Path(late.response_file.path).name}."
    return page_with_flux(
        text,
        LatePage(
            fluxed=late.fluxed,
            response=late.response,
            level=content["level"],
            worries=content["worries"],
            metrics=late.metrics,
            sentence=sentence,
        ),
    )


def _metric(row: Mapping[str, Any]) -> Metric:
    return Metric(**{name: value for name, value in row.items() if name != "flag"})
