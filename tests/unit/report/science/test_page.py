"""The page as text: complete, self-contained, small, and deaf to what headers try to tell the browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from soxspipe.datamodel.links import Link
from soxspipe.datamodel.metric import Metric
from soxspipe.report.science import ReportContent, build_report

Make = Callable[..., ReportContent]
HOSTILE = "</title><script>window.stolen=1</script><img src=x onerror=window.stolen=1>\"'&\x1b"
VOID = {"meta", "img", "input", "br", "link"}
SUMS = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


class Reader(HTMLParser):
    """Checks that elements close in order, and collects what a browser would act on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("script", "style"):
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
@pytest.mark.parametrize("standard", [True, False])
def test_page_is_well_formed_complete_and_small(content: Make, arm: str, standard: bool) -> None:
    page = build_report(content(arm, standard=standard))
    reader = Reader(page)
    assert len(page.encode()) < 2_500_000
    sections = [attributes.get("id") for attributes in reader.named("section")]
    expected = ["spectrum", "frames", "object", "response", "quality", "settings", "provenance"]
    assert [name for name in sections if name] == expected
    charts = [attributes["data-chart"] for attributes in reader.named("div") if "data-chart" in attributes]
    assert {"profile", "residual", "position", "width", "response"} <= set(charts)
    assert ("efficiency" in charts) is standard
    assert ("check" in charts) is standard


