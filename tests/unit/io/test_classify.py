"""Headers to kinds of files, and which of several are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.classify import MAX_EXPOSURES, ClassifiedFile, Kind, classify, select_inputs
from soxspipe.io.fits_header import Header

STARE = "ECHELLE,SLIT,STARE"


def make(name: str, **cards: object) -> ClassifiedFile | None:
    base: dict[str, object] = {"INSTRUME": "SOXS", "ESO SEQ ARM": "NIR", "EXPTIME": 10.0}
    base |= {key.replace("__", " "): value for key, value in cards.items()}
    return classify(Path(name), Header(tuple((key, value, "") for key, value in base.items() if value is not None)))  # type: ignore[misc]


def raw(name: str = "raw.fits", dpr_type: str = "OBJECT", tech: str = STARE, **cards: object) -> ClassifiedFile:
    file = make(name, ESO__DPR__TYPE=dpr_type, ESO__DPR__TECH=tech, **cards)
    assert file is not None
    return file


def product(category: str, name: str | None = None, **cards: object) -> ClassifiedFile:
    file = make(name or f"{category}.fits", ESO__PRO__CATG=category, **cards)
    assert file is not None
    return file


def complete() -> list[ClassifiedFile]:
    return [product(f"{stem}_NIR") for stem in ("MASTER_DARK", "MASTER_FLAT", "ORDER_TAB", "DISP_TAB", "DISP_IMAGE")]


@pytest.mark.parametrize(
    ("dpr_type", "tech", "kind"),
    [
        ("OBJECT", STARE, Kind.SCIENCE),
        ("OBJECT,ASYNC", STARE, Kind.SCIENCE),
        ("object", "echelle,slit,stare", Kind.SCIENCE),
        ("STD,FLUX", STARE, Kind.FLUX_STANDARD),
        ("STD,TELLURIC", STARE, Kind.TELLURIC_STANDARD),
        ("STD,FLUX", "ECHELLE,SLIT,NODDING", Kind.NODDING_STANDARD),
        ("OBJECT", "IMAGE", Kind.OFF_FRAME),
        ("OBJECT", "ECHELLE,SLIT,OFFSET", Kind.OTHER),
        ("LAMP,FLAT", "ECHELLE,SLIT", Kind.OTHER),
        ("BIAS", "IMAGE", Kind.OTHER),
    ],
)
def test_raw_frames_by_type_and_technique(dpr_type: str, tech: str, kind: Kind) -> None:
    assert raw(dpr_type=dpr_type, tech=tech).kind is kind


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


def test_arm_comes_from_the_category_when_the_keyword_is_missing() -> None:
    assert product("ORDER_TAB_VIS", ESO__SEQ__ARM=None).arm == "VIS"


def test_arm_and_category_must_agree() -> None:
    with pytest.raises(InputError, match=r"ESO SEQ ARM is 'NIR' but ESO PRO CATG is 'ORDER_TAB_VIS'"):
        product("ORDER_TAB_VIS")


def test_tags() -> None:
    assert raw(dpr_type="STD,FLUX").tag == "STD,FLUX_NIR"
    assert product("MASTER_DARK_NIR").tag == "MASTER_DARK_NIR"


def test_science_outranks_standards_and_says_so() -> None:
    chosen = select_inputs([raw("std.fits", "STD,FLUX"), raw("sci.fits"), *complete()])
    assert [file.path.name for file in chosen.exposures] == ["sci.fits"]
    assert any("std.fits" in warning for warning in chosen.warnings)


def test_of_several_masters_the_last_and_of_several_tables_the_first_is_used() -> None:
    more = [product("MASTER_DARK_NIR", "dark2.fits"), product("ORDER_TAB_NIR", "order2.fits")]
    chosen = select_inputs([raw(), *complete(), *more])
    assert chosen.dark is not None
    assert chosen.dark.path.name == "dark2.fits"
    assert chosen.order_table.path.name == "ORDER_TAB_NIR.fits"
    assert len(chosen.warnings) == 2


def test_a_master_dark_outranks_an_off_frame() -> None:
    chosen = select_inputs([raw(), raw("off.fits", tech="IMAGE"), *complete()])
    assert chosen.off_frame is None
    assert chosen.dark is not None


def test_nodding_standard_is_the_last_resort() -> None:
    chosen = select_inputs([raw(dpr_type="STD,FLUX", tech="ECHELLE,SLIT,NODDING"), *complete()])
    assert any("nodding" in warning for warning in chosen.warnings)


def test_nothing_of_use() -> None:
    with pytest.raises(MissingInputError, match=r"of use to the stare recipe \(raw\.fits: ESO DPR TYPE 'BIAS', ESO DPR TECH 'IMAGE'\)"):
        select_inputs([raw(dpr_type="BIAS", tech="IMAGE")])
    with pytest.raises(MissingInputError, match=r"of use to the stare recipe$"):
        select_inputs([])
    with pytest.raises(
        MissingInputError, match=r"no object exposure among 6 files \(lamp\.fits: .*; odd\.fits: INSTRUME or arm not known\)"
    ):
        select_inputs([raw("lamp.fits", "LAMP,FLAT", "ECHELLE,SLIT"), *complete()], [Path("odd.fits")])


def test_more_exposures_than_memory_holds() -> None:
    with pytest.raises(InputError, match=f"at most {MAX_EXPOSURES}"):
        select_inputs([*(raw(f"{index}.fits") for index in range(MAX_EXPOSURES + 1)), *complete()])


def test_files_without_the_keyword_do_not_take_part_in_the_comparison() -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0", ESO__DET__READ__CURID=3), *complete()]
    assert select_inputs(files).exposures[0].arm == "NIR"


@pytest.mark.parametrize("flat_slit", ["SLIT1.0JH", "pinhole", "BLIND", ""])
def test_slit_names_that_do_not_count_as_different(flat_slit: str) -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0"), *complete(), product("MASTER_FLAT_NIR", ESO__INS__NISE__NAME=flat_slit)]
    assert select_inputs(files).flat is files[-1]


def test_slit_of_a_dark_does_not_matter() -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0"), *complete(), product("MASTER_DARK_NIR", ESO__INS__NISE__NAME="SLIT5.0")]
    assert select_inputs(files).dark is files[-1]
