"""The rules as a table."""

from __future__ import annotations

from dataclasses import replace

from soxspipe.night.rules import SETS


def test_the_rules_are_a_table_of_distinct_kinds() -> None:
    assert len({rule.kind for rule in SETS}) == len(SETS)
    assert replace(SETS[0]) == SETS[0]
