"""The parts of the page, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from soxspipe.datamodel.exposure_record import RECORD_HEAD
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.datamodel.provenance import InputFile
from soxspipe.report.content import Record, ReportContent, ReportedProduct
from soxspipe.report.markup import Child, Html, escaped, joined, table, tag
from soxspipe.report.order_images import Gallery, make_gallery, svg_points
from soxspipe.report.payload import Json
from soxspipe.report.settings_table import SettingRow, settings_rows
from soxspipe.report.verdict import TITLES, Verdict, shown_range, shown_value

_MARKS = {"good": "✓", "check": "!", "fail": "✕"}
_FLAGS = {"pass": "✓ in range", "fail": "✕ out of range"}


SEE_ALSO = "See also: "
"""Before the links to files and to other pages."""


def header(content: ReportContent, verdict: Verdict) -> Html:
    """Target, verdict, and the numbers that matter most."""
    observation = content.values.observation
    kind = "Flux standard" if content.is_standard else {"STD,TELLURIC": "Telluric standard"}.get(observation.kind, "Science target")
    where = " · ".join(
        part
        for part in (f"{content.values.geometry.arm.instrument} {observation.arm}", kind, observation.date_obs[:19], observation.slit_name)
        if part
    )
    return tag(
        "header",
        tag("p", where, class_="where"),
        tag("h1", observation.target.strip() or "Unnamed target"),
        tag(
            "section",
            tag("p", tag("span", _MARKS[verdict.level], class_="mark", aria_hidden="true"), TITLES[verdict.level], class_="level"),
            tag("div", tag("p", _sentence(verdict.summary)), tag("p", verdict.advice, class_="advice")),
            class_=f"verdict {verdict.level}",
            aria_label="Verdict",
        ),
        _all_said(verdict),
        tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in _key_numbers(content)), class_="tiles"),
        _see_also(content),
    )


def contents(parts: Iterable[tuple[str, str, Html | None]]) -> Html:
    """Table of contents: identity, words and the part itself; those that are missing are left out."""
    return tag("nav", (tag("a", words, href=f"#{name}") for name, words, part in parts if part is not None), aria_label="Sections")


def _see_also(content: ReportContent) -> Html | None:
    """Links to the spectrum's files and to the pages that belong to it."""
    chosen = {"EXTRACTED_FLUXCAL_SPECTRUM", "EXTRACTED_FLUXCAL_ASCII", "EXTRACTED_MERGED_TABLE", "EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT"}
    files = [(product.description, product.href) for product in content.products if product.label in chosen and product.href]
    links = [*((link.text, link.href) for link in content.related), *files]
    if not links:
        return None
    return tag("p", SEE_ALSO, ((" · " if at else "", tag("a", text, href=href)) for at, (text, href) in enumerate(links)), class_="also")


def _all_said(verdict: Verdict) -> Html | None:
    """Worries that the headline has no room for, and what is said without being one."""
    said = (*verdict.worries, *verdict.remarks)
    if len(verdict.worries) <= 2 and not verdict.remarks:
        return None
    words = f"All {len(said)} remarks" if len(said) > 1 else "One remark"
    return tag("details", tag("summary", words), tag("ul", (tag("li", sentence) for sentence in said)), class_="remarks")


def _key_numbers(content: ReportContent) -> Iterable[tuple[str, str]]:
    values = content.values
    snr = content.metric("SNR MEDIAN")
    yield "median S/N", "–" if snr is None else f"{snr:.1f}"
    yield "object", f"{values.trace.significance:.0f}σ" if not values.trace.forced else "not found"
    yield "profile FWHM", f"{values.profile.fwhm_arcsec:.2f}″"
    efficiency = content.metric("EFF MEDIAN")
    if efficiency is not None:
        yield "efficiency", f"{100 * efficiency:.1f} %"
    chi = content.metric("SKY CHI LINES")
    if chi is not None:
        yield "sky lines, residual / noise", f"{chi:.2f}"
    shift = content.wavelength_shift
    if shift is not None and shift.n_lines:
        yield f"wavelength shift{', applied' if shift.applied else ''}", _shift_size(shift)
    if values.observation.airmass is not None:
        yield "air mass", f"{values.observation.airmass:.2f}"


def _shift_size(shift: WavelengthShift) -> str:
    """The orders' mean shift where they move together, else the smallest and the largest."""
    sizes = [found.shift_px for found in shift.orders.values() if found.tied]
    low, high = min(sizes), max(sizes)
    return f"{shift.shift_px:+.3f} ± {shift.error_px:.3f} px" if high - low < ONE_SHIFT_PX else f"{low:+.2f} to {high:+.2f} px"


