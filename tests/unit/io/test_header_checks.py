"""Cards that are there but cannot be used are named, with what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soxspipe.datamodel.detector import Detector
from soxspipe.instruments.registry import find_instrument
from soxspipe.io.fits_header import Header
from soxspipe.io.header_checks import unusable_cards

SOXS = find_instrument("SOXS")
GOOD = {
    "EXPTIME": 100.0, "MJD-OBS": 60000.5, "DATE-OBS": "2023-02-25T12:00:00", "ESO DET OUT1 CONAD": 1.25, "ESO DET OUT1 GAIN": 0.8, "ESO DET OUT1 RON": 3.8,
    "ESO TEL AIRM START": 1.2, "ESO TEL AIRM END": 1.3, "ESO TEL ALT": 55.0,
}  # fmt: skip


def doubts(arm: str = "VIS", used: Detector | None = None, **changed: object) -> list[str]:
    cards = GOOD | {name.replace("__", " ").replace("_OBS", "-OBS"): value for name, value in changed.items()}
    header = Header(tuple((name, value, "") for name, value in cards.items() if value is not None))  # type: ignore[misc]
    return list(unusable_cards(header, SOXS, SOXS.arms[arm], "a.fits", used))


def test_a_sound_header_is_not_spoken_of() -> None:
    assert doubts() == []
    assert doubts("NIR", ESO__DET__OUT1__CONAD=None, ESO__DET__OUT1__GAIN=None, ESO__DET__OUT1__RON=None) == []


def test_gain_that_is_no_number() -> None:
    assert doubts(ESO__DET__OUT1__CONAD="high") == [
        "a.fits: ESO DET OUT1 CONAD is 'high', which is not a number; the gain 1.25 e-/ADU is used"
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


@pytest.mark.parametrize("value", [0.0, -1.25, 1e9])
def test_a_gain_that_no_detector_has(value: float) -> None:
    (found,) = doubts(ESO__DET__OUT1__CONAD=value)
    assert found == f"a.fits: ESO DET OUT1 CONAD is {value!r}, a number from 0.001 to 1000 is needed; the gain 1.25 e-/ADU is used"


def test_no_read_noise_is_spoken_of_where_the_arm_has_one_alone() -> None:
    """NIR frames carry 0, which stands for a value that is not known."""
    assert "the read noise 3.8 e- of the detector file is used" in doubts(ESO__DET__OUT1__RON=0.0)[0]
    assert doubts("NIR", ESO__DET__OUT1__RON=None, ESO__DET__CHIP__RON=0.0) == []


def test_gain_and_read_noise_of_another_exposure_are_named() -> None:
    used = replace(SOXS.arms["VIS"].detector, gain_e_per_adu=0.6, gain_source="ESO DET OUT1 CONAD")
    found = doubts(used=used, ESO__DET__OUT1__CONAD=None, ESO__DET__OUT1__GAIN="low")
    assert found == ["a.fits: ESO DET OUT1 GAIN is 'low', which is not a number; the gain 0.6 e-/ADU is used"]


def test_the_gain_of_a_master_is_named_with_it() -> None:
    used = replace(SOXS.arms["VIS"].detector, gain_e_per_adu=1.25, gain_source="the header of bias.fits")
    (found,) = doubts(used=used, ESO__DET__OUT1__CONAD=None, ESO__DET__OUT1__GAIN=None)
    assert found.endswith("; the gain 1.25 e-/ADU of the header of bias.fits is used")


@pytest.mark.parametrize(
    ("mjd", "date", "said"),
    [
        ("soon", "2023-02-25T12:00:00", "a.fits: MJD-OBS is 'soon', which is not a date; the other of the two is used"),
        (60000.5, "2023-02-25", "a.fits: DATE-OBS is '2023-02-25', which is not a date; the other of the two is used"),
        (-99.0, None, "a.fits: MJD-OBS is -99.0, which is not a date; the time is unknown"),
        (60000.5, "2023-02-25T16:00:00", "a.fits: MJD-OBS and DATE-OBS are 4.0 h apart; MJD-OBS is used"),
    ],
)
def test_dates_that_are_none_or_two(mjd: object, date: object, said: str) -> None:
    assert doubts(MJD_OBS=mjd, DATE_OBS=date) == [said]


def test_no_date_at_all() -> None:
    assert doubts(MJD_OBS=None) == []
    (found,) = doubts(MJD_OBS=None, DATE_OBS=None)
    assert "neither MJD-OBS nor DATE-OBS is in the header; the time is unknown" in found


def test_one_moment_written_twice_is_no_contradiction() -> None:
    assert doubts(MJD_OBS=60000.5, DATE_OBS="2023-02-25T12:00:00.9") == []


@pytest.mark.parametrize(("ra", "dec"), [("ten", -30.0), (0.0, 0.0), (150.0, 95.0), (150.0, None)])
def test_a_position_that_is_none(ra: object, dec: object) -> None:
    (found,) = doubts(RA=ra, DEC=dec)
    assert "which is not a position; a star is known by its name alone" in found


def test_one_air_mass_of_two() -> None:
    (found,) = doubts(ESO__TEL__AIRM__START="high")
    assert found == "a.fits: ESO TEL AIRM START is 'high', an air mass of 1 or more is needed; 1.300 of ESO TEL AIRM END is used"


def test_a_slit_without_a_width() -> None:
    assert "losses at the slit are not known" in doubts(ESO__INS__VISE__NAME="BLANK")[0]
