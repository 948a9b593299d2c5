"""Headers to kinds of files, and which of several are used."""

from __future__ import annotations

import pytest

from soxspipe.errors import InputError
from soxspipe.io.classify import Kind, mask_of, needed_header, slit_of, why_unknown
from support.classified import STARE, make, product, raw
from support.inputs import make_header


@pytest.mark.parametrize(
    ("dpr_type", "tech", "kind"),
    [
        ("OBJECT", STARE, Kind.SCIENCE),
        ("OBJECT,ASYNC", STARE, Kind.SCIENCE),
        ("object", "echelle,slit,stare", Kind.SCIENCE),
        ("STD,FLUX", STARE, Kind.FLUX_STANDARD),
        ("STD,TELLURIC", STARE, Kind.TELLURIC_STANDARD),
        ("STD,FLUX", "ECHELLE,SLIT,NODDING", Kind.NODDING_STANDARD),
        ("STD", STARE, Kind.FLUX_STANDARD),
        ("STD,SKY", STARE, Kind.TELLURIC_STANDARD),
        ("STD", "ECHELLE,SLIT,NODDING", Kind.NODDING_STANDARD),
        ("OBJECT", "IMAGE", Kind.OFF_FRAME),
        ("OBJECT", "ECHELLE,SLIT,OFFSET", Kind.OTHER),
        ("BIAS", "IMAGE", Kind.RAW_BIAS),
        ("DARK", "IMAGE", Kind.RAW_DARK),
        ("LAMP,WAVE", "ECHELLE,PINHOLE", Kind.PINHOLE_ARC),
        ("LAMP,FMTCHK", "ECHELLE,PINHOLE", Kind.PINHOLE_ARC),
        ("WAVE,LAMP", "ECHELLE,MULTI-PINHOLE", Kind.MULTI_PINHOLE_ARC),
        ("LAMP,WAVE", "ECHELLE,SLIT", Kind.SLIT_ARC),
        ("WAVE,LAMP", "IMAGE", Kind.ARC_LAMP_OFF),
        ("LAMP,FLAT", "ECHELLE,PINHOLE", Kind.PINHOLE_FLAT),
        ("LAMP,DORDERDEF", "ECHELLE,PINHOLE", Kind.PINHOLE_FLAT),
        ("LAMP,FLAT", "ECHELLE,SLIT", Kind.SLIT_FLAT),
        ("DOME,FLAT", "ECHELLE,SLIT", Kind.SLIT_FLAT),
        ("FLAT,LAMP", "IMAGE", Kind.FLAT_LAMP_OFF),
    ],
)
def test_raw_frames_by_type_and_technique(dpr_type: str, tech: str, kind: Kind) -> None:
    assert raw(dpr_type=dpr_type, tech=tech).kind is kind


@pytest.mark.parametrize(
    ("dpr_type", "mask", "kind"),
    [
        ("LAMP,FLAT", "PINHOLE", Kind.PINHOLE_FLAT),
        ("LAMP,ORDERDEF", "PINHOLE", Kind.PINHOLE_FLAT),
        ("LAMP,FLAT", "MULTPIN", Kind.SLIT_FLAT),
        ("LAMP,WAVE", "PINHOLE", Kind.SLIT_ARC),
    ],
)
def test_a_flat_that_says_slit_is_known_by_the_pinhole_in_the_slit_wheel(dpr_type: str, mask: str, kind: Kind) -> None:
    assert raw(dpr_type=dpr_type, tech="ECHELLE,SLIT", ESO__INS__NISE__NAME=mask).kind is kind


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("MASTER_BIAS_NIR", Kind.BIAS),
        ("MASTER_DARK_NIR", Kind.DARK),
        ("MASTER_FLAT_NIR", Kind.FLAT),
        ("ORDER_TAB_NIR", Kind.ORDER_TABLE),
        ("DISP_TAB_NIR", Kind.DISPERSION_TABLE),
        ("DISP_IMAGE_NIR", Kind.DISPERSION_IMAGE),
        ("RESP_TAB_NIR", Kind.RESPONSE),
        ("SCI_SLIT_FLUX_NIR", Kind.OTHER),
        ("MASTER_DARK", Kind.OTHER),
    ],
)
def test_products_by_category(category: str, kind: Kind) -> None:
    assert product(category).kind is kind


