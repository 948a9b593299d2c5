"""Lines that the page can mark."""

from __future__ import annotations

import pytest

from soxspipe.numerics.air import air_to_vacuum, vacuum_to_air
from soxspipe.report.science.lines import LINES


def test_lines_stand_in_vacuum_and_come_back_to_air() -> None:
    vacuum = dict(LINES["Hydrogen"])["Hα"]
    assert vacuum == pytest.approx(656.460, abs=0.002)
    assert vacuum_to_air(vacuum) == pytest.approx(656.279, abs=1e-6)
    assert vacuum_to_air(air_to_vacuum(1083.03)) == pytest.approx(1083.03, abs=1e-7)


@pytest.mark.parametrize(
    ("series", "lower"), [(("Hα", "Hβ", "Hγ", "Hδ"), 2), (("Paα", "Paβ", "Paγ", "Paδ", "Paε"), 3), (("Br10", "Br11", "Br12"), 4)]
)
def test_hydrogen_follows_rydbergs_formula(series: tuple[str, ...], lower: int) -> None:
    listed = dict(LINES["Hydrogen"])
    for at, name in enumerate(series):
        upper = 10 + at if name.startswith("Br") else lower + 1 + at
        expected = 1e7 / (109677.5834 * (1 / lower**2 - 1 / upper**2))
        assert listed[name] == pytest.approx(expected, rel=2e-5), name
