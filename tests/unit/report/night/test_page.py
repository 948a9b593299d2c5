"""The page of a night: what it shows, that it stands alone, and that it can be used with 300 rows."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from soxspipe.datamodel.links import Link
from soxspipe.report.night import (
    CalibrationEntry,
    ConditionEntry,
    Missing,
    NightContent,
    StandardEntry,
    TargetEntry,
    TrendEntry,
    build_night_page,
)
from soxspipe.report.night.content import Curve
from support.browser import Page

LEVELS = ("good", "check", "fail", "")


def curve(n: int = 120) -> Curve:
    values = tuple(None if place % 40 == 7 else 1e-16 * (1.5 + math.sin(place / 9)) for place in range(n))
    return Curve(low_nm=350.0, high_nm=850.0, values=values)


def target(number: int) -> TargetEntry:
    level = LEVELS[number % 4]
    arm = "NIR" if number % 2 else "VIS"
    return TargetEntry(
        target=f"SN2026a{number:03d}", kind="science", arm=arm, slit="SLIT1.0", began=f"2026-03-02T{number % 10:02d}:30:00",
        exposure="2 × 300 s", airmass=1.0 + 0.01 * number, snr=None if level == "" else 0.5 * number, level=level,
        remarks=("the master flat is 3 days away; up to 1 are usual", "SKY CHI LINES is 1.4", "third remark") if level != "good" else (),
        curve=None if level == "" else curve(), is_calibrated=number % 3 > 0,
        links=() if level == "" else (Link(text="report", href=f"qc/r{number}.html"), Link(text="spectrum", href=f"reduced/s{number}.fits")),
    )  # fmt: skip


def content(n_targets: int = 8) -> NightContent:
    standard = StandardEntry(
        star="LTT3218", arm="VIS", slit="SLIT5.0", began="2026-03-02T01:00:00", airmass=1.1, efficiency=0.21, zero_point=18.3,
        response=curve(), links=(),
    )  # fmt: skip
    calibration = CalibrationEntry(
        kind="bias", arm="VIS", name="20260301T180000_VIS_1X1_1_MBIAS_SOXS", began="2026-03-01T18:00:00", frames="5 × 0 s",
        status="in range", numbers=(("MBIAS MEDIAN", "650.1"),), remarks=(), used_by=12, links=(Link(text="file", href="m.fits"),),
    )  # fmt: skip
    return NightContent(
        night="2026-03-01", instrument="SOXS", folder="/raw", made_at="2026-03-02T12:00:00", version="0.2", counts="26 reduced",
        targets=tuple(map(target, range(n_targets))), standards=(standard, standard), calibrations=(calibration,),
        trends=(TrendEntry(title="RAW RON, bias, VIS", unit="electrons", hours=(6.0, 20.0), values=(3.8, 3.9), low=0.0, high=4.5),),
        conditions=(ConditionEntry(title="Seeing of the spectra", unit="FWHM (arcsec)", arm="VIS", hours=(12.0, 14.0), values=(0.9, 1.2)),),
        missing=(Missing(what="2 files", why="an acquisition image", files="a.fits, b.fits"),),
        neighbours=(Link(text="night after", href="night_2026-03-02.html"),),
    )  # fmt: skip


def test_every_section_has_its_rows() -> None:
    page = build_night_page(content())
    for words in (
        "Night of 2026-03-01",
        "SN2026a003",
        "LTT3218",
        "21.0 %",
        "MBIAS MEDIAN: 650.1",
        "an acquisition image",
        "night_2026-03-02.html",
    ):
        assert words in page
    assert page.count('class="thumb"') == 6, "two of eight have no spectrum"


def test_an_empty_night_says_so() -> None:
    empty = NightContent(
        night="2026-03-01", instrument="SOXS", folder="/raw", made_at="", version="", counts="", targets=(), standards=(), calibrations=(),
        trends=(), conditions=(), missing=(),
    )  # fmt: skip
    page = build_night_page(empty)
    for words in ("No target was observed", "No flux standard", "No calibration", "Nothing is missing", "Nothing was measured"):
        assert words in page


def test_text_from_headers_cannot_become_markup() -> None:
    entry = target(0)
    nasty = TargetEntry(**{name: getattr(entry, name) for name in entry.__slots__} | {"target": "<script>alert(1)</script>"})
    base = content(1)
    page = build_night_page(NightContent(**{name: getattr(base, name) for name in base.__slots__} | {"targets": (nasty,)}))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_nothing_is_fetched() -> None:
    page = build_night_page(content())
    assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.slow
class TestInBrowser:
    """With 300 rows, in a browser, at several widths."""

    @pytest.fixture
    def page(self, browser: Page, tmp_path: Path) -> Page:
        self.file = tmp_path / "night.html"
        self.file.write_text(build_night_page(content(300)), encoding="utf-8")
        return browser

    def test_it_loads_quickly_and_without_complaint(self, page: Page) -> None:
        assert page.open(self.file) < 5.0
        assert page.problems == []
        assert self.file.stat().st_size < 3_000_000

    def test_the_filter_hides_rows_and_the_heads_sort(self, page: Page) -> None:
        page.open(self.file)
        page.type_into("#filter", "NIR good")
        seen = page.run("[...document.querySelectorAll('.targets tbody tr')].filter((row) => !row.hidden).length")
        assert seen == 0, "every second target is NIR, and those are never good"
        page.type_into("#filter", "NIR look")
        assert page.run("document.getElementById('shown').textContent") == "75 of 300"
        page.type_into("#filter", "")
        page.run("[...document.querySelectorAll('.targets thead th')][7].click()")
        values = page.run(
            "[...document.querySelectorAll('.targets tbody tr')].map((row) => parseFloat(row.cells[7].textContent)).filter((x) => x >= 0)"
        )
        assert values == sorted(values)

    @pytest.mark.parametrize("width", [360, 768, 1366])
    def test_nothing_is_wider_than_the_screen(self, page: Page, width: int) -> None:
        page.open(self.file, width=width, height=800, mobile=width < 500)
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("document.querySelector('.targets tbody tr').getBoundingClientRect().height") > 0

    def test_it_prints(self, page: Page) -> None:
        page.open(self.file)
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.run("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert page.run("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
        page.call("Emulation.setEmulatedMedia", media="")
