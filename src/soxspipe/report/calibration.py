"""One calibration reduction as one HTML page that needs nothing else: verdict, numbers, pictures, curves, metrics, provenance."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as Picture

from soxspipe import __version__
from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Provenance
from soxspipe.report import sections
from soxspipe.report.document import document
from soxspipe.report.markup import Child, Html, joined, tag
from soxspipe.report.record import ReportedProduct, ReportedStep, software_versions
from soxspipe.report.settings_table import settings_rows
from soxspipe.report.verdict import Verdict, judge_calibration
from soxspipe.settings.base import ReductionSettings

LONGEST_SIDE_PX = 680
"""Of pictures: a page of them stays below some hundred kilobytes."""
JPEG_QUALITY = 80
"""Noise of a frame costs bytes; below this blocks are seen."""
CHART_WIDTH, CHART_HEIGHT = 560, 190


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A picture of the detector: title, caption, image (averaged in blocks if it is large), limits of black and white."""

    title: str
    caption: str
    image: Image
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A curve: title, names of both axes, and lines of (x, y)."""

    title: str
    x: str
    y: str
    lines: tuple[tuple[FloatArray, FloatArray], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationReport:
    """The values of one calibration reduction that its report shows.

    Attributes
    ----------
    title, where, summary : str
        What was made; instrument, arm and date; one sentence.
    arm : Arm
        Facts.
    tiles : sequence of (str, str)
        Numbers that matter most.
    metrics : tuple of Metric
        With ranges.
    sheets, curves : sequence
        Pictures and curves.
    notes : tuple of str
        Explanations under the pictures.
    provenance, settings, made_at, warnings, products, steps, versions
        As in every report (`soxspipe.report.record`).
    """

    title: str
    where: str
    summary: str
    arm: Arm
    tiles: Sequence[tuple[str, str]]
    metrics: tuple[Metric, ...]
    sheets: Sequence[Sheet]
    curves: Sequence[Curve]
    notes: tuple[str, ...] = ()
    provenance: Provenance
    settings: ReductionSettings
    made_at: str
    warnings: tuple[str, ...] = ()
    products: tuple[ReportedProduct, ...] = ()
    steps: tuple[ReportedStep, ...] = ()
    versions: Mapping[str, str] = field(default_factory=software_versions)


def build_calibration_report(report: CalibrationReport) -> str:
    """Make the page; text from headers is escaped."""
    verdict = judge_calibration(report.metrics, report.warnings, report.summary)
    whole = [metric for metric in report.metrics if metric.order == "-1"]
    body = joined(
        _header(report, verdict),
        tag(
            "main",
            sections.section(
                "pictures", "On the detector", tag("div", (_sheet(sheet) for sheet in report.sheets), class_="charts"), *_hints(report)
            ),
            sections.section("curves", "Curves", tag("div", (_chart(curve) for curve in report.curves), class_="charts"))
            if report.curves
            else None,
            sections.section("quality", "Quality control", sections.metric_table(whole), sections.order_table(report.metrics)),
            sections.settings_section(settings_rows(report.settings, report.arm, report.provenance)),
            sections.provenance(report),
        ),
        tag("footer", f"soxs-stare {__version__}."),
    )
    title = f"{report.title} · {report.arm.name} · {report.provenance.sof_name}"
    return document(title, body, styles=(("assets", "report.css"),))


def _header(report: CalibrationReport, verdict: Verdict) -> Html:
    return tag(
        "header",
        tag("p", report.where, class_="where"),
        tag("h1", report.title),
        sections.verdict_box(verdict),
        sections.all_said(verdict),
        sections.tiles(report.tiles),
    )


def _hints(report: CalibrationReport) -> Iterator[Child]:
    for note in report.notes:
        yield tag("p", note, class_="hint")


def _sheet(sheet: Sheet) -> Html:
    grey = np.clip((sheet.high - sheet.image) * (255.0 / ((sheet.high - sheet.low) or 1.0)), 0, 255)
    pixels = np.nan_to_num(grey, nan=255.0)[::-1].astype(np.uint8)
    picture = Picture.fromarray(pixels)
    if max(picture.size) > LONGEST_SIDE_PX:
        picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=JPEG_QUALITY)
    uri = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return tag(
        "figure",
        tag("figcaption", sheet.title),
        tag("img", src=uri, alt=sheet.caption, loading="lazy"),
        tag("p", sheet.caption, class_="hint"),
    )


def _chart(curve: Curve) -> Html:
    """Lines as an SVG picture with the limits of both axes written on it."""
    shown = [(x[ok], y[ok]) for x, y in curve.lines if (ok := np.isfinite(x) & np.isfinite(y)).any()]
    if not shown:
        return tag("figure", tag("figcaption", curve.title), tag("p", "Nothing to show.", class_="hint"))
    x_low, x_high = min(float(x.min()) for x, _ in shown), max(float(x.max()) for x, _ in shown)
    y_low, y_high = min(float(y.min()) for _, y in shown), max(float(y.max()) for _, y in shown)
    margin = 0.05 * (y_high - y_low) or 1.0
    y_low, y_high = y_low - margin, y_high + margin
    lines = (
        tag("polyline", points=_points(x, y, (x_low, x_high), (y_low, y_high)), fill="none", stroke="currentColor", stroke_width="1")
        for x, y in shown
    )
    svg = tag(
        "svg",
        tag("rect", x=0, y=0, width=CHART_WIDTH, height=CHART_HEIGHT, fill="none", stroke="currentColor", stroke_opacity="0.3"),
        lines,
        viewBox=f"0 0 {CHART_WIDTH} {CHART_HEIGHT}", role="img", aria_label=f"{curve.title}: {curve.y} against {curve.x}",
        preserveAspectRatio="none", style="width:100%;height:auto",
    )  # fmt: skip
    axes = f"{curve.y}, {y_low:.4g} to {y_high:.4g}, against {curve.x}, {x_low:.4g} to {x_high:.4g}."
    return tag("figure", tag("figcaption", curve.title), svg, tag("p", axes, class_="hint"))


def _points(x: FloatArray, y: FloatArray, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    across = (x - x_range[0]) / ((x_range[1] - x_range[0]) or 1.0) * CHART_WIDTH
    up = CHART_HEIGHT - (y - y_range[0]) / (y_range[1] - y_range[0]) * CHART_HEIGHT
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up, strict=True))