ONE_SHIFT_PX = 0.2
"""Orders whose shifts differ by less are said to have one."""


def order_images(content: ReportContent) -> Html | None:
    """The straightened orders before and after sky subtraction, one at a time, with the trace on top."""
    gallery = make_gallery(content.values)
    if gallery is None:
        return None
    radios = (radio("sheet", sheet.name, sheet.name, checked=at == 0) for at, sheet in enumerate(gallery.sheets))
    images = (
        tag("img", src=sheet.uri, alt=sheet.caption, width=gallery.width, height=gallery.height, data_sheet=sheet.name, hidden=at > 0)
        for at, sheet in enumerate(gallery.sheets)
    )
    captions = (tag("figcaption", sheet.caption, data_sheet=sheet.name, hidden=at > 0) for at, sheet in enumerate(gallery.sheets))
    return section(
        "frames",
        "Orders on the detector",
        tag(
            "div",
            tag("fieldset", tag("legend", "Show", class_="hidden"), radios, class_="tabs"),
            check("trace", "trace", checked=True),
            check("full", "full size"),
            class_="controls",
        ),
        tag(
            "figure",
            tag("div", _order_names(gallery), tag("div", images, _trace_lines(gallery), class_="sheet"), class_="frames"),
            captions,
        ),
        tag("p", "Each row is one order, bluest on top, wavelength to the right and slit position upwards.", class_="hint"),
    )


def _order_names(gallery: Gallery) -> Html:
    names = (
        tag(
            "span",
            label.label,
            style=f"top:{label.top_percent + label.height_percent / 2:.2f}%",
            title=f"{label.low_nm:.0f} to {label.high_nm:.0f} nm",
        )
        for label in gallery.labels
    )
    return tag("div", names, class_="names", aria_hidden="true")


def _trace_lines(gallery: Gallery) -> Html:
    lines = (tag("polyline", points=svg_points(line)) for line in gallery.traces if line)
    return tag(
        "svg", lines, viewBox=f"0 0 {gallery.width} {gallery.height}", preserveAspectRatio="none", class_="trace", role="img",
        aria_label="Fitted trace of the object",
    )  # fmt: skip


def object_plots(plots: Mapping[str, Json]) -> Html:
    """Profile and trace."""
    chosen = (("profile", "Spatial profile"), ("residual", "Trace: residual of the fit"), ("position", "Trace: place on the slit"), ("width", "Width of the object"))  # fmt: skip
    return section("object", "Object", _charts(plots, chosen))


def response_plots(plots: Mapping[str, Json], content: ReportContent) -> Html | None:
    """Response and efficiency, as far as they exist."""
    chosen = (("response", "Response"), ("efficiency", "Efficiency"), ("check", "Standard star against the library"))
    if not any(name in plots for name, _ in chosen):
        return None
    response = content.values.response
    origin = None
    if response is not None:
        facts = [
            f"star {response.star}" if response.star else "",
            f"air mass {response.airmass:.2f}" if response.airmass is not None else "",
        ]
        known = ", ".join(fact for fact in facts if fact)
        measured = f"measured from {response.valid_nm[0]:.0f} to {response.valid_nm[1]:.0f} nm"
        origin = tag(
            "p", f"Response: {known + ', ' if known else ''}{measured}. Beyond that it is extrapolated and flagged.", class_="hint"
        )
    return section("response", "Response and efficiency", _charts(plots, chosen), origin)


def _charts(plots: Mapping[str, Json], chosen: Iterable[tuple[str, str]]) -> Html:
    boxes = (
        tag(
            "figure",
            tag("figcaption", title),
            tag("div", class_="chart", data_chart=name, role="img", aria_label=_axes_of(title, plots[name])),
        )
        for name, title in chosen
        if name in plots
    )
    return tag("div", boxes, class_="charts")


def _axes_of(title: str, plot: Json) -> str:
    return f"{title}: {plot['y']} against {plot['x']}"


def exposures(content: ReportContent) -> Html | None:
    """One row an exposure, where there is more than one."""
    if len(content.exposures) < 2:
        return None
    return section(
        "exposures",
        "Exposures",
        table("What each exposure was like, and its share in the spectrum", RECORD_HEAD, (record.cells() for record in content.exposures)),
        tag(
            "p",
            "Light is per second, 100 % for the level that the spectrum has. Exposures of one group were averaged as pixels; groups were solved "
            "on their own and combined as spectra. Images and pictures show the first group.",
            class_="hint",
        ),
    )


