"""The parts of the page of a spectrum, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from soxspipe.datamodel.exposure_record import RECORD_HEAD
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.datamodel.spectrum import ResponseCurve
from soxspipe.report.markup import Html, check, radio, table, tag
from soxspipe.report.science.content import ReportContent
from soxspipe.report.science.order_images import Gallery, make_gallery, svg_points
from soxspipe.report.science.payload import Json
from soxspipe.report.sections import all_said, metric_table, order_table, section, settings_section, tiles, verdict_box
from soxspipe.report.settings_table import settings_rows
from soxspipe.report.verdict import Verdict

SEE_ALSO = "See also: "
"""Before the links to files and to other pages."""


def header(content: ReportContent, verdict: Verdict) -> Html:
    """Target, verdict, and the numbers that matter most."""
    observation = content.reduction.observation
    kind = "Flux standard" if content.is_standard else {"STD,TELLURIC": "Telluric standard"}.get(observation.kind, "Science target")
    where = " · ".join(
        part
        for part in (
            f"{content.reduction.geometry.arm.instrument} {observation.arm}",
            kind,
            observation.date_obs[:19],
            observation.slit_name,
        )
        if part
    )
    return tag(
        "header",
        tag("p", where, class_="where"),
        tag("h1", observation.target.strip() or "Unnamed target"),
        verdict_box(verdict),
        all_said(verdict),
        tiles(_key_numbers(content)),
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


def _key_numbers(content: ReportContent) -> Iterable[tuple[str, str]]:
    reduction = content.reduction
    snr = content.metric("SNR MEDIAN")
    yield "median S/N", "–" if snr is None else f"{snr:.1f}"
    yield "object", f"{reduction.trace.significance:.0f}σ" if not reduction.trace.forced else "not found"
    yield "profile FWHM", f"{reduction.profile.fwhm_arcsec:.2f}″"
    efficiency = content.metric("EFF MEDIAN")
    if efficiency is not None:
        yield "efficiency", f"{100 * efficiency:.1f} %"
    chi = content.metric("SKY CHI LINES")
    if chi is not None:
        yield "sky lines, residual / noise", f"{chi:.2f}"
    shift = content.wavelength_shift
    if shift is not None and shift.n_lines:
        yield f"wavelength shift{', applied' if shift.applied else ''}", _shift_size(shift)
    if reduction.observation.airmass is not None:
        yield "air mass", f"{reduction.observation.airmass:.2f}"


def _shift_size(shift: WavelengthShift) -> str:
    """The orders' mean shift where they move together, else the smallest and the largest."""
    sizes = [found.shift_px for found in shift.orders.values() if found.tied]
    low, high = min(sizes), max(sizes)
    return f"{shift.shift_px:+.3f} ± {shift.error_px:.3f} px" if high - low < ONE_SHIFT_PX else f"{low:+.2f} to {high:+.2f} px"


ONE_SHIFT_PX = 0.2
"""Orders whose shifts differ by less are said to have one."""


def order_images(content: ReportContent) -> Html | None:
    """The straightened orders before and after sky subtraction, one at a time, with the trace on top."""
    gallery = make_gallery(content.reduction)
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
    return response_section(plots, content.reduction.response)


def response_section(plots: Mapping[str, Json], response: ResponseCurve | None) -> Html | None:
    """The section of the response; `plots` need no more than their axes here."""
    chosen = (("response", "Response"), ("efficiency", "Efficiency"), ("check", "Standard star against the library"))
    if not any(name in plots for name, _ in chosen):
        return None
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
    missing = ", ".join(metric.name for metric in whole if not _measured(metric))
    note = (
        "Ranges are enforced for standard stars."
        if content.is_standard
        else "Ranges are enforced for standard stars only, unless the settings give some."
    )
    return section(
        "quality",
        "Quality control",
        metric_table(metric for metric in whole if _measured(metric)),
        tag("p", note, f" Not measured: {missing}." if missing else "", class_="hint"),
        tag("div", _per_order(content), _joins(content), class_="pair"),
    )


def _measured(metric: Metric) -> bool:
    return metric.value is not None or metric.flag == "fail"


_SAID_TWICE = "SKY SHIFT"
"""Metrics that repeat others under the names of the reference."""


def _per_order(content: ReportContent) -> Html | None:
    """Metrics of orders, from blue to red."""
    blue_first = {spectrum.label: float(spectrum.wavelength_nm[0]) for spectrum in content.reduction.orders}
    return order_table((metric for metric in content.metrics if not metric.name.startswith(_SAID_TWICE)), blue_first)


def _joins(content: ReportContent) -> Html | None:
    arm, joins = content.reduction.geometry.arm, content.reduction.merged.joins
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
    return settings_section(settings_rows(content.settings, content.reduction.geometry.arm, content.provenance))
