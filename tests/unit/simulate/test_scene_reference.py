"""The reference of a scene's fields."""

from __future__ import annotations

from pathlib import Path

from soxspipe.simulate.scene_reference import reference_rows


def test_the_documentation_lists_every_key_as_it_is():
    page = (Path(__file__).parents[3] / "docs" / "simulating.md").read_text(encoding="utf-8")
    table = page.split("<!-- scene keys: start -->")[1].split("<!-- scene keys: end -->")[0]
    assert [line for line in table.splitlines() if line.startswith("| `")] == [
        f"| `{key}` | {default} | {allowed} | {meaning} |" for key, default, allowed, meaning in reference_rows()
    ]
