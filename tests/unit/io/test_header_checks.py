"""Cards that are there but cannot be used are named, with what follows."""

from __future__ import annotations

from soxspipe.instruments.registry import find_instrument
from soxspipe.io.fits_header import Header
from soxspipe.io.header_checks import header_doubts

SOXS = find_instrument("SOXS")
GOOD = {
    "EXPTIME": 100.0, "ESO DET OUT1 CONAD": 1.25, "ESO DET OUT1 GAIN": 0.8, "ESO DET OUT1 RON": 3.8,
    "ESO TEL AIRM START": 1.2, "ESO TEL AIRM END": 1.3, "ESO TEL ALT": 55.0,
}  # fmt: skip


def doubts(arm: str = "VIS", **changed: object) -> list[str]:
    cards = GOOD | {name.replace("__", " "): value for name, value in changed.items()}
    header = Header(tuple((name, value, "") for name, value in cards.items() if value is not None))  # type: ignore[misc]
    return list(header_doubts(header, SOXS, SOXS.arms[arm], "a.fits"))


def test_a_sound_header_is_not_spoken_of() -> None:
    assert doubts() == []
    assert doubts("NIR", ESO__DET__OUT1__CONAD=None, ESO__DET__OUT1__GAIN=None, ESO__DET__OUT1__RON=None) == []


def test_gain_that_is_no_number() -> None:
    assert doubts(ESO__DET__OUT1__CONAD="high") == [
        "a.fits: ESO DET OUT1 CONAD is 'high', which is no number; the gain 1.25 e-/ADU is used"
    ]


def test_gain_and_read_noise_that_are_missing_are_said_with_the_values_taken() -> None:
    found = doubts(ESO__DET__OUT1__CONAD=None, ESO__DET__OUT1__GAIN=None, ESO__DET__OUT1__RON=None)
    assert found == [
        "a.fits: no gain in the header (ESO DET OUT1 CONAD or ESO DET OUT1 GAIN); the gain 1 e-/ADU of the detector file is used",
        "a.fits: no read noise in the header (ESO DET OUT1 RON or ESO DET CHIP RON); the read noise 3.8 e- of the detector file is used",
    ]


def test_an_impossible_air_mass_is_replaced_by_that_of_the_altitude() -> None:
    (found,) = doubts(ESO__TEL__AIRM__START=-1.0, ESO__TEL__AIRM__END=-1.0)
    assert found.startswith(
        "a.fits: ESO TEL AIRM START is -1.0 and ESO TEL AIRM END is -1.0, an air mass of 1 or more is needed; 1.220 is taken"
    )


def test_without_air_mass_and_altitude_it_is_said_that_it_stays_unknown() -> None:
    (found,) = doubts(ESO__TEL__AIRM__START=None, ESO__TEL__AIRM__END=None, ESO__TEL__ALT=None)
    assert "no air mass in the header" in found
    assert "stays unknown" in found
