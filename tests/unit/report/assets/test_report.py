"""The page in a headless Chromium: no errors, the spectrum drawn, controls that do what they say."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from soxspipe.report.science import ReportContent, build_report
from support.browser import Page

Make = Callable[..., ReportContent]
LONG_NAME = "20250302T020000_VIS_1X1_3_STARE_STD_FLUX_60PT0S_SOXS_LTT7987_RESP.fits was made through another slit"
STOLEN = "<img src=x onerror=window.stolen=1><script>window.stolen=1</script>"


@pytest.fixture(scope="module")
def report(content: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = content(standard=True)
    hostile = replace(base.reduction.observation, target="LTT 7987 " + STOLEN)
    path = tmp_path_factory.mktemp("report") / "report.html"
    spoilt = replace(base, reduction=replace(base.reduction, observation=hostile), warnings=(LONG_NAME,))
    path.write_text(build_report(spoilt), encoding="utf-8")
    return path


def _lines(browser: Page, label: str) -> list[float]:
    """Observed wavelengths of the lines of that name, as drawn."""
    return [float(nm) for nm in browser.run(f"soxsReport.spectrum.drawnLines.filter((l) => l.label === {label!r}).map((l) => l.nm)")]


def _settle(browser: Page) -> None:
    browser.run("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def _ink(browser: Page, selector: str) -> float:
    """Share of dark pixels in a canvas."""
    return float(
        browser.run(
            f"(() => {{ const c = document.querySelector('{selector} canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 128 && d[i] + d[i + 1] + d[i + 2] < 200) n++;"
            " return n / (c.width * c.height); })()"
        )
    )


def _view(browser: Page) -> tuple[float, float]:
    low, high = browser.run("(() => { const x = soxsReport.spectrum.plot.scales.x; return [x.min, x.max]; })()")
    return float(low), float(high)


def test_opens_without_errors_or_requests_and_runs_nothing_from_headers(browser: Page, report: Path) -> None:
    browser.open(report)  # until it has been drawn
    assert browser.run("document.querySelector('#plot canvas').width") > 100
    assert browser.problems == []
    assert browser.run("window.stolen") is None
    assert browser.run("document.querySelector('h1').textContent") == "LTT 7987 " + STOLEN


def test_spectrum_and_every_small_plot_are_drawn(browser: Page, report: Path) -> None:
    browser.open(report)
    assert _ink(browser, "#plot") > 0.002
    names = browser.run("[...document.querySelectorAll('[data-chart]')].map((box) => box.dataset.chart)")
    assert len(names) == 7
    for name in names:
        blue_or_dark = browser.run(f"document.querySelector('[data-chart={name}] canvas').width")
        assert blue_or_dark > 100
    assert browser.run("soxsReport.charts.every(({ plot }) => plot.data[0].length > 10)")


def test_redshift_box_moves_the_lines(browser: Page, report: Path) -> None:
    browser.open(report)
    (at_rest,) = _lines(browser, "Br10")
    assert at_rest == pytest.approx(1736.21, abs=0.01)
    browser.type_into("#redshift", "0.05")
    _settle(browser)
    (shifted,) = _lines(browser, "Br10")
    assert shifted == pytest.approx(1736.21 * 1.05, abs=0.02)
    browser.type_into("#redshift", "0")
    browser.type_into("#velocity", "-3000")
    _settle(browser)
    (approaching,) = _lines(browser, "Br10")
    assert approaching == pytest.approx(1736.21 * (1 - 3000 / 299792.458), abs=0.02)
    browser.type_into("#redshift", "nonsense")
    _settle(browser)
    assert browser.problems == []


def test_line_sets_can_be_chosen(browser: Page, report: Path) -> None:
    browser.open(report)
    assert _lines(browser, "[Fe II]") == []
    browser.run("document.querySelector('[data-set=Supernova]').click()")
    _settle(browser)
    assert _lines(browser, "[Fe II]") == pytest.approx([1643.55], abs=0.01)


def test_drag_zooms_shift_drag_pans_and_keys_go_back(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelector('#plot').scrollIntoView({ block: 'center' })")
    left, top, width, height = browser.run(
        "(() => { const r = soxsReport.spectrum.plot.over.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()"
    )
    full = _view(browser)
    span = full[1] - full[0]
    y = top + height / 2
    browser.drag((left + 0.25 * width, y), (left + 0.5 * width, y))
    _settle(browser)
    zoomed = _view(browser)
    np.testing.assert_allclose(zoomed, [full[0] + 0.25 * span, full[0] + 0.5 * span], atol=0.01 * span)
    browser.drag((left + 0.5 * width, y), (left + 0.25 * width, y), shift=True)
    _settle(browser)
    panned = _view(browser)
    np.testing.assert_allclose(panned, np.array(zoomed) + 0.25 * (zoomed[1] - zoomed[0]), atol=0.01 * span)
    browser.run("document.querySelector('#plot').dispatchEvent(new KeyboardEvent('keydown', { key: '0' }))")
    np.testing.assert_allclose(_view(browser), full)


def test_zooming_in_ends_the_averaging(browser: Page, report: Path) -> None:
    browser.open(report, width=500)
    assert browser.run("soxsReport.spectrum.current.n") > 1
    browser.run("soxsReport.spectrum.zoomTo(1700, 1710)")
    _settle(browser)
    _settle(browser)
    assert browser.run("soxsReport.spectrum.current.n") == 1


@pytest.mark.parametrize("view", ["counts", "snr", "sky", "flux"])
def test_views_show_their_own_numbers(browser: Page, report: Path, content: Make, view: str) -> None:
    reduction = content(standard=True).reduction
    assert reduction.fluxed is not None
    expected = {"counts": reduction.merged.flux, "snr": reduction.merged.snr, "sky": reduction.merged.sky, "flux": reduction.fluxed.flux}[
        view
    ]
    browser.open(report)
    browser.run(f"document.querySelector('input[name=view][value={view}]').click()")
    browser.run("(() => { const s = document.querySelector('#smooth'); s.value = '1'; s.dispatchEvent(new Event('change')); })()")
    _settle(browser)
    shown = np.array(browser.run("[...Array(50).keys()].map((i) => soxsReport.spectrum.plot.data[3][100 * i])"), dtype=float)
    ratio = shown / expected[:5000:100]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    assert np.log10(ratio[0]) == pytest.approx(round(np.log10(ratio[0])), abs=1e-5)
    assert browser.problems == []


def test_logarithmic_scale_and_hidden_flags_work(browser: Page, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelector('#log').click()")
    _settle(browser)
    assert browser.run("soxsReport.spectrum.plot.scales.y.min") > 0
    browser.run("document.querySelector('#hide').click()")
    _settle(browser)
    assert browser.run("soxsReport.spectrum.plot.data[3].some((v) => v === null)")
    assert browser.problems == []


@pytest.mark.parametrize(("low", "high"), [(2.53, 11.7), (0.8, 3.2), (1.0, 1.3), (0.01, 5e4)])
def test_logarithmic_axes_have_round_ticks(browser: Page, report: Path, low: float, high: float) -> None:
    browser.open(report)
    ticks = browser.run(f"logTicks(null, 1, {low}, {high})")
    assert 3 <= len(ticks) <= 12
    assert all(low <= tick <= high and len(f"{tick / 10 ** np.floor(np.log10(tick)):.4g}") <= 4 for tick in ticks)


def test_tables_stand_in_one_column_on_a_phone(browser: Page, report: Path) -> None:
    wide = "[...document.querySelectorAll('.scroll')].filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.ariaLabel)"
    browser.open(report, width=390, mobile=True)
    assert browser.run(wide) == []
    before = "getComputedStyle(document.querySelector('.metrics td'), '::before').content"
    assert browser.run(before) in ('"value: "', '"value" ": "')
    browser.open(report, width=1366)
    assert browser.run(wide) == []
    assert browser.run(before) == "none"


def test_averaged_error_counts_the_correlation_of_neighbours(browser: Page, report: Path, content: Make) -> None:
    merged = content(standard=True).reduction.merged
    browser.open(report)
    browser.run("document.querySelector('input[name=view][value=counts]').click()")
    browser.run("(() => { const s = document.querySelector('#smooth'); s.value = '3'; s.dispatchEvent(new Event('change')); })()")
    expected = np.sqrt((1 + 2 * (2 / 3 * 0.4 + 1 / 3 * 0.1)) / (1 / merged.variance[199:202]).sum())
    assert browser.run("soxsReport.spectrum.current.error[200]") == pytest.approx(expected, rel=1e-4)


def test_pictures_change_and_the_trace_can_go(browser: Page, report: Path) -> None:
    browser.open(report)
    shown = "[...document.querySelectorAll('img')].filter((i) => !i.hidden).map((i) => i.dataset.sheet)"
    assert browser.run(shown) == ["before"]
    browser.run("document.querySelector('input[value=after]').click()")
    assert browser.run(shown) == ["after"]
    assert browser.run("[...document.querySelectorAll('img')].every((i) => i.naturalWidth > 100)")
    browser.run("document.querySelector('#trace').click()")
    assert browser.run("getComputedStyle(document.querySelector('.trace')).display") == "none"


@pytest.mark.parametrize(("width", "mobile"), [(1366, False), (390, True)])
def test_nothing_runs_over_the_edge(browser: Page, report: Path, width: int, mobile: bool) -> None:
    browser.open(report, width=width, mobile=mobile)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelector('#plot canvas').getBoundingClientRect().right") <= width
    picture = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("L"))
    assert picture.shape[1] == width * (2 if mobile else 1)
    assert np.mean(picture > 240) > 0.5, "dark text on white"


def test_plots_follow_the_window(browser: Page, report: Path) -> None:
    browser.open(report, width=1366)
    wide = browser.run("soxsReport.spectrum.plot.width")
    browser.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    _settle(browser)
    _settle(browser)
    assert browser.run("soxsReport.spectrum.plot.width") < wide


def test_a_reduction_without_much_to_show_has_no_errors_either(browser: Page, content: Make, tmp_path: Path) -> None:
    base = content(forced=True)
    nothing = np.zeros_like(base.reduction.merged.flux)
    reduction = replace(
        base.reduction, fluxed=None, response=None, merged=replace(base.reduction.merged, flux=nothing, variance=nothing), metrics=(),
        telluric_bands=None, sky_lines=None,
    )  # fmt: skip
    path = tmp_path / "poor.html"
    path.write_text(build_report(replace(base, reduction=reduction)), encoding="utf-8")
    browser.open(path)
    for view in ("snr", "sky", "counts"):
        browser.run(f"document.querySelector('input[name=view][value={view}]').click()")
    browser.run("document.querySelector('#log').click()")
    _settle(browser)
    assert browser.problems == []
