"""What takes no part, and the reason that is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from soxspipe.night.left_out import reason_to_leave_out, rule_of, sort_out
from support.night_headers import EVENING, Exposure, calibrations, exposure, stare, whole_night
from support.nights import rows_of


def only(entry: Exposure, **cards: object) -> str:
    return reason_to_leave_out(
        rows_of([Exposure(entry.name, {key: value for key, value in {**entry.cards, **cards}.items() if value is not None})])[0]
    )


STAR = stare("VIS", EVENING)[0]
ARC = next(entry for entry in calibrations("VIS") if entry.cards["ESO DPR TECH"] == "ECHELLE,PINHOLE")


def test_nothing_of_a_plain_night_is_left_out() -> None:
    kept, left_out = sort_out(rows_of(whole_night()))
    assert (len(kept), left_out) == (len(whole_night()), [])


@pytest.mark.parametrize(
    ("entry", "cards", "said"),
    [
        (STAR, {"ESO SEQ ARM": "--"}, "an acquisition image"),
        (STAR, {"ESO SEQ ARM": None}, "the header does not say the arm, known are NIR, VIS"),
        (STAR, {"ESO SEQ ARM": None, "ESO DPR TECH": "IMAGE"}, "an acquisition image"),
        (STAR, {"ESO SEQ ARM": "UVB"}, "arm 'UVB' is not one of NIR, VIS"),
        (STAR, {"ESO DPR TYPE": None, "ESO DPR TECH": None, "ESO DPR CATG": None}, "no DPR TYPE and TECH and CATG"),
        (STAR, {"ESO DPR TYPE": "SKY,WHATEVER"}, "no recipe takes DPR TYPE 'SKY,WHATEVER'"),
        (STAR, {"MJD-OBS": None, "DATE-OBS": None}, "neither MJD-OBS nor DATE-OBS"),
        (STAR, {"EXPTIME": None}, "no exposure time"),
        (STAR, {"EXPTIME": 0.0}, "the exposure time is 0 s"),
        (STAR, {"ESO INS VISE NAME": "UNDEFINED"}, "does not say what stands in the slit wheel"),
        (ARC, {"ESO INS VISE NAME": "BLANK"}, "no light came in"),
        (ARC, {"ESO INS VISE NAME": "SLIT1.0"}, "'SLIT1.0' stands in the slit wheel"),
        (ARC, {"ESO INS THAR NAME": None}, "no lamp was on"),
        (ARC, {"ESO INS THAR NAME": None, "ESO INS XENO NAME": "Xeno_Lamp"}, "an arc of Xe for the other arm; VIS takes ThAr"),
        (ARC, {"ESO INS VISE SWSIM": True}, "simulated by the instrument's software"),
        (ARC, {"ESO DPR TECH": "ECHELLE,SLIT", "ESO INS VISE NAME": "SLIT1.0"}, "measure the resolution"),
        (STAR, {"ESO DPR TYPE": "DOME,FLAT", "ESO DPR TECH": "ECHELLE,SLIT"}, "dome flats are not used"),
        (STAR, {"ESO PRO CATG": "SCI_SLIT_FLUX_VIS"}, "serves as no calibration"),
    ],
)
def test_the_reason_names_what_is_wrong(entry: Exposure, cards: dict[str, object], said: str) -> None:
    assert said in only(entry, **cards)


def test_flats_that_all_say_slit_are_told_by_the_slit_wheel() -> None:
    flats = [entry for entry in calibrations("VIS") if entry.cards["ESO DPR TYPE"] == "LAMP,FLAT"]
    kinds = {}
    for entry in flats:
        rule = rule_of(rows_of([Exposure(entry.name, {**entry.cards, "ESO DPR TECH": "ECHELLE,SLIT"})])[0])
        kinds[entry.cards["ESO INS VISE NAME"]] = None if rule is None else rule.kind
    assert kinds == {"PINHOLE": "pinhole flat", "SLIT1.0": "slit flat"}


def test_a_bias_may_have_no_exposure_time_and_no_slit() -> None:
    assert only(calibrations("VIS")[0], EXPTIME=0.0) == ""


def test_both_spellings_of_a_type_are_one() -> None:
    kept, left_out = sort_out(rows_of([Exposure(ARC.name, {**ARC.cards, "ESO DPR TYPE": "WAVE,LAMP"})]))
    assert ([row.dpr_type for row in kept], left_out) == (["LAMP,WAVE"], [])


def test_of_copies_the_plain_file_is_kept() -> None:
    row = rows_of([STAR])[0]
    packed, other = replace(row, path="/a/x.fits.Z"), replace(row, path="/b/copy.fits")
    kept, left_out = sort_out([packed, other, row])
    assert [entry.path for entry in kept] == ["/b/copy.fits"]
    assert [entry.reason for entry in left_out] == ["a copy of /b/copy.fits"] * 2


def test_both_arms_may_begin_in_the_same_moment() -> None:
    kept, _ = sort_out(rows_of([*stare("VIS", EVENING), *stare("NIR", EVENING)]))
    assert len(kept) == 2


def test_exposures_a_second_apart_are_no_copies() -> None:
    entries = [exposure("VIS", EVENING + timedelta(seconds=n), "BIAS", "IMAGE", exptime=0.0) for n in (0, 1)]
    assert len(sort_out(rows_of(entries))[0]) == 2


def test_a_problem_of_the_file_comes_first() -> None:
    assert reason_to_leave_out(replace(rows_of([STAR])[0], problem="is empty")) == "is empty"
