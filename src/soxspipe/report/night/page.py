"""A night as one HTML page: targets, standards, calibrations, conditions, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from soxspipe.datamodel.links import Link
from soxspipe.report.assets import asset
from soxspipe.report.document import document, script
from soxspipe.report.markup import Child, Html, joined, table, tag
from soxspipe.report.night.charts import chart, logarithms, thumbnail, wavelengths
from soxspipe.report.night.content import (
    CalibrationEntry,
    ConditionEntry,
    Missing,
    NightContent,
    StandardEntry,
    TargetEntry,
    TrendEntry,
)

_MARKS = {"good": "✓ good", "check": "! look closer", "fail": "✕ not good", "": "– none"}
MOST_REMARKS = 2
"""Remarks shown in a row; the others unfold."""


def build_night_page(content: NightContent) -> str:
    """Make the page.

    Parameters
    ----------
    content : NightContent
        One night.

    Returns
    -------
    str
        HTML with styles, charts and its small script inside; text from headers is escaped.
    """
    sections = (
        ("targets", "Targets", _targets(content.targets)),
        ("standards", "Standards", _standards(content.standards)),
        ("conditions", "Conditions", _conditions(content.conditions)),
        ("calibrations", "Calibrations", _calibrations(content.calibrations, content.trends)),
        ("missing", "Missing, and why", _missing(content.missing)),
    )
    body = joined(
        tag("a", "Skip to the targets", href="#targets", class_="skip"),
        _header(content),
        tag("nav", (tag("a", title, href=f"#{name}") for name, title, _ in sections), aria_label="Sections"),
        tag("main", (tag("section", tag("h2", title), inner, id=name) for name, title, inner in sections)),
        tag("footer", f"soxs-stare {content.version}, {content.made_at} UTC. Raw files: {content.folder}"),
    )
    styles = (("assets", "report.css"), ("assets", "night.css"))
    return document(f"Night of {content.night} · {content.instrument}", body, styles=styles, scripts=(script(asset("assets", "night.js")),))


def _header(content: NightContent) -> Html:
    levels = Counter(entry.level for entry in content.targets)
    tiles = [("spectra", str(sum(levels[level] for level in ("good", "check", "fail"))))]
    tiles += [
        (word, str(levels[level]))
        for level, word in (("good", "good"), ("check", "look closer"), ("fail", "not good"), ("", "without spectrum"))
    ]
    return tag(
        "header",
        tag("p", content.instrument, (joined(" · ", tag("a", link.text, href=link.href)) for link in content.neighbours), class_="where"),
        tag("h1", f"Night of {content.night}"),
        tag("p", content.counts),
        tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles), class_="tiles"),
    )


def _targets(entries: Sequence[TargetEntry]) -> Html:
    if not entries:
        return tag("p", "No target was observed.")
    heads = ("Target", "Spectrum", "Arm", "Began (UT)", "Exposure", "Slit", "Air mass", "S/N", "Verdict", "Files")
    rows = [
        (
            _named(entry),
            _thumbnail(entry),
            entry.arm,
            entry.began.replace("T", " ")[:16],
            entry.exposure,
            entry.slit,
            "" if entry.airmass is None else f"{entry.airmass:.2f}",
            "" if entry.snr is None else f"{entry.snr:.1f}",
            joined(tag("span", _MARKS[entry.level], class_=f"level {entry.level or 'none'}"), _remarks(entry.remarks)),
            _links(entry.links),
        )
        for entry in entries
    ]
    box = tag(
        "p",
        tag("label", "Show rows that hold ", tag("input", type="search", id="filter", placeholder="name, arm, verdict ...")),
        tag("span", id="shown", class_="hint", aria_live="polite"),
        class_="controls",
    )
    hint = tag("p", "A click on a column's head sorts by it. Spectra are drawn between their 2nd and 98th percentile.", class_="hint")
    return joined(box, table("Spectra of the night", heads, rows, class_="targets sortable"), hint)


def _named(entry: TargetEntry) -> Html:
    report = next((link.href for link in entry.links if link.text == "report"), "")
    name = entry.target or "unnamed"
    kind = "" if entry.kind == "science" else entry.kind
    return joined(tag("a", name, href=report) if report else name, tag("small", f" {kind}") if kind else None)


def _thumbnail(entry: TargetEntry) -> Html | None:
    drawn = thumbnail(entry.curve, f"spectrum of {entry.target}, {entry.arm}")
    if drawn is None or entry.curve is None:
        return None
    unit = "flux" if entry.is_calibrated else "counts"
    return joined(drawn, tag("small", f"{entry.curve.low_nm:.0f}–{entry.curve.high_nm:.0f} nm, {unit}"))


def _remarks(remarks: Sequence[str]) -> Html | None:
    if not remarks:
        return None
    shown = tag("ul", (tag("li", remark) for remark in remarks[:MOST_REMARKS]), class_="remarks")
    more = remarks[MOST_REMARKS:]
    if not more:
        return shown
    return joined(shown, tag("details", tag("summary", f"{len(more)} more"), tag("ul", (tag("li", remark) for remark in more))))


def _links(links: Iterable[Link]) -> Html:
    return joined(*(joined(tag("a", link.text, href=link.href), " ") for link in links))


def _standards(entries: Sequence[StandardEntry]) -> Html:
    if not entries:
        return tag("p", "No flux standard was observed: spectra stay in counts until a response is at hand.")
    heads = ("Star", "Arm", "Slit", "Began (UT)", "Air mass", "Efficiency", "Zero point (AB)", "Files")
    rows = [
        (
            entry.star,
            entry.arm,
            entry.slit,
            entry.began.replace("T", " ")[:16],
            "" if entry.airmass is None else f"{entry.airmass:.2f}",
            "" if entry.efficiency is None else f"{100 * entry.efficiency:.1f} %",
            "" if entry.zero_point is None else f"{entry.zero_point:.2f}",
            _links(entry.links),
        )
        for entry in entries
    ]
    figures = [_responses(arm, [entry for entry in entries if entry.arm == arm]) for arm in dict.fromkeys(entry.arm for entry in entries)]
    note = tag(
        "p",
        "The zero point is the AB magnitude that gives one electron per second and pixel, at 600 nm (VIS) or 1250 nm (NIR).",
        class_="hint",
    )
    return joined(tag("div", figures, class_="charts"), table("Flux standards", heads, rows), note)


def _responses(arm: str, entries: Sequence[StandardEntry]) -> Html:
    """Responses of one arm over each other."""
    series = [
        (f"{entry.star}, {entry.began[11:16]}", wavelengths(entry.response), logarithms(entry.response.values))
        for entry in entries
        if entry.response is not None
    ]
    return chart(f"Responses, {arm}", "wavelength in air (nm)", "log response", series)


def _conditions(entries: Sequence[ConditionEntry]) -> Html:
    if not entries:
        return tag("p", "Nothing was measured.")
    figures = []
    for title in dict.fromkeys(entry.title for entry in entries):
        same = [entry for entry in entries if entry.title == title]
        series = [(entry.arm, entry.hours, entry.values) for entry in same]
        figures.append(chart(title, "hours after noon (UT)", same[0].unit or title, series, dots=True))
    return tag("div", figures, class_="charts")


def _calibrations(entries: Sequence[CalibrationEntry], trends: Sequence[TrendEntry]) -> Html:
    if not entries:
        return tag("p", "No calibration was made.")
    heads = ("Calibration", "Arm", "Began (UT)", "Frames", "Numbers", "Status", "Used by", "Files")
    rows: list[Sequence[Child]] = [
        (
            joined(entry.kind, tag("small", f" {entry.name}")),
            entry.arm,
            entry.began.replace("T", " ")[:16],
            entry.frames,
            tag("ul", (tag("li", f"{name}: {value}") for name, value in entry.numbers), class_="remarks"),
            joined(tag("span", entry.status, class_=f"level {'good' if entry.status == 'in range' else 'fail'}"), _remarks(entry.remarks)),
            str(entry.used_by),
            _links(entry.links),
        )
        for entry in entries
    ]
    figures = [
        chart(trend.title, "hours after noon (UT)", trend.unit or "value", [("", trend.hours, trend.values)], dots=True, limits=(trend.low, trend.high))
        for trend in trends
    ]  # fmt: skip
    return joined(table("Calibrations made", heads, rows, class_="sortable"), tag("div", figures, class_="charts"))


def _missing(entries: Sequence[Missing]) -> Html:
    if not entries:
        return tag("p", "Nothing is missing.")
    return table(
        "Not reduced, and files that take no part", ("What", "Why", "Files"), [(entry.what, entry.why, entry.files) for entry in entries]
    )
