"""The page's pure functions in a headless Chromium, against values worked by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from soxspipe.report.assets import asset
from support.browser import Page

pytestmark = pytest.mark.slow
SCRIPTS = ("convert.js", "smooth.js", "measure.js", "parse.js")
LINE = (
    "const x = Array.from({ length: 61 }, (_, i) => 655 + i / 20), dip = (v) => 2 * (1 - 0.5 * Math.exp(-0.5 * ((v - 656.4) / 0.3) ** 2));"
)
"""Samples of 0.05 nm; a Gaussian of half the continuum's depth and 0.3 nm sigma at 656.4 nm."""


@pytest.fixture(scope="module", autouse=True)
def _functions(browser: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Open a page that holds the functions alone."""
    path = tmp_path_factory.mktemp("functions") / "functions.html"
    path.write_text("<meta charset=utf-8>" + "".join(f"<script>{asset('assets', name)}</script>" for name in SCRIPTS), encoding="utf-8")
    browser.open(path)
    assert browser.problems == []


def _parsed(browser: Page, text: str) -> dict[str, Any]:
    """What the page makes of a text, arrays as lists."""
    found = browser.run(
        f"(() => {{ const p = parseSpectrum({json.dumps(text)}); return {{ ...p, x: p.x && [...p.x], value: p.value && [...p.value], "
        "error: p.error && [...p.error] }; })()"
    )
    return dict(found)


def test_air_and_vacuum_after_ciddor(browser: Page) -> None:
    assert browser.run("toAir(656.461)") == pytest.approx(656.279, abs=0.001), "Hα"
    assert browser.run("toAir(2166.12)") == pytest.approx(2165.53, abs=0.005), "Brγ"
    assert browser.run("toVacuum(toAir(1281.8))") == pytest.approx(1281.8, rel=1e-9)
    assert browser.run("atRedshift(atRest(900, 0.3), 0.3)") == pytest.approx(900, rel=1e-9)
    assert browser.run("atRest(toAir(1312.922), 1)") == pytest.approx(656.279, abs=0.001), "shifted in vacuum, compared in air"


def test_flux_per_frequency_and_magnitude(browser: Page) -> None:
    # 1e-16 × (5000 Å)² / 2.998e18 Å/s = 8.339e-28 erg/s/cm²/Hz = 0.08339 mJy; −2.5 log10(0.08339e-3 / 3631) = 19.097
    value, error = browser.run("inFluxUnit('fnu', 1e-16, 1e-17, toAir(500))")
    assert (value, error) == (pytest.approx(0.083391, rel=1e-4), pytest.approx(0.0083391, rel=1e-4))
    magnitude, error = browser.run("inFluxUnit('ab', 1e-16, 1e-17, toAir(500))")
    assert (magnitude, error) == (pytest.approx(19.0972, abs=1e-3), pytest.approx(0.10857, abs=1e-4))
    assert browser.run("Number.isNaN(inFluxUnit('ab', -1e-16, 1e-17, 500)[0])")


@pytest.mark.parametrize(
    ("z", "velocity", "words"),
    [
        ("0.1", "0", ""),
        ("NaN", "0", "not a number"),
        ("13", "0", "between −0.1 and 12"),
        ("-0.2", "0", "between"),
        ("0", "2e5", "velocity"),
    ],
)
def test_redshifts_that_cannot_be_are_said(browser: Page, z: str, velocity: str, words: str) -> None:
    fault = browser.run(f"redshiftFault({z}, {velocity})")
    assert words in fault
    assert bool(fault) is bool(words)


def test_average_weighs_by_inverse_variance(browser: Page) -> None:
    # Weights 1, 1/4, 1: (1 + 0.5 + 4) / 2.25 ± 1 / sqrt(2.25)
    value, error = browser.run("(() => { const s = smooth([1, 2, 4], [1, 2, 1], 3, [], () => true); return [s.value[1], s.error[1]]; })()")
    assert (value, error) == (pytest.approx(5.5 / 2.25), pytest.approx(2 / 3))
    # Neighbours correlated by 0.4 and 0.1 enlarge the variance by 1 + 2 (2/3 × 0.4 + 1/3 × 0.1) = 1.6
    assert browser.run("smooth([1, 2, 4], [1, 2, 1], 3, [0.4, 0.1], () => true).error[1]") == pytest.approx(2 / 3 * math.sqrt(1.6))
    assert browser.run("smooth([1, 2, 4], null, 3, [], () => true).value[1]") == pytest.approx(7 / 3)
    # A sample that does not count has no value and no say.
    assert browser.run("smooth([1, NaN, 4], [1, 1, 1], 3, [], (i) => i !== 1).value[0]") == 1
    assert browser.run("Number.isNaN(smooth([1, NaN, 4], [1, 1, 1], 3, [], (i) => i !== 1).value[1])")


def test_line_has_its_width_and_place(browser: Page) -> None:
    found = browser.run(f"(() => {{ {LINE} return measureLine(x, x.map(dip), x.map(() => 0.02), 1); }})()")
    assert found["width"]["width"] == pytest.approx(0.5 * 0.3 * math.sqrt(2 * math.pi), rel=2e-3)
    assert found["profile"]["centre"] == pytest.approx(656.4, abs=1e-4)
    assert found["profile"]["fwhm"] == pytest.approx(2.35482 * 0.3, rel=1e-3)
    # 3000 km/s of 656.279 nm is 6.5673 nm
    velocity = browser.run("lineVelocity(656.279 - 6.5673, 0.02, 656.279)")
    assert (velocity["velocity"], velocity["error"]) == (pytest.approx(-3000, abs=0.1), pytest.approx(9.136, abs=0.01))


def test_equivalent_width_of_a_box_by_hand(browser: Page) -> None:
    # Half the light is missing in 4 samples of 0.1 nm: 0.2 nm.
    width = browser.run(
        "(() => { const x = Array.from({ length: 41 }, (_, i) => 500 + i / 10), y = x.map((v, i) => (i >= 18 && i < 22 ? 0.5 : 1));"
        " return measureLine(x, y, x.map(() => 0.01), 1).width.width; })()"
    )
    assert width == pytest.approx(0.2, abs=1e-9)


def test_errors_of_a_measured_line_are_its_scatter(browser: Page) -> None:
    pulls = browser.run(
        f"""(() => {{ {LINE}
        let seed = 12345;
        const uniform = () => {{  // mulberry32
          seed = (seed + 0x6D2B79F5) | 0;
          let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
          t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
          return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
        }};
        const noise = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
        const error = x.map(() => 0.05), pulls = [[], [], []];
        for (let k = 0; k < 400; k++) {{
          const found = measureLine(x, x.map((v, i) => dip(v) + error[i] * noise()), error, 1), p = found.profile;
          pulls[0].push((found.width.width - 0.375994) / found.width.error);
          pulls[1].push((p.centre - 656.4) / p.centreError);
          pulls[2].push((p.fwhm - 0.706446) / p.fwhmError);
        }}
        return pulls.map((v) => {{ const m = v.reduce((a, b) => a + b) / v.length; return [m, Math.sqrt(v.reduce((a, b) => a + (b - m) ** 2, 0) / v.length)]; }}); }})()"""
    )
    for mean, spread in pulls:
        assert abs(mean) < 0.2
        assert 0.88 < spread < 1.12, "400 draws know it to 3.5 per cent"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("measureLine([1, 2], [1, 1], [1, 1], 1)", "Too few samples"),
        ("measureLine([1,2,3,4,5,6,7,8,9], new Array(9).fill(-1), new Array(9).fill(1), 1)", "not above zero"),
    ],
)
def test_what_cannot_be_measured_is_said(browser: Page, script: str, words: str) -> None:
    assert words in browser.run(f"{script}.fault")


def test_noise_is_no_line(browser: Page) -> None:
    assert browser.run("measureLine([1,2,3,4,5,6,7,8,9], [9,11,10,9,11,10,9,11,10], new Array(9).fill(1), 1).profile") is None


@pytest.mark.parametrize(
    ("text", "x", "value", "unit"),
    [
        ("# SN: wavelength in air (Angstrom), erg s-1\n# WAVE FLUX ERR QUAL\n8000.00 1e-16 1e-18 0\n8000.60 2e-16 1e-18 4\n", [800, 800.06], [1e-16, 2e-16], "A"),
        ("wave,flux\r\n800.5,3\r\n801.5,4\r\n", [800.5, 801.5], [3, 4], "nm"),
        ("1.25\t7\n1.20\t8\n", [1200, 1250], [8, 7], "um"),
        ("500;1;0.1\n501;2;0.1\nbroken line\n501;9;0.1\n", [500, 501], [1, 2], "nm"),
    ],
)  # fmt: skip
def test_spectra_are_read_from_text(browser: Page, text: str, x: list[float], value: list[float], unit: str) -> None:
    found = _parsed(browser, text)
    assert (found["x"], found["value"], found["unit"]) == (pytest.approx(x), pytest.approx(value), unit)
    assert (found["error"] is not None) is (text.count("0.1\n") + text.count("1e-18") > 1)
    assert found["skipped"] == (2 if "broken" in text else 0)


@pytest.mark.parametrize(
    "text", ["", "SIMPLE  =                    T\0\0", "<html><body>no</body></html>", "500\n501\n", "nan nan\n1 x\n", "1 2\n"]
)
def test_what_is_no_spectrum_is_said(browser: Page, text: str) -> None:
    found = _parsed(browser, text)
    assert found["fault"].endswith((".", "there is one."))


def test_scale_that_matches_two_spectra(browser: Page) -> None:
    ours = "{ x: [1, 2, 3, 4], value: [2, 4, NaN, 8] }"
    assert browser.run(f"matchingScale({ours}, {{ x: [2, 4, 9], value: [1, 2, 5] }})") == 4
    assert browser.run(f"Number.isNaN(matchingScale({ours}, {{ x: [8, 9], value: [1, 2] }}))")


def test_csv_leaves_cells_without_values_empty(browser: Page) -> None:
    text = browser.run("csv(['a\\nb'], ['wave', 'value'], [[500.25, 1.5e-16], [500.5, NaN]])")
    assert text == "# a b\nwave,value\n500.25,1.5e-16\n500.5,\n"


def test_state_in_the_address_comes_back_and_nonsense_does_not(browser: Page) -> None:
    rules = "{ z: (t) => (Number(t) >= 0 ? Number(t) : undefined), sets: (t) => t.split('|') }"
    assert browser.run(f"readAddress(writeAddress({{ z: 0.05, sets: ['Night sky', 'Galaxy'] }}), {rules})") == {
        "z": 0.05, "sets": ["Night sky", "Galaxy"],
    }  # fmt: skip
    assert browser.run(f"readAddress('#plot?z=-3&other=1', {rules})") == {}
    assert browser.run(f"readAddress('#quality', {rules})") == {}
