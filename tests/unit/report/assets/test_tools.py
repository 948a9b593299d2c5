"""What is done with the interactive spectrum, in a headless Chromium: units, overlays, measured lines, files, address, dark mode, print."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.report.science import ReportContent, build_report
from support.browser import Page

pytestmark = pytest.mark.slow
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(drawn))))"
HOSTILE = "<img src=x onerror=window.stolen=1>.txt"


@pytest.fixture(scope="module")
def report(content: Callable[..., ReportContent], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tools") / "report.html"
    path.write_text(build_report(content(standard=True)), encoding="utf-8")
    return path


def _choose(browser: Page, identity: str, value: str) -> None:
    browser.run(
        f"(() => {{ const b = document.getElementById('{identity}'); b.value = {value!r}; b.dispatchEvent(new Event('change')); }})()"
    )


def _zoom(browser: Page, low: float, high: float) -> None:
    """Zoom, and wait until that has been drawn and the average has followed."""
    browser.run(f"soxsReport.spectrum.zoomTo({low}, {high}); {DRAWN}")


def _words(browser: Page, identity: str) -> str:
    return str(browser.run(f"document.getElementById('{identity}').textContent"))


def test_units_change_the_axes_and_keep_the_view(browser: Page, report: Path) -> None:
    browser.open(report)
    _zoom(browser, 1600, 1700)
    first = browser.run("soxsReport.spectrum.current.value[3000]")
    power, nm = browser.run("[soxsReport.spectrum.current.view.scale, soxsReport.spectrum.current.view.x[3000]]")
    _choose(browser, "wave", "A")
    assert browser.run("[soxsReport.spectrum.plot.scales.x.min, soxsReport.spectrum.plot.scales.x.max]") == pytest.approx([16000, 17000])
    _choose(browser, "flux", "fnu")
    assert browser.run("soxsReport.spectrum.plot.axes[1].label") == "flux density (mJy)"
    # λ²/c at the vacuum wavelength, 2.73e-4 above that in air
    expected = first * power * (10 * nm * 1.000273) ** 2 / 2.99792458e18 / 1e-26
    assert browser.run("soxsReport.spectrum.current.value[3000]") == pytest.approx(expected, rel=2e-2), "averages differ by a sample or two"
    _choose(browser, "flux", "ab")
    assert browser.run("soxsReport.spectrum.plot.scales.y.dir") == -1
    assert browser.problems == []


def test_rest_frame_moves_the_axis_and_redshifts_out_of_range_are_said(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelector('#rest').click()")
    browser.type_into("#redshift", "0.25")
    assert browser.run("soxsReport.spectrum.full[1] * 1.25 / soxsReport.spectrum.current.view.x.at(-1)") == pytest.approx(1, abs=1e-4)
    assert "rest wavelength at z = 0.25" in browser.run("soxsReport.spectrum.plot.axes[0].label")
    browser.type_into("#redshift", "77")
    assert "between −0.1 and 12" in _words(browser, "redshift-words")
    assert browser.run("soxsReport.spectrum.state.z") == 0.25
    browser.type_into("#redshift", "0.1")
    assert _words(browser, "redshift-words") == ""


def test_redshift_and_plot_are_seen_together_on_a_small_screen(browser: Page, report: Path) -> None:
    browser.open(report, width=1280, height=900)
    top, bottom = browser.run(
        "[document.querySelector('#redshift').getBoundingClientRect().top, document.querySelector('#plot').getBoundingClientRect().bottom]"
    )
    assert bottom - top < 900 - 44, "below the contents, which stay at the top"


def test_another_spectrum_lies_over_it_as_text_that_does_nothing(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("soxsReport.spectrum.act('all')")
    text = "# wave flux\n" + "".join(f"{700 + 5 * k} {3 + k % 2}\n" for k in range(300))
    browser.run(f"soxsReport.spectrum.addOverlay({json.dumps(HOSTILE)}, {json.dumps(text)})")
    said = _words(browser, "overlays")
    assert HOSTILE in said
    assert "300 samples, wavelengths read as nm" in said
    assert browser.run("soxsReport.spectrum.overlays[0].match"), "3 is no flux density in erg/s/cm²/Å"
    low, high = browser.run("[soxsReport.spectrum.full[0], soxsReport.spectrum.full[1]]")
    assert (low, high) == (700, 2195)
    assert browser.run("window.stolen") is None
    browser.run("document.querySelector('#overlays button').click()")
    assert browser.run("soxsReport.spectrum.overlays.length") == 0
    assert browser.problems == []


def test_a_file_that_is_no_spectrum_gets_a_sentence(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("soxsReport.spectrum.addOverlay('photo.png', 'PNG\\0\\0')")
    assert _words(browser, "overlay-words").startswith("photo.png: This is not text.")
    assert browser.run("soxsReport.spectrum.overlays.length") == 0
    assert browser.problems == []


def test_a_dropped_file_is_read_here(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run(
        "(() => { const data = new DataTransfer(); data.items.add(new File(['8000 1e-16\\n20000 1e-16\\n'], 'other arm.txt'));"
        " window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true })); return new Promise((r) => setTimeout(r, 50)); })()"
    )
    assert "other arm.txt (2 samples, wavelengths read as Å" in _words(browser, "overlays")


def test_a_marked_range_is_measured_with_errors(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("soxsReport.tools.marks.set([1700, 1710])")
    said = _words(browser, "measured")
    assert said.startswith("Equivalent width ")
    assert "±" in said
    assert browser.run("[Number(document.querySelector('#mark-from').value), Number(document.querySelector('#mark-to').value)]") == [
        1700,
        1710,
    ]
    browser.run("document.querySelector('input[name=view][value=sky]').click()")
    assert "Choose Flux or Counts" in _words(browser, "measured")
    browser.run("document.querySelector('#unmark').click()")
    assert _words(browser, "measured") == ""
    assert browser.problems == []


def test_dragging_marks_while_it_is_asked_for(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelector('#marking').click(); document.querySelector('#plot').scrollIntoView({ block: 'center' })")
    left, top, width, height = browser.run(
        "(() => { const r = soxsReport.spectrum.plot.over.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()"
    )
    full = browser.run("soxsReport.spectrum.full")
    browser.drag((left + 0.4 * width, top + height / 2), (left + 0.5 * width, top + height / 2))
    span = full[1] - full[0]
    assert browser.run("soxsReport.spectrum.marked.range") == pytest.approx([full[0] + 0.4 * span, full[0] + 0.5 * span], abs=0.01 * span)
    assert browser.run("soxsReport.spectrum.plot.scales.x.min") == pytest.approx(full[0]), "the view stays"


def test_the_address_brings_the_view_back(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelector('input[name=view][value=counts]').click()")
    browser.type_into("#redshift", "0.031")
    _choose(browser, "wave", "um")
    _zoom(browser, 1.6, 1.7)
    browser.run("soxsReport.tools.marks.set([1620, 1630]); soxsReport.tools.address.write()")
    fragment = browser.run("location.hash")
    browser.open(report, fragment=str(fragment))
    assert browser.run("[soxsReport.spectrum.state.view, soxsReport.spectrum.state.z, soxsReport.spectrum.state.wave]") == [
        "counts",
        0.031,
        "um",
    ]
    assert browser.run("[soxsReport.spectrum.plot.scales.x.min, soxsReport.spectrum.plot.scales.x.max]") == pytest.approx(
        [1.6, 1.7], abs=1e-5
    )
    assert browser.run("[document.querySelector('#redshift').value, document.querySelector('#wave').value]") == ["0.031", "um"]
    assert _words(browser, "measured").startswith("Equivalent width")
    assert browser.problems == []


def test_a_page_that_is_only_looked_at_keeps_its_address(browser: Page, report: Path) -> None:
    browser.open(report, fragment="#quality")
    browser.run("new Promise((later) => setTimeout(later, 500))")
    assert browser.run("location.hash") == "#quality"


def test_an_address_of_nonsense_opens_the_page_as_it_is(browser: Page, report: Path) -> None:
    browser.open(report, fragment="#plot?view=%3Cimg%3E&z=1e9&range=5|1&sets=no|__proto__&wave=&smooth=-4")
    assert browser.run("[soxsReport.spectrum.state.view, soxsReport.spectrum.state.z, soxsReport.spectrum.state.wave]") == ["flux", 0, "nm"]
    assert browser.problems == []


def test_csv_has_what_is_in_view(browser: Page, report: Path) -> None:
    browser.open(report)
    _zoom(browser, 1700, 1701)
    _choose(browser, "smooth", "1")
    rows = [line.split(",") for line in browser.run("shownAsCsv(soxsReport.spectrum)").splitlines() if line[:1].isdigit()]
    assert all(1700 <= float(row[0]) <= 1701 for row in rows)
    at = browser.run("soxsReport.spectrum.current.view.x.findIndex((v) => v >= 1700)")
    assert float(rows[0][1]) == pytest.approx(browser.run(f"soxsReport.spectrum.current.value[{at}]"), rel=1e-8)


@pytest.mark.parametrize(("flux", "log"), [("flambda", "true"), ("fnu", "true"), ("ab", "false")])
def test_axes_of_magnitudes_and_logarithms_hold_all_light(browser: Page, report: Path, flux: str, log: str) -> None:
    browser.open(report)
    browser.run(f"soxsReport.spectrum.change({{ flux: '{flux}', log: {log} }}); {DRAWN}")
    beyond = """(() => {
      const s = soxsReport.spectrum, { view, value, error } = s.current, { min, max } = s.plot.scales.y;
      const firm = (i) => !(view.quality[i] & s.data.unfair) && (s.magnitudes ? error[i] < 0.36 : value[i] > 3 * error[i]);
      const errors = Array.from(error).filter(Number.isFinite).sort((a, b) => a - b), usual = 4 * percentile(errors, 0.5);
      return [...value.keys()].filter((i) => Number.isFinite(value[i]) && firm(i) && error[i] <= usual && (value[i] < min || value[i] > max)).length;
    })()"""
    assert browser.run(beyond) == 0


def test_tables_stand_apart_on_paper(browser: Page, content: Callable[..., ReportContent], tmp_path: Path) -> None:
    base = content()
    kinds = ("SLIT SHIFT", "SAMPLES GAP MAX", "WAVE SHIFT", "WAVE ERR", "WAVE SOURCE", "NO DATA FRAC")
    more = [Metric(name=f"{kind} O{order}", value=0.0012345, unit="px", order=order) for kind in kinds for order in ("11", "12")]
    path = tmp_path / "wide.html"
    path.write_text(build_report(replace(base, reduction=replace(base.reduction, metrics=(*base.metrics, *more)))), encoding="utf-8")
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        browser.open(path, width=700)  # A4 between its margins
        assert browser.run("document.documentElement.scrollWidth") <= 700
        boxes = "[...document.querySelectorAll('.pair table')].map((t) => { const b = t.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
        first, second = browser.run(boxes)[:2]
        assert first[2] <= second[0] or first[3] <= second[1]
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_dark_screens_get_a_dark_page_and_paper_a_light_one(browser: Page, report: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    browser.open(report)
    assert browser.run(background) == "rgb(255, 255, 255)"
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        assert browser.run(background) == "rgb(20, 23, 26)"
        browser.run("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        assert browser.run("soxsReport.spectrum.options().axes[0].stroke") == "#e4e7ea"
        browser.run("window.dispatchEvent(new Event('beforeprint'))")
        assert browser.run("soxsReport.spectrum.options().axes[0].stroke") == "#16191d"
        browser.run("window.dispatchEvent(new Event('afterprint'))")
        assert browser.problems == []
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])
