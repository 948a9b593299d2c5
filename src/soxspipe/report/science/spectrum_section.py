"""The interactive spectrum of the page: the plot, the controls above it and the tools below."""

from __future__ import annotations

from collections.abc import Iterable

from soxspipe.report.markup import Child, Html, check, radio, tag
from soxspipe.report.science.content import ReportContent
from soxspipe.report.sections import section

_AVERAGES = (("auto", "auto"), *((str(n), str(n)) for n in (1, 3, 5, 11, 25, 51)))
_WAVE_UNITS = (("nm", "nm"), ("A", "Å"), ("um", "μm"))
_FLUX_UNITS = (("flambda", "f_λ"), ("fnu", "f_ν (mJy)"), ("ab", "AB mag"))
_BUTTONS = (
    ("in", "+", "Zoom in"),
    ("out", "−", "Zoom out"),
    ("left", "◀", "Pan left"),
    ("right", "▶", "Pan right"),
    ("all", "all", "Show all"),
)


def spectrum(content: ReportContent) -> Html:
    """The interactive spectrum, its controls and its tools; the page's scripts fill them."""
    return section(
        "spectrum",
        "Spectrum",
        tag("noscript", tag("p", "The interactive spectrum needs JavaScript; the PDF plots beside this page show the same numbers.")),
        controls(has_flux=content.reduction.fluxed is not None),
        _lines(),
        tag("div", id="plot", class_="plot", tabindex=0, role="img", aria_label=_described(content)),
        tag("p", "Move over the spectrum to read it.", id="readout", class_="readout", aria_live="off"),
        tag(
            "p",
            "Drag to zoom, Shift and drag to pan, double-click for all of it; after a click the wheel and the keys + − ← → 0 work; on a touch "
            "screen one finger pans and two zoom. Grey: telluric bands. Dashed: order joins. The axis follows the object, not flagged or noisy "
            "samples. The address of this page keeps what is shown.",
            class_="hint",
        ),
        _measure(),
        _compare(),
    )


def controls(*, has_flux: bool) -> Html:
    """What is shown, and how."""
    names = {"flux": "Flux", "counts": "Counts", "snr": "S/N", "sky": "Sky"}
    views = [view for view in names if has_flux or view != "flux"]
    return tag(
        "div",
        tag(
            "fieldset",
            tag("legend", "Show", class_="hidden"),
            (radio("view", view, names[view], checked=view == views[0]) for view in views),
            class_="tabs",
        ),
        tag("label", "average ", _select("smooth", _AVERAGES), " samples"),
        _select("wave", _WAVE_UNITS, label="Unit of wavelength"),
        _select("flux", _FLUX_UNITS, label="Unit of flux") if has_flux else None,
        check("log", "logarithmic"),
        check("errors", "± 1σ", checked=True),
        check("hide", "hide flagged"),
        tag("span", (tag("button", text, type="button", data_do=do, aria_label=name) for do, text, name in _BUTTONS), class_="buttons"),
        class_="controls",
    )


def _lines() -> Html:
    """Sets of lines, and the redshift at which they stand."""
    redshift = tag("input", id="redshift", type="number", step="0.001", min="-0.1", max="12", value="0", inputmode="decimal")
    velocity = tag("input", id="velocity", type="number", step="500", min="-100000", max="100000", value="0")
    return tag(
        "fieldset",
        tag("legend", "Lines"),
        tag("label", "redshift ", redshift),
        tag("label", "velocity ", velocity, " km/s"),
        check("rest", "rest frame"),
        tag("span", id="line-sets", class_="sets"),
        tag("span", id="redshift-words", class_="fault", role="alert"),
        class_="lines",
    )


def _measure() -> Html:
    """Marks of a line, and what is measured in between."""
    return tag(
        "fieldset",
        tag("legend", "Measure a line"),
        check("marking", "mark by dragging"),
        tag("label", "from ", tag("input", id="mark-from", type="number", step="any", inputmode="decimal")),
        tag("label", " to ", tag("input", id="mark-to", type="number", step="any", inputmode="decimal")),
        tag("button", "clear", type="button", id="unmark"),
        tag("output", id="measured", class_="measured", aria_live="polite"),
        class_="lines",
    )


def _compare() -> Html:
    """Other spectra, and files to save."""
    return tag(
        "fieldset",
        tag("legend", "Compare and save"),
        tag(
            "label",
            "lay another spectrum over it: drop a text file of two or three columns here, or ",
            tag("input", id="overlay-file", type="file", accept=".txt,.csv,.dat,.asc,.ascii,text/*", multiple=True),
        ),
        tag("button", "save as CSV", type="button", id="save-csv"),
        tag("button", "save as PNG", type="button", id="save-png"),
        tag("span", id="overlay-words", class_="fault", role="alert"),
        tag("ul", id="overlays", class_="overlays"),
        class_="lines compare",
    )


def _select(identity: str, choices: Iterable[tuple[str, str]], *, label: str | None = None) -> Html:
    options: Iterable[Child] = (tag("option", text, value=value) for value, text in choices)
    return tag("select", options, id=identity, aria_label=label)


def _described(content: ReportContent) -> str:
    wave = content.reduction.merged.wavelength_nm
    kind = "Flux-calibrated spectrum" if content.reduction.fluxed is not None else "Extracted spectrum in counts"
    extent = f" from {wave[0]:.0f} to {wave[-1]:.0f} nm" if wave.size else ""
    return f"{kind}{extent}. {content.reduction.observation.target}"
