"""Sections and tables that every report has: metrics, settings, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import InputFile
from soxspipe.report.markup import Child, Html, escaped, table, tag
from soxspipe.report.record import Record, ReportedProduct
from soxspipe.report.settings_table import SettingRow
from soxspipe.report.verdict import MAX_WORRIES, Level, Verdict, shown_range, shown_value

_MARKS: dict[Level, str] = {"good": "✓", "check": "!", "fail": "✕"}
_FLAGS = {"pass": "✓ in range", "fail": "✕ out of range"}


def verdict_box(verdict: Verdict) -> Html:
    """The verdict, what was made, and the gravest worries."""
    return tag(
        "section",
        tag("p", tag("span", _MARKS[verdict.level], class_="mark", aria_hidden="true"), verdict.title, class_="level"),
        tag("div", tag("p", _sentence(verdict.summary)), tag("p", verdict.advice, class_="advice")),
        class_=f"verdict {verdict.level}",
        aria_label="Verdict",
    )


def all_said(verdict: Verdict) -> Html | None:
    """Worries that the verdict has no room for, and what is said without being one."""
    said = (*verdict.worries, *verdict.remarks)
    if len(verdict.worries) <= MAX_WORRIES and not verdict.remarks:
        return None
    words = f"All {len(said)} remarks" if len(said) > 1 else "One remark"
    return tag("details", tag("summary", words), tag("ul", (tag("li", sentence) for sentence in said)), class_="remarks")


def tiles(numbers: Iterable[tuple[str, str]]) -> Html:
    """Numbers that matter most, by name."""
    return tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in numbers), class_="tiles")


def section(identity: str, title: str, *children: Child) -> Html:
    """A part of the page under its heading."""
    return tag("section", tag("h2", title), *children, id=identity)


def settings_section(rows: Sequence[SettingRow]) -> Html:
    """Settings as a table that unfolds."""
    changed = sum(1 for row in rows if row.changed)
    shown: Iterable[list[Child]] = (
        [row.name, tag("strong", row.value) if row.changed else row.value, row.default if row.changed else "", row.description]
        for row in rows
    )
    summary = f"All {len(rows)} settings" + (f", {changed} changed from the default" if changed else ", all at their defaults")
    inner = table("Settings used", ("setting", "value", "default", "meaning"), shown)
    return section("settings", "Settings", tag("details", tag("summary", summary), inner))


def metric_table(metrics: Iterable[Metric]) -> Html:
    """Metrics with their ranges, those out of range first."""
    ordered = sorted(metrics, key=lambda metric: metric.flag != "fail")
    rows = ([metric.name, shown_value(metric), shown_range(metric), _flag(metric), metric.comment] for metric in ordered)
    return table("Metrics of the whole arm", ("metric", "value", "acceptable", "", "meaning"), rows, class_="metrics")


def order_table(metrics: Iterable[Metric], first: Mapping[str, float] | None = None) -> Html | None:
    """One row per order, one column per kind of metric; None without metrics of orders.

    Parameters
    ----------
    metrics : iterable of Metric
        Of which those of single orders are taken.
    first : mapping of str to float, optional
        A number by label of the order, by which rows are sorted; else they stay as they come.
    """
    by_order: dict[str, dict[str, Metric]] = {}
    kinds: dict[str, None] = {}
    for metric in metrics:
        kind = metric.name.removesuffix(f" O{metric.order}")
        if metric.order != "-1" and kind != metric.name:
            by_order.setdefault(metric.order, {})[kind] = metric
            kinds[kind] = None
    if not by_order:
        return None
    ordered = sorted(by_order.items(), key=lambda item: (first or {}).get(item[0], 0.0))
    rows = ([order, *(shown_value(found[kind]) if kind in found else "" for kind in kinds)] for order, found in ordered)
    return table("By order", ("order", *kinds), rows)


def provenance(content: Record) -> Html:
    """Inputs, software, steps, products, and the command that repeats the run."""
    origin = content.provenance
    command = origin.command
    repeat = (
        tag("div", tag("pre", tag("code", command, id="command")), tag("button", "copy", type="button", data_do="copy"), class_="command")
        if command
        else tag("p", "The command is not known: the recipe was called from a program.")
    )
    versions = ([name, version] for name, version in content.versions.items())
    steps = ([step.step, f"{step.seconds:.2f} s", step.note] for step in content.steps)
    products = ([product.label, _product_link(product, origin.sof_name), product.description] for product in content.products)
    made = (
        tag("p", f"Made on {content.made_at.replace('T', ' at ')} UTC by recipe {origin.recipe}, night {origin.night}.")
        if content.made_at
        else None
    )
    return section(
        "provenance",
        "Provenance",
        made,
        tag("h3", "To repeat it"),
        repeat,
        table("Inputs", ("file", "kind", "MD5", "folder"), (_input_row(file) for file in (*origin.raw, *origin.calibrations))),
        tag(
            "div",
            table("Software", ("name", "version"), versions),
            table("Steps", ("step", "time", "note"), steps) if content.steps else None,
            class_="pair",
        ),
        table(f"Products, with … for {origin.sof_name}", ("product", "file", "content"), products) if content.products else None,
    )


def _product_link(product: ReportedProduct, sof_name: str) -> Child:
    shown = product.file_name.replace(sof_name, "…", 1)
    return tag("a", shown, href=product.href) if product.href else shown


def _input_row(file: InputFile) -> list[Child]:
    folder, _, name = file.path.replace("\\", "/").rpartition("/")
    return [name, file.category, tag("code", file.md5) if file.md5 else "not computed", folder]


def _flag(metric: Metric) -> Html:
    if metric.low is None and metric.high is None:
        return escaped("")
    return tag("span", _FLAGS[metric.flag], class_=metric.flag)


def _sentence(text: str) -> str:
    """Text with a capital first letter, unless it starts with a name."""
    return text[:1].upper() + text[1:] if text.startswith("standard") else text
