"""What the organiser reads of a header, and what real headers lack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from soxspipe.io.fits_header import parse_header
from soxspipe.night.frame_row import FrameRow, night_of_mjd, row_of
from support.night_headers import EVENING, Cards, calibrations, exposure, header_block, stare


def read(cards: Cards) -> FrameRow:
    return row_of(Path("/raw/a.fits"), 100, 1, parse_header(header_block(cards, filling=0)))


def test_a_stare_exposure() -> None:
    row = read(stare("VIS", EVENING + timedelta(hours=8), rotator=35.0)[0].cards)
    assert (row.instrument, row.arm, row.binning, row.readout, row.slit, row.mask) == ("SOXS", "VIS", "1x1", "1", "SLIT1.0", "SLIT")
    assert (row.target, row.ob_id, row.ob_name, row.gain) == ("SN2026abc", "4001", "OB_SN2026abc", 1.25)
    assert row.airmass == pytest.approx(1.175)
    assert row.seeing_arcsec == pytest.approx(1.0)
    assert (row.rotator_deg, row.night, row.tag) == (35.0, "2026-03-01", "OBJECT_VIS")
    assert row.end_mjd == pytest.approx((row.mjd or 0) + 300 / 86400)


def test_the_night_is_the_date_15_hours_before() -> None:
    assert night_of_mjd(61101.62) == "2026-03-01"  # 2026-03-02 14:53 UTC
    assert night_of_mjd(61101.63) == "2026-03-02"
    assert night_of_mjd(None) == "undated"


def test_lamps_are_listed_in_the_order_of_their_keywords() -> None:
    arc = next(entry for entry in calibrations("NIR") if entry.cards["ESO DPR TECH"] == "ECHELLE,PINHOLE")
    assert read(arc.cards).lamp == "ArNeHgXe"
    assert read(arc.cards | {"ESO INS XENO NAME": ""}).lamp == "ArNeHg"


def test_a_day_arc_without_rotator_angle_was_taken_with_the_rotator_parked() -> None:
    arc = next(entry for entry in calibrations("VIS") if entry.cards["ESO DPR TECH"] == "ECHELLE,MULTI-PINHOLE")
    assert "ESO ADA ABSROT END" not in arc.cards
    assert read(arc.cards).rotator_deg == 0.0


def test_zeros_of_a_night_arc_are_placeholders_not_angles() -> None:
    arc = next(entry for entry in calibrations("VIS") if entry.cards["ESO DPR TECH"] == "ECHELLE,MULTI-PINHOLE")
    assert read(arc.cards | {"ESO ADA ABSROT END": 0.0, "ESO TEL PARANG START": 0.0}).rotator_deg is None
    assert read(arc.cards | {"ESO ADA ABSROT END": 0.0, "ESO TEL PARANG START": 12.0}).rotator_deg == 0.0


def test_a_star_without_rotator_angle_has_none() -> None:
    cards = stare("VIS", EVENING)[0].cards
    del cards["ESO ADA ABSROT END"]
    assert read(cards).rotator_deg is None


def test_date_obs_stands_in_for_mjd_obs() -> None:
    cards = stare("VIS", EVENING)[0].cards
    whole = read(cards)
    del cards["MJD-OBS"]
    assert read(cards).mjd == pytest.approx(whole.mjd)
    assert read(cards | {"DATE-OBS": "yesterday"}).mjd is None


@pytest.mark.parametrize(
    ("keyword", "value", "field"), [("ESO TEL AIRM START", -99.99, "airmass"), ("ESO TEL AIRM START", "high", "airmass")]
)
def test_placeholders_are_left_out_of_means(keyword: str, value: object, field: str) -> None:
    assert getattr(read(stare("VIS", EVENING)[0].cards | {keyword: value}), field) == pytest.approx(1.2)


def test_the_sequence_of_integrations_takes_longer_than_one() -> None:
    row = read(
        exposure(
            "NIR", EVENING, "OBJECT", "ECHELLE,SLIT,STARE", exptime=600.0, slit="SLIT1.0", cards={"ESO DET SEQ1 EXPTIME": 2413.0}
        ).cards
    )
    assert (row.exptime_s, row.duration_s) == (600.0, 2413.0)


def test_exposure_time_of_another_detector_stands_in() -> None:
    cards = stare("VIS", EVENING)[0].cards
    del cards["EXPTIME"]
    assert read(cards).exptime_s is None
    assert read(cards | {"ESO DET3 EXPO TIME": 12.0}).exptime_s == 12.0


def test_unknown_instrument_is_a_problem() -> None:
    assert read({"INSTRUME": "HARPS"}).problem == "INSTRUME is 'HARPS', known are SOXS, XSHOOTER"
    assert read({"OBJECT": "X"}).problem == "has no INSTRUME, known are SOXS, XSHOOTER"


def test_a_product_carries_its_category() -> None:
    row = read(stare("VIS", EVENING)[0].cards | {"ESO PRO CATG": "MASTER_FLAT_VIS", "ESO SEQ ARM": ""})
    assert (row.arm, row.category, row.is_raw, row.tag) == ("VIS", "MASTER_FLAT", False, "MASTER_FLAT_VIS")


def test_rows_compare_by_value() -> None:
    row = read(stare("VIS", EVENING)[0].cards)
    assert row == replace(row, path=row.path)