def test_page_fetches_nothing(content: Make) -> None:
    reader = Reader(build_report(content()))
    assert reader.named("link") == []
    for _tag, attributes in reader.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#")), (name, value)  # products have no address here
    policy = next(entry["content"] for entry in reader.named("meta") if entry.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy


def test_contents_lead_to_every_part_and_files_have_links(content: Make) -> None:
    base = content()
    products = tuple(replace(product, href="../../reduced/a%20b.fits") for product in base.products)
    reader = Reader(build_report(replace(base, products=products, related=(Link(text="the same target in VIS", href="v_report.html"),))))
    links = [attributes["href"] for attributes in reader.named("a")]
    parts = [f"#{attributes['id']}" for attributes in reader.named("section") if attributes.get("id")]
    assert [link for link in links if link in parts][1:] == parts, "the first is the one that skips"
    assert {"../../reduced/a%20b.fits", "v_report.html"} <= set(links)
    assert "the same target in VIS" in "".join(reader.text)


def test_redshift_stands_with_the_plot_and_every_control_has_words(content: Make) -> None:
    reader = Reader(build_report(content()))
    order = [attributes.get("id") for _, attributes in reader.elements]
    assert order.index("redshift") < order.index("redshift-words") < order.index("plot") < order.index("measured")
    assert all(attributes.get("aria-label") for name, attributes in reader.elements if attributes.get("id") in ("wave", "flux"))
    without = replace(content(), reduction=replace(content().reduction, fluxed=None))
    assert "flux" not in [attributes.get("id") for _, attributes in Reader(build_report(without)).elements]


def test_header_text_stays_text(content: Make) -> None:
    base = content()
    observation = replace(base.reduction.observation, target=HOSTILE, slit_name=HOSTILE, date_obs=HOSTILE)
    profile = replace(base.reduction.profile, form=HOSTILE)
    metrics = (
        *base.metrics,
        Metric(name=HOSTILE, value=1.0, unit=HOSTILE, comment=HOSTILE, high=0.5),
        Metric(name=f"A O{HOSTILE}", value=1.0, order=HOSTILE),
    )
    reduction = replace(base.reduction, observation=observation, profile=profile, sof_name=HOSTILE, metrics=metrics)
    provenance = replace(
        base.provenance, command=HOSTILE, night=HOSTILE, raw=tuple(replace(file, path=HOSTILE, category=HOSTILE) for file in base.provenance.raw)
    )  # fmt: skip
    spoilt = replace(
        base, reduction=reduction, provenance=provenance, warnings=(HOSTILE,), failures={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE}, made_at=HOSTILE
    )  # fmt: skip
    page, honest = build_report(spoilt), build_report(base)
    reader = Reader(page)
    assert len(reader.named("script")) == len(Reader(honest).named("script"))
    assert len(reader.named("img")) == len(Reader(honest).named("img"))
    assert not any(name.startswith("on") for _, attributes in reader.elements for name in attributes)
    assert "<script>window.stolen" not in page
    assert any("window.stolen=1" in text for text in reader.text), "the target's name is shown, as text"


def test_every_picture_and_plot_has_words_and_every_table_heads(content: Make) -> None:
    reader = Reader(build_report(content(standard=True)))
    assert all(attributes.get("alt") for attributes in reader.named("img"))
    assert all(attributes.get("aria-label") for _, attributes in reader.elements if attributes.get("role") == "img")
    assert len(reader.named("caption")) == len(reader.named("table"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in reader.named("th"))
    assert reader.named("html")[0]["lang"] == "en"


def test_metrics_out_of_range_stand_first_and_are_marked_in_words(content: Make) -> None:
    base = content(standard=True)
    bad = Metric(name="EFF MEDIAN", value=0.01, low=0.02, high=0.2)
    page = build_report(replace(base, reduction=replace(base.reduction, metrics=(*base.metrics, bad))))
    table = page[page.index("Metrics of the whole arm") :]
    assert table.index("EFF MEDIAN") < table.index("SNR MEDIAN")
    assert "✕ out of range" in table
    assert "Not good" in page


def test_orders_have_their_own_table(content: Make) -> None:
    text = "".join(Reader(build_report(content())).text)
    assert re.search(r"By order.*?12.*?28.*?11.*?33", text, re.DOTALL)


def test_what_was_not_measured_is_named_below_the_table(content: Make) -> None:
    base = content()
    missing = Metric(name="WAVE SHIFT", value=None, unit="px", comment="Zero-point shift on sky lines")
    text = "".join(Reader(build_report(replace(base, reduction=replace(base.reduction, metrics=(*base.metrics, missing))))).text)
    assert re.search(r"Not measured: ([A-Z ]+, )*WAVE SHIFT\.", text)
    assert "Zero-point shift on sky lines" not in text


def test_orders_that_do_not_overlap_have_no_ratio(content: Make) -> None:
    base = content()
    first, *others = base.reduction.merged.joins
    joins = (replace(first, scale=1.0, scale_error=0.0), *others)
    text = "".join(
        Reader(build_report(replace(base, reduction=replace(base.reduction, merged=replace(base.reduction.merged, joins=joins))))).text
    )
    assert "no overlap" in text
    assert "1.0000 ± 0.0000" not in text


def test_provenance_names_inputs_with_hashes_and_how_to_repeat(content: Make) -> None:
    text = "".join(Reader(build_report(content())).text)
    for expected in (
        "raw.fits",
        "flat.fits",
        "0123456789abcdef",
        "soxspipe stare my.sof -o out",
        "subtract_sky",
        "Products, with … for 2025_STARE",
        "…_SKYMODEL.fits",
    ):
        assert expected in text


def test_a_poor_reduction_still_has_a_page(content: Make) -> None:
    base = content()
    nothing = np.zeros_like(base.reduction.merged.flux)
    samples = base.reduction.trace.samples
    none, blank = np.zeros(samples.order.shape, dtype=bool), np.full(samples.order.shape, np.nan)
    trace = replace(
        base.reduction.trace, orders={}, sources=(), forced=True, significance=0.3,
        samples=replace(samples, detected=none, used=none, a_px=blank, residual_px=blank, sigma_px=blank),
    )  # fmt: skip
    reduction = replace(
        base.reduction, trace=trace, merged=replace(base.reduction.merged, flux=nothing, variance=nothing, joins=()), fluxed=None, response=None,
        sky=None, telluric_bands=None, sky_lines=None, metrics=(),
    )  # fmt: skip
    page = build_report(replace(base, reduction=reduction, wavelength_shift=None, settings=None))
    Reader(page)
    assert "No object was found" in page


def test_the_library_is_the_one_we_say_it_is_and_brings_its_licence(content: Make) -> None:
    vendor = files("soxspipe.report").joinpath("vendor")
    for name, expected in SUMS.items():
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == expected
        assert expected in vendor.joinpath("README.md").read_text(encoding="utf-8")
    page = build_report(content())
    assert "Permission is hereby granted, free of charge" in page
    assert page.count("var uPlot=") == 1


def test_versions_are_those_of_the_packages(content: Make) -> None:
    assert content().versions["numpy"] == np.__version__
