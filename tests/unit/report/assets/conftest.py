"""The page's scripts in a headless Chromium."""

from __future__ import annotations

import pytest

from soxspipe.report.assets import asset
from support.browser import Page

PURE = ("convert.js", "smooth.js", "measure.js", "parse.js")
"""Scripts of functions alone, which touch no page."""


@pytest.fixture(scope="module")
def page_functions(browser: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Open a page that holds the functions alone."""
    path = tmp_path_factory.mktemp("functions") / "functions.html"
    path.write_text("<meta charset=utf-8>" + "".join(f"<script>{asset('assets', name)}</script>" for name in PURE), encoding="utf-8")
    browser.open(path)
    assert browser.problems == []
