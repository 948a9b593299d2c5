"""Header cards in the words of the package."""

from __future__ import annotations

import math

import pytest

from soxspipe.errors import InputError
from soxspipe.instruments.registry import find_instrument
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import (
    airmass_at_altitude,
    binning_of,
    card_text,
    gain_conflict,
    gain_of,
    header_cards,
    number_of,
    position_of,
    read_arc,
    read_observation,
    rotator_of,
    separation_arcsec,
    slit_width_of,
    start_of,
    target_of,
)

SOXS, XSH = find_instrument("SOXS"), find_instrument("XSHOOTER")


def header(**cards: object) -> Header:
    return Header(tuple((name.replace("__", " ").replace("_", "-"), value, "") for name, value in cards.items()))  # type: ignore[misc]


def test_observation_of_a_full_header() -> None:
    cards = header(
        EXPTIME=300, MJD_OBS=60000.5, DATE_OBS="2023-02-25T12:00:00", OBJECT="SN 2023abc", RA=150.1, DEC=-30.2,
        ESO__DPR__TYPE="object", ESO__TEL__AIRM__START=1.2, ESO__TEL__AIRM__END=1.4, ESO__TEL__AMBI__FWHM__START=-1,
        ESO__TEL__AMBI__FWHM__END=0.9, ESO__INS__VISE__NAME="SLIT1.5", ESO__DET__BINX=2, ESO__DET__BINY=1,
        ESO__DET__OUT1__CONAD=0.6, ESO__DET__OUT1__GAIN=1.67, ESO__DET__CHIP__RON=3.2,
    )  # fmt: skip
    found = read_observation(cards, SOXS, SOXS.arms["VIS"], "a.fits")
    assert found.kind == "OBJECT"
    assert found.airmass == pytest.approx(1.3)
    assert found.seeing_arcsec == 0.9
    assert found.binning == (2, 1)
    assert (found.gain_e_per_adu, found.read_noise_e) == (0.6, 3.2)
    assert found.slit_width_arcsec == 1.5
    assert (found.ra_deg, found.dec_deg, found.mjd) == (150.1, -30.2, 60000.5)


def test_a_header_that_says_little() -> None:
    found = read_observation(header(EXPTIME=1.0, ESO__TEL__AIRM__END=0.0, RA="ten hours", DEC=-30.0), SOXS, SOXS.arms["NIR"], "a.fits")
    assert found.airmass is None
    assert found.seeing_arcsec is None
    assert found.ra_deg is None
    assert found.gain_e_per_adu is None
    assert math.isnan(found.mjd)
    assert found.binning == (1, 1)


@pytest.mark.parametrize("exptime", [0, -5.0, "300 s", True, None, float("inf")])
def test_exposure_time_must_be_positive(exptime: object) -> None:
    with pytest.raises(InputError, match=r"a\.fits: EXPTIME is .*, a time above 0 s is needed"):
        read_observation(header(EXPTIME=exptime), SOXS, SOXS.arms["NIR"], "a.fits")


def test_conad_is_preferred_and_the_inverse_of_gain_stands_in() -> None:
    keys = SOXS.keywords
    assert gain_of(header(ESO__DET__OUT1__CONAD=0.6, ESO__DET__OUT1__GAIN=1.667), keys) == 0.6
    assert gain_of(header(ESO__DET__OUT1__GAIN=1.25), keys) == 0.8
    assert gain_of(header(ESO__DET__OUT1__CONAD=0.0), keys) is None
    assert gain_conflict(header(ESO__DET__OUT1__CONAD=0.6, ESO__DET__OUT1__GAIN=1.667), keys, "a.fits") == ""
    assert "a.fits: ESO DET OUT1 CONAD is 0.6 e-/ADU but" in gain_conflict(
        header(ESO__DET__OUT1__CONAD=0.6, ESO__DET__OUT1__GAIN=0.6), keys, "a.fits"
    )


@pytest.mark.parametrize(
    ("object_name", "target", "soxs", "xsh"),
    [("SN1", "T1", "SN1", "T1"), ("STD,FLUX", "LTT7987", "LTT7987", "LTT7987"), ("SN1", "", "SN1", "SN1"), ("", "T1", "T1", "T1")],
)
def test_target(object_name: str, target: str, soxs: str, xsh: str) -> None:
    cards = header(OBJECT=object_name, ESO__OBS__TARG__NAME=target)
    assert (target_of(cards, SOXS), target_of(cards, XSH)) == (soxs, xsh)


