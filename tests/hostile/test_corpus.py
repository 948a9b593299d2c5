"""Every case of the corpus ends with one line that says which file and what is wrong, and leaves nothing behind."""

from __future__ import annotations

import re

import pytest

from hostile.case import Case, Outcome, peak_memory_mb, run_case
from hostile.corpus import CASES

LONGEST_S = 30.0
MOST_MEMORY_MB = 2000.0


def parameters() -> list[object]:
    return [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in CASES]


def test_names_are_unique_and_the_corpus_is_large():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert len(names) >= 300


@pytest.mark.parametrize("case", parameters())
def test_case(case: Case, small_kit, small, tmp_path, capsys):
    kit = small_kit(**case.scene).copy(tmp_path / "set")
    outcome = run_case(case, kit, tmp_path, capsys)
    assert outcome.status in case.status, outcome.err
    assert outcome.seconds < LONGEST_S
    assert peak_memory_mb() < MOST_MEMORY_MB
    if outcome.status == 0:
        check_products(case, outcome)
    else:
        check_refusal(case, outcome)


def check_refusal(case: Case, outcome: Outcome) -> None:
    assert not outcome.products
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    last = outcome.err.rstrip("\n").splitlines()[-1]
    assert last == outcome.message, outcome.err
    assert last.isprintable()
    assert len(last) < 1200
    assert not last.startswith("soxspipe: unexpected")
    assert case.names in last, last
    assert re.search(case.says, last), last


def check_products(case: Case, outcome: Outcome) -> None:
    assert "Traceback" not in outcome.err
    assert all(re.fullmatch(r"[A-Za-z0-9._+\-]+", part) for path in outcome.products for part in path.parts[-4:]), outcome.products
    assert any(path.name.endswith("_EXTRACTED_MERGED.fits") for path in outcome.products)
    assert re.search(case.says, outcome.err + outcome.out), outcome.err
