"""Exposures of one set are of one target, by name and by place."""

from __future__ import annotations

import pytest

from soxspipe.datamodel.observation import Observation
from soxspipe.errors import InputError
from soxspipe.reductions.stare.one_target import other_names, require_one_target


def seen(target: str, ra: float | None = 150.0, dec: float | None = -30.0) -> Observation:
    return Observation(arm="VIS", kind="OBJECT", target=target, exptime_s=1.0, ra_deg=ra, dec_deg=dec)


def test_names_that_differ_in_writing_and_places_within_the_slit() -> None:
    assert require_one_target(["a", "b"], [seen("SN 2023-abc"), seen("sn2023ABC", dec=-30.0 + 6 / 3600)]) == ()
    assert require_one_target(["a", "b"], [seen("SN1"), seen("", ra=None)]) == ()


def test_two_names_are_refused() -> None:
    with pytest.raises(InputError, match="the exposures are of 2 targets, 'SN1' in a, 'SN2' in b"):
        require_one_target(["a", "b"], [seen("SN1"), seen("SN2")])


def test_two_places_are_refused() -> None:
    with pytest.raises(InputError, match="c: RA and DEC are 30 arcmin from those of a"):
        require_one_target(["a", "b", "c"], [seen("SN1"), seen("SN1"), seen("SN1", dec=-30.5)])


def test_places_a_little_apart_are_said() -> None:
    assert require_one_target(["a", "b"], [seen("SN1"), seen("SN1", dec=-30.0 + 20 / 3600)]) == (
        "b: RA and DEC are 20 arcsec from those of a; are these exposures of one object?",
    )


def test_a_second_name_that_differs_is_said() -> None:
    (said,) = other_names(["a", "b", "c"], ["SN 1", "", "SN2"], "ESO OBS TARG NAME")
    assert said == "c: ESO OBS TARG NAME is 'SN2', 'SN 1' in a; are these exposures of one object?"
    assert other_names(["a", "b"], ["SN 1", "sn-1"], "ESO OBS TARG NAME") == ()