def test_xshooter_binning_keywords() -> None:
    facts = XSH.arms["UVB"]
    assert binning_of(header(ESO__DET__WIN1__BINX=1, ESO__DET__WIN1__BINY=2, CDELT1=2.0), XSH.keywords, facts, "a") == (1, 2)
    assert binning_of(header(CDELT1=2.0, CDELT2=2.0), XSH.keywords, facts, "a") == (2, 2)
    assert binning_of(header(CDELT1=9.0), XSH.keywords, XSH.arms["NIR"], "a") == (1, 1)
    for value, shown in ((2.5, r"2\.5"), ("x", "'x'"), (float("nan"), "nan"), (-1, "-1"), (10**9, "1000000000")):
        with pytest.raises(InputError, match=rf"a: CDELT2 is {shown}, a binning of 1, 2 or 4"):
            binning_of(header(CDELT2=value), XSH.keywords, facts, "a")


@pytest.mark.parametrize(
    ("name", "width"), [("SLIT1.0", 1.0), ("1.0x11", 1.0), ("0.9x11JH", 0.9), ("SLIT5.0", 5.0), ("", None), ("PINHOLE", None)]
)
def test_slit_width(name: str, width: float | None) -> None:
    assert slit_width_of(name) == width


def test_numbers_are_finite_and_no_booleans() -> None:
    assert number_of(header(A=True, B=float("nan"), C="x", D=3), "A", "B", "C", "D") == 3.0
    assert number_of(header(A=True), "A", "Z") is None


@pytest.mark.parametrize(
    ("text", "number"), [("1.25", 1.25), (" 8.0E-1 ", 0.8), ("1D2", 100.0), ("1.25 e-", None), ("nan", None), ("", None)]
)
def test_a_number_written_as_text_is_one(text: str, number: float | None) -> None:
    assert number_of(header(A=text), "A") == number


def test_read_noise_of_the_output_comes_first_and_zero_means_unknown() -> None:
    facts = SOXS.arms["VIS"]
    both = header(EXPTIME=1, ESO__DET__OUT1__RON=8.0, ESO__DET__CHIP__RON=3.3)
    assert read_observation(both, SOXS, facts, "a").read_noise_e == 8.0
    assert read_observation(header(EXPTIME=1, ESO__DET__CHIP__RON=0.0), SOXS, SOXS.arms["NIR"], "a").read_noise_e is None
    assert read_observation(header(EXPTIME=1, ESO__DET__OUT1__RON=0.0, ESO__DET__CHIP__RON=3.3), SOXS, facts, "a").read_noise_e == 3.3


def test_a_frame_of_four_integrations() -> None:
    """EXPTIME is one of them; the sequence lasts longer than their sum by the pauses."""
    cards = header(EXPTIME=600.0, ESO__DET__NDIT=4, ESO__DET__SEQ1__EXPTIME=2413.0)
    found = read_observation(cards, SOXS, SOXS.arms["NIR"], "a")
    assert (found.exptime_s, found.integrations, found.duration_s) == (600.0, 4, 2413.0)
    assert read_observation(header(EXPTIME=600.0, ESO__DET__NDIT=4), SOXS, SOXS.arms["NIR"], "a").duration_s == 2400.0


def test_air_mass_of_the_altitude_where_none_is_written() -> None:
    facts = SOXS.arms["VIS"]
    found = read_observation(header(EXPTIME=1, ESO__TEL__AIRM__START=-1.0, ESO__TEL__ALT=30.0), SOXS, facts, "a")
    assert found.airmass == pytest.approx(1.994, abs=0.002)  # Pickering 2002 at 30 deg
    assert airmass_at_altitude(90.0) == pytest.approx(1.0, abs=1e-4)
    assert airmass_at_altitude(-5.0) is None


def test_structural_cards_stay_behind() -> None:
    kept = header_cards(header(SIMPLE=True, NAXIS1=3, BZERO=1.0, ZTILE1=4, TTYPE7="a", OBJECT="x", CHECKSUM="y", ESO__SEQ__ARM="NIR"))
    assert [card[0] for card in kept] == ["OBJECT", "ESO SEQ ARM"]