def test_product_category_outranks_a_dpr_type_left_in_the_header() -> None:
    assert product("MASTER_FLAT_NIR", ESO__DPR__TYPE="OBJECT", ESO__DPR__TECH=STARE).kind is Kind.FLAT


def test_files_of_other_instruments_and_arms_are_left_alone() -> None:
    assert make("a.fits", INSTRUME="UVES") is None
    assert make("a.fits", INSTRUME=None) is None
    assert make("a.fits", ESO__SEQ__ARM="AGC", ESO__DPR__TYPE="ACQ", ESO__DPR__TECH="IMAGE") is None


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"ESO__SEQ__ARM": "UVIS"}, "ESO SEQ ARM is 'UVIS', known are NIR, VIS"),
        ({"ESO__SEQ__ARM": None}, "has no ESO SEQ ARM, known are NIR, VIS"),
        ({"ESO__SEQ__ARM": None, "INSTRUME": "XSHOOTER"}, "has no ESO SEQ ARM, known are UVB, VIS, NIR"),
    ],
)
def test_an_unknown_arm_is_said_with_what_is_known(cards: dict[str, str | None], said: str) -> None:
    with pytest.raises(InputError, match=f"a.fits: {said}$"):
        make("a.fits", ESO__DPR__TYPE="OBJECT", ESO__DPR__TECH=STARE, **cards)


def test_why_a_file_is_unknown() -> None:
    assert why_unknown(make_header({"INSTRUME": "UVES"})) == "INSTRUME is 'UVES', known are SOXS, XSHOOTER"
    assert why_unknown(make_header({})) == "has no INSTRUME, known are SOXS, XSHOOTER"
    assert why_unknown(make_header({"INSTRUME": "SOXS"})) == "has no ESO SEQ ARM, known are NIR, VIS"
    assert why_unknown(make_header({"INSTRUME": "SOXS", "ESO SEQ ARM": ""})) == "ESO SEQ ARM is '', known are NIR, VIS"


def test_arm_comes_from_the_category_when_the_keyword_is_missing() -> None:
    assert product("ORDER_TAB_VIS", ESO__SEQ__ARM=None).arm == "VIS"


def test_arm_and_category_must_agree() -> None:
    with pytest.raises(InputError, match=r"ESO SEQ ARM is 'NIR' but ESO PRO CATG is 'ORDER_TAB_VIS'"):
        product("ORDER_TAB_VIS")


def test_tags() -> None:
    assert raw(dpr_type="STD,FLUX").tag == "STD,FLUX_NIR"
    assert product("MASTER_DARK_NIR").tag == "MASTER_DARK_NIR"


def test_kinds_in_messages() -> None:
    assert Kind.BIAS.plural == "master biases"
    assert Kind.FLAT.plural == "master flats"
    assert Kind.ARC_LAMP_OFF.plural == "arc frames with the lamp off"
    assert Kind.SCIENCE.with_article == "an object exposure"
    assert Kind.RAW_DARK.with_article == "a dark frame"


def test_what_a_header_must_say() -> None:
    file = raw()
    assert needed_header((Kind.FLAT,), file.instrument, "NIR") == "ESO PRO CATG MASTER_FLAT_NIR"
    assert needed_header((Kind.RAW_BIAS,), file.instrument, "VIS") == "ESO DPR TYPE BIAS and ESO DPR TECH IMAGE"


@pytest.mark.parametrize(("name", "slit"), [("SLIT1.0", "SLIT1.0"), ("SLIT1.0JH", "SLIT1.0"), ("pinhole", ""), ("BLIND", ""), ("", "")])
def test_slits_by_name(name: str, slit: str) -> None:
    assert slit_of(raw(ESO__INS__NISE__NAME=name)) == slit


def test_what_stands_in_the_slit_wheel() -> None:
    masks = {name: mask_of(name) for name in ("SLIT1.0", "1.0x11", "Pin_0.5", "PINHOLE", "MULT_PINHOLE", "closed", "")}
    assert masks == {
        "SLIT1.0": "SLIT", "1.0x11": "SLIT", "Pin_0.5": "PINHOLE", "PINHOLE": "PINHOLE", "MULT_PINHOLE": "MULTPIN", "closed": "", "": "",
    }  # fmt: skip