def quality(content: ReportContent) -> Html:
    """Metrics with their ranges, and per order."""
    whole = [metric for metric in content.metrics if metric.order == "-1" and not metric.name.startswith("JOIN SCALE")]
    failed_first = sorted((metric for metric in whole if _measured(metric)), key=lambda metric: metric.flag != "fail")
    missing = ", ".join(metric.name for metric in whole if not _measured(metric))
    rows = ([metric.name, shown_value(metric), shown_range(metric), _flag(metric), metric.comment] for metric in failed_first)
    note = (
        "Ranges are enforced for standard stars."
        if content.is_standard
        else "Ranges are enforced for standard stars only, unless the settings give some."
    )
    return section(
        "quality",
        "Quality control",
        table("Metrics of the whole arm", ("metric", "value", "acceptable", "", "meaning"), rows, class_="metrics"),
        tag("p", note, f" Not measured: {missing}." if missing else "", class_="hint"),
        tag("div", _per_order(content), _joins(content), class_="pair"),
    )


def _measured(metric: Metric) -> bool:
    return metric.value is not None or metric.flag == "fail"


def _flag(metric: Metric) -> Html:
    if metric.low is None and metric.high is None:
        return escaped("")
    return tag("span", _FLAGS[metric.flag], class_=metric.flag)


_SAID_TWICE = "SKY SHIFT"
"""Metrics that repeat others under the names of the reference."""


def _per_order(content: ReportContent) -> Html | None:
    """One row per order, one column per kind of metric."""
    by_order: dict[str, dict[str, Metric]] = {}
    kinds: list[str] = []
    for metric in content.metrics:
        kind = metric.name.removesuffix(f" O{metric.order}")
        if metric.order != "-1" and kind != metric.name and not kind.startswith(_SAID_TWICE):
            by_order.setdefault(metric.order, {})[kind] = metric
            kinds.append(kind)
    if not by_order:
        return None
    columns = list(dict.fromkeys(kinds))
    blue_first = {spectrum.label: float(spectrum.wavelength_nm[0]) for spectrum in content.values.orders}
    ordered = sorted(by_order.items(), key=lambda item: blue_first.get(item[0], 0.0))
    rows = ([order, *(shown_value(found[kind]) if kind in found else "" for kind in columns)] for order, found in ordered)
    return table("By order", ("order", *columns), rows)


def _joins(content: ReportContent) -> Html | None:
    arm, joins = content.values.geometry.arm, content.values.merged.joins
    if not joins:
        return None
    rows = (
        [
            f"{arm.label(join.blue_order)} | {arm.label(join.red_order)}",
            f"{join.wavelength_nm:.1f}",
            f"{join.scale:.4f} ± {join.scale_error:.4f}" if join.measured else "no overlap",
        ]
        for join in joins
    )
    return table("Flux ratio where orders meet", ("orders", "at (nm)", "red / blue"), rows)


def settings(content: ReportContent) -> Html:
    """Every setting that was used, the changed ones first."""
    return settings_section(settings_rows(content))


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


def order_table(metrics: Iterable[Metric]) -> Html | None:
    """One row per order, one column per kind of metric, in the order in which they come; None without metrics of orders."""
    by_order: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        kind = metric.name.removesuffix(f" O{metric.order}")
        if metric.order != "-1" and kind != metric.name:
            by_order.setdefault(metric.order, {})[kind] = metric
    if not by_order:
        return None
    columns = list(dict.fromkeys(kind for found in by_order.values() for kind in found))
    rows = ([order, *(shown_value(found[kind]) if kind in found else "" for kind in columns)] for order, found in by_order.items())
    return table("By order", ("order", *columns), rows)


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


def section(identity: str, title: str, *children: Child) -> Html:
    """A part of the page under its heading."""
    return tag("section", tag("h2", title), *children, id=identity)


def radio(group: str, value: str, text: str, *, checked: bool) -> Html:
    """One of a group of choices."""
    return tag("label", tag("input", type="radio", name=group, value=value, checked=checked), tag("span", text))


def check(identity: str, text: str, *, checked: bool = False) -> Html:
    """A box to tick, with its words."""
    return tag("label", tag("input", type="checkbox", id=identity, checked=checked), f" {text}")


def _sentence(text: str) -> Html:
    """Text with a capital first letter, unless it starts with a name."""
    return joined(text[:1].upper() + text[1:] if text.startswith("standard") else text)
