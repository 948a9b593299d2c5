"""The corpus of spoiled sets, given to the calibration recipes: one line that says what is wrong, or products; nothing half done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostile.case import Case, Outcome, peak_memory_mb, run_case
from hostile.corpus import CASES
from hostile.test_corpus import LONGEST_S, MOST_MEMORY_MB, check_refusal
from support.calibration_kits import RAW, make_kit
from support.small import Kit, small_detectors

EVERY = 101
"""One case in so many is quick; a prime, so that all kinds of cases come up."""

Kits = Callable[[str], Kit]


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> Kits:
    made: dict[str, Kit] = {}

    def kit(verb: str) -> Kit:
        if verb not in made:
            made[verb] = make_kit(verb, tmp_path_factory.mktemp(verb))
        return made[verb]

    return kit


def cases(*, slow: bool) -> Iterator[object]:
    """Every case with every recipe; most of them slow, and left out where nobody asks for them."""
    for n, verb in enumerate(RAW):
        for k, case in enumerate(CASES):
            quick = (k + 7 * n) % EVERY == 0 and not case.slow
            if quick or slow:
                yield pytest.param(verb, case, id=f"{verb}-{case.name}", marks=[] if quick else [pytest.mark.slow])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "verb" in metafunc.fixturenames:
        slow = metafunc.config.getoption("-m") != "not slow"  # to collect the 6700 slow ones takes each worker 3.5 s
        metafunc.parametrize(("verb", "case"), list(cases(slow=slow)))


def test_case(verb: str, case: Case, kits: Kits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit = kits(verb).copy(tmp_path / "set")
    try:
        with small_detectors():
            outcome = run_case(case, kit, tmp_path, capsys, verb)
    except KeyError as absent:
        if absent.args and re.fullmatch(r"raw\d+|[a-z_]+", str(absent.args[0])) and absent.args[0] not in kit.files:
            pytest.skip(f"the set has no {absent.args[0]}")
        raise
    assert outcome.status in (0, 1, 2, 3), outcome.err
    assert outcome.seconds < LONGEST_S
    assert peak_memory_mb() < MOST_MEMORY_MB
    if outcome.status in (1, 2):
        check_refusal(replace(case, says="", names=""), outcome)
    else:
        check_products(outcome)


def check_products(outcome: Outcome) -> None:
    assert "Traceback" not in outcome.err
    assert any(path.suffix == ".fits" for path in outcome.products)
