"""A page that was written in counts, brought up to date when its spectrum is calibrated later, or better."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.spectrum import FluxedSpectrum, ResponseCurve
from soxspipe.report.markup import Html, tag
from soxspipe.report.science.charts import response_chart
from soxspipe.report.science.payload import as_json, flux_view
from soxspipe.report.science.sections import response_section
from soxspipe.report.science.spectrum_section import controls
from soxspipe.report.sections import all_said, metric_table, verdict_box
from soxspipe.report.verdict import Level, Verdict

_DATA = re.compile(r'(<script id="report-data" type="application/json">)(.*?)(</script>)', re.DOTALL)
_VERDICT = re.compile(
    r'<section class="verdict [a-z]+".*?</section>(<details class="remarks">.*?</details>)?(<p class="late">.*?</p>)?', re.DOTALL
)
_SUMMARY = re.compile(r"<div><p>(.*?)</p>", re.DOTALL)
_RESPONSE = re.compile(r'<section id="response">.*?</section>', re.DOTALL)
_ROWS = re.compile(r"<tbody>(.*?)</tbody>", re.DOTALL)
_LINK = '<a href="#response">Response</a>'


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatePage:
    """What a page is told: flux, response, verdict, the metrics that came with them, and how and when."""

    fluxed: FluxedSpectrum
    response: ResponseCurve
    level: Level
    worries: Sequence[str]
    metrics: Sequence[Metric]
    sentence: str


def page_with_flux(page: str, late: LatePage) -> str:
    """The page with the calibrated spectrum, its response and the verdict on both; as it is where it has no data.

    Parameters
    ----------
    page : str
        A report, HTML.
    late : LatePage
        What is new.
    """
    data = _DATA.search(page)
    if data is None:
        return page
    content = json.loads(data[2])
    views = {name: view for name, view in content["spectrum"]["views"].items() if name != "flux"}
    content["spectrum"]["views"] = {"flux": flux_view(late.fluxed, views["counts"]["order"]), **views}
    content["charts"]["response"] = response_chart(late.response)
    page = f"{page[: data.end(1)]}{as_json(content)}{page[data.start(3) :]}"
    page = page.replace(controls(has_flux=False), controls(has_flux=True))
    return _with_verdict(_with_metrics(_with_response(page, late.response), late.metrics), late)


def _with_response(page: str, response: ResponseCurve) -> str:
    part = response_section({"response": {"x": "wavelength", "y": "response"}}, response) or Html("")
    if _RESPONSE.search(page):
        return _RESPONSE.sub(lambda _: part, page, count=1)
    page = page.replace('<section id="quality">', f'{part}<section id="quality">', 1)
    return page.replace('<a href="#quality">', f'{_LINK}<a href="#quality">', 1)


def _with_metrics(page: str, metrics: Sequence[Metric]) -> str:
    """Rows of the new metrics first in the table, their old ones gone."""
    for metric in metrics:
        row = _ROWS.search(metric_table([metric]))
        page = re.sub(rf"<tr><t[dh][^>]*>{re.escape(metric.name)}</t[dh]>.*?</tr>", "", page, count=1, flags=re.DOTALL)
        before, opening, after = page.partition('<section id="quality">')
        page = before + opening + after.replace("<tbody>", f"<tbody>{row[1]}", 1) if row else page
    return page


def _with_verdict(page: str, late: LatePage) -> str:
    old = _VERDICT.search(page)
    if old is None:
        return page
    said = _SUMMARY.search(old[0])
    summary = said[1].replace("extracted, not flux-calibrated", "flux-calibrated") if said else ""
    verdict = Verdict(level=late.level, summary="", worries=tuple(late.worries))
    box = verdict_box(verdict).replace("<div><p></p>", f"<div><p>{summary}</p>", 1)
    new = f"{box}{all_said(verdict) or ''}{tag('p', late.sentence, class_='late')}"
    return f"{page[: old.start()]}{new}{page[old.end() :]}"
