"""One reduction as one HTML page that needs nothing else."""

from __future__ import annotations

from soxspipe import __version__
from soxspipe.report.assets import asset
from soxspipe.report.document import document, script
from soxspipe.report.markup import Html, joined, tag
from soxspipe.report.science import charts, sections
from soxspipe.report.science.content import ReportContent
from soxspipe.report.science.judge import judge
from soxspipe.report.science.payload import as_json, spectrum_payload
from soxspipe.report.science.spectrum_section import spectrum
from soxspipe.report.sections import provenance
from soxspipe.report.verdict import Verdict


def build_report(content: ReportContent, verdict: Verdict | None = None) -> str:
    """Make the page.

    Parameters
    ----------
    content : ReportContent
        One reduction.
    verdict : Verdict, optional
        That of `judge`, where it is known already.

    Returns
    -------
    str
        HTML, with scripts, styles, pictures and numbers inside; text from headers is escaped.
    """
    verdict = verdict or judge(content)
    plots = charts.all_charts(content)
    observation = content.reduction.observation
    title = f"{observation.target or 'Unnamed target'} · {observation.arm} · {content.reduction.sof_name}"
    parts = (
        ("spectrum", "Spectrum", spectrum(content)),
        ("frames", "Orders", sections.order_images(content)),
        ("object", "Object", sections.object_plots(plots)),
        ("response", "Response", sections.response_plots(plots, content)),
        ("exposures", "Exposures", sections.exposures(content)),
        ("quality", "Quality control", sections.quality(content)),
        ("settings", "Settings", sections.settings(content)),
        ("provenance", "Provenance and files", provenance(content)),
    )
    body = joined(
        tag("a", "Skip to the spectrum", href="#spectrum", class_="skip"),
        sections.header(content, verdict),
        sections.contents(parts),
        tag("main", (part for _, _, part in parts)),
        tag("footer", f"soxs-stare {__version__}. Plots by uPlot {_UPLOT}, MIT licence."),
    )
    scripts = (
        _script_data({"spectrum": spectrum_payload(content.reduction), "charts": plots}),
        script(f"/*\n{asset('vendor', 'uPlot-LICENSE.txt').strip()}\n*/\n" + asset("vendor", "uPlot.iife.min.js")),
        *(script(asset("assets", name)) for name in _SCRIPTS),
    )
    styles = (("vendor", "uPlot.min.css"), ("assets", "report.css"))
    return document(title, body, styles=styles, scripts=scripts, data_name=content.reduction.sof_name)


_UPLOT = "1.6.32"
_SCRIPTS = ("convert.js", "smooth.js", "measure.js", "parse.js", "theme.js", "spectrum.js", "tools.js", "report.js")
"""Pure functions first, then what draws with them, then what connects them with the page."""


def _script_data(value: object) -> Html:
    return tag("script", Html(as_json(value)), id="report-data", type="application/json")
