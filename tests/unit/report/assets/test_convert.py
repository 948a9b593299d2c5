"""Wavelengths, redshifts and flux units of the page, against values worked by hand."""

from __future__ import annotations

import pytest

from support.browser import Page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_functions")]


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