@pytest.mark.parametrize(
    ("ra", "dec", "found"),
    [
        (150.1, -30.2, (150.1, -30.2)),
        ("10:00:24.0", "-30:12:00", (150.1, -30.2)),
        ("10 00 24", "-00 12 00", (150.1, -0.2)),
        ("150.1", "-30.2", (150.1, -30.2)),
        (0.0, 0.0, None),
        (400.0, 0.0, None),
        ("ten", 1.0, None),
        (150.1, None, None),
    ],
)
def test_position(ra: object, dec: object, found: tuple[float, float] | None) -> None:
    read = position_of(header(RA=ra, DEC=dec), SOXS.keywords)
    assert read == (None if found is None else pytest.approx(found))


@pytest.mark.parametrize(
    ("mjd", "date", "start"),
    [
        (60000.5, "2023-02-25T12:00:00", 60000.5),
        ("soon", "2023-02-25T12:00:00.000", 60000.5),
        (-1.0, "2023-02-25T12:00:00", 60000.5),
        (None, "2023-02-25T12:00:00", 60000.5),
        (60000.5, "yesterday", 60000.5),
        (None, "2023-02-25", math.nan),
        (None, None, math.nan),
    ],
)
def test_start_of_an_exposure(mjd: object, date: object, start: float) -> None:
    assert start_of(header(MJD_OBS=mjd, DATE_OBS=date), SOXS.keywords) == pytest.approx(start, nan_ok=True)


def test_separation_of_two_positions() -> None:
    """One degree of right ascension at declination 60 is half a degree on the sky."""
    assert separation_arcsec((10.0, 60.0), (11.0, 60.0)) == pytest.approx(1800.0, rel=1e-4)
    assert separation_arcsec((359.999, 0.0), (0.001, 0.0)) == pytest.approx(7.2)


@pytest.mark.parametrize(
    ("position", "parallactic", "angle"),
    [(-35.0, 40.0, 5.0), (20.0, 70.0, 90.0), (0.0, 0.0, None), (0.0, 12.0, 12.0), (None, 12.0, None), (12.0, None, None)],
)
def test_the_slit_s_angle_to_the_vertical_is_the_sum_of_both_cards(
    position: float | None, parallactic: float | None, angle: float | None
) -> None:
    """ESO counts one over west, the other over east; both exactly 0 are placeholders."""
    cards = {"ESO__ADA__POSANG": position, "ESO__TEL__PARANG__START": parallactic}
    full = header(
        EXPTIME=300, MJD_OBS=60000.5, ESO__DPR__TYPE="object", **{key: value for key, value in cards.items() if value is not None}
    )
    for instrument, arm in ((SOXS, "VIS"), (XSH, "NIR")):
        assert read_observation(full, instrument, instrument.arms[arm], "a.fits").slit_angle_deg == angle


@pytest.mark.parametrize(
    ("rotator", "parallactic", "of_arc", "of_target"),
    [(None, None, 0.0, None), (0.0, 0.0, None, None), (0.0, 12.0, 0.0, 0.0), (-204.7, 0.0, -204.7, -204.7)],
)
def test_a_day_arc_was_taken_at_the_parked_angle_and_two_zeros_are_placeholders(
    rotator: float | None, parallactic: float | None, of_arc: float | None, of_target: float | None
) -> None:
    cards = {"ESO__ADA__ABSROT__END": rotator, "ESO__TEL__PARANG__START": parallactic}
    full = header(EXPTIME=30, MJD_OBS=60000.5, **{key: value for key, value in cards.items() if value is not None})
    assert read_arc(full, SOXS.keywords).rotator_deg == of_arc
    assert rotator_of(full, SOXS.keywords) == of_target


def test_a_card_in_messages() -> None:
    cards = header(EXPTIME=-1.0, ESO__SEQ__ARM="")
    said = [card_text(cards, keyword) for keyword in ("EXPTIME", "ESO SEQ ARM", "INSTRUME")]
    assert said == ["EXPTIME is -1.0", "ESO SEQ ARM is ''", "has no INSTRUME"]
