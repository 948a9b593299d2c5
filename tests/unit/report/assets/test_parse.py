"""Text that the page reads and writes: spectra, tables, and the state in its address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.browser import Page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_functions")]


def _parsed(browser: Page, text: str) -> dict[str, Any]:
    """What the page makes of a text, arrays as lists."""
    found = browser.run(
        f"(() => {{ const p = parseSpectrum({json.dumps(text)}); return {{ ...p, x: p.x && [...p.x], value: p.value && [...p.value], "
        "error: p.error && [...p.error] }; })()"
    )
    return dict(found)


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
