"""Every promise of the page on reliability names tests that are there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`((?:[\w/]+/)?test_\w+\.py)(?:::(\w+))?`")


def promises() -> list[list[str]]:
    """Rows of the table of promises: when, what happens, held by."""
    table = PAGE.split("## Promises")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0][:60])
def test_every_promise_names_what_holds_it(row):
    assert len(row) == 3
    assert NAMED.search(row[2]), row[0]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_is_named_is_there(file, name):
    text = (TESTS / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"^def {name}\w*\(", text, re.MULTILINE), f"{file} has no {name}"
