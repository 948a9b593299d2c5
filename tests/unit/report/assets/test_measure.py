"""Lines measured in the page, against values worked by hand and their scatter."""

from __future__ import annotations

import math

import pytest

from support.browser import Page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_functions")]
LINE = (
    "const x = Array.from({ length: 61 }, (_, i) => 655 + i / 20), dip = (v) => 2 * (1 - 0.5 * Math.exp(-0.5 * ((v - 656.4) / 0.3) ** 2));"
)
"""Samples of 0.05 nm; a Gaussian of half the continuum's depth and 0.3 nm sigma at 656.4 nm."""


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
