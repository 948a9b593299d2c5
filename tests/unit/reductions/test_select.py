"""Which of several files a recipe uses, and which do not belong together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.classify import ClassifiedFile
from soxspipe.reductions.select import Selected
from soxspipe.reductions.select import select_inputs as select_by_rows
from soxspipe.reductions.stare.spec import STARE as SPEC
from support.classified import product, raw


def complete() -> list[ClassifiedFile]:
    return [product(f"{stem}_NIR") for stem in ("MASTER_DARK", "MASTER_FLAT", "ORDER_TAB", "DISP_TAB", "DISP_IMAGE")]


def select_inputs(files: Sequence[ClassifiedFile], unrecognised: Sequence[str] = ()) -> Selected:
    return select_by_rows(files, SPEC.inputs, verb=SPEC.verb, unrecognised=unrecognised)


def test_science_outranks_standards_and_says_so() -> None:
    chosen = select_inputs([raw("std.fits", "STD,FLUX"), raw("sci.fits"), *complete()])
    assert [file.path.name for file in chosen.exposures] == ["sci.fits"]
    assert any("std.fits" in warning for warning in chosen.warnings)


def test_of_several_masters_the_last_and_of_several_tables_the_first_is_used() -> None:
    more = [product("MASTER_DARK_NIR", "dark2.fits"), product("ORDER_TAB_NIR", "order2.fits")]
    chosen = select_inputs([raw(), *complete(), *more])
    assert (dark := chosen.one("dark")) is not None
    assert dark.path.name == "dark2.fits"
    assert chosen.required("order_table").path.name == "ORDER_TAB_NIR.fits"
    assert len(chosen.warnings) == 2


def test_a_master_dark_outranks_an_off_frame() -> None:
    chosen = select_inputs([raw(), raw("off.fits", tech="IMAGE"), *complete()])
    assert chosen.one("off_frame") is None
    assert chosen.one("dark") is not None


def test_nodding_standard_is_the_last_resort() -> None:
    nodding = raw("nod.fits", dpr_type="STD,FLUX", tech="ECHELLE,SLIT,NODDING")
    assert select_inputs([nodding, *complete()]).exposures == (nodding,)
    assert select_inputs([nodding, raw("stare.fits"), *complete()]).exposures[0].path.name == "stare.fits"


def test_every_missing_input_is_named_with_the_recipe_that_makes_it() -> None:
    with pytest.raises(MissingInputError) as caught:
        select_inputs([raw()])
    text = str(caught.value)
    assert text.startswith(
        "3 inputs are missing for raw.fits: no master dark: a file with ESO PRO CATG MASTER_DARK_NIR, or an off-frame with ESO DPR TYPE OBJECT"
    )
    assert "(soxspipe mdark makes it)" in text
    assert "no order table: a file with ESO PRO CATG ORDER_TAB_NIR is needed (soxspipe mflat makes it)" in text
    assert "no dispersion table" in text


def test_an_off_frame_takes_the_place_of_a_dark() -> None:
    chosen = select_inputs([raw(), raw("off.fits", tech="IMAGE"), *complete()[1:]])
    assert chosen.one("dark") is None
    assert chosen.one("off_frame") in chosen.calibrations


def test_nothing_of_use() -> None:
    with pytest.raises(
        MissingInputError,
        match=r"of use to the stare recipe \(raw\.fits: ESO DPR TYPE 'BIAS', ESO DPR TECH 'IMAGE'\); a file with ESO DPR TYPE OBJECT ",
    ):
        select_inputs([raw(dpr_type="BIAS", tech="IMAGE")])
    with pytest.raises(MissingInputError, match=r"of use to the stare recipe$"):
        select_inputs([])
    with pytest.raises(
        MissingInputError, match=r"no object exposure among 5 files \(lamp\.fits: .*; odd\.fits: INSTRUME is 'EFOSC', known are SOXS\)"
    ):
        select_inputs([raw("lamp.fits", "LAMP,FLAT", "ECHELLE,SLIT"), *complete()], ["odd.fits: INSTRUME is 'EFOSC', known are SOXS"])


def test_more_exposures_than_memory_holds() -> None:
    with pytest.raises(InputError, match="41 object exposures are given, the maximum is 40"):
        select_inputs([*(raw(f"{index}.fits") for index in range(41)), *complete()])


def test_files_without_the_keyword_do_not_take_part_in_the_comparison() -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0", ESO__DET__READ__CURID=3), *complete()]
    assert select_inputs(files).exposures[0].arm == "NIR"


@pytest.mark.parametrize("flat_slit", ["SLIT1.0JH", "pinhole", "BLIND", ""])
def test_slit_names_that_do_not_count_as_different(flat_slit: str) -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0"), *complete(), product("MASTER_FLAT_NIR", ESO__INS__NISE__NAME=flat_slit)]
    assert select_inputs(files).one("flat") is files[-1]


@pytest.mark.parametrize("others", [("SLIT1.0", "SLIT5.0"), ("SLIT1.0", "SLIT1.0JH"), ("SLIT1.5", "SLIT5.0")])
def test_exposures_of_two_slits_are_refused(others: tuple[str, str]) -> None:
    """Also those whose flats serve each other: light, resolution and sky differ, and a blocking filter leaves orders dark."""
    files = [raw(f"{slit}.fits", ESO__INS__NISE__NAME=slit) for slit in others]
    with pytest.raises(InputError, match="all files must share one slit"):
        select_inputs([*files, *complete()])


def test_an_exposure_behind_a_closed_slit_wheel_is_refused_as_such() -> None:
    with pytest.raises(InputError, match=r"ESO INS NISE NAME is 'BLANK': the slit wheel let no light in"):
        select_inputs([raw(ESO__INS__NISE__NAME="BLANK"), *complete(), product("MASTER_FLAT_NIR", ESO__INS__NISE__NAME="SLIT1.0")])


def test_slit_of_a_dark_does_not_matter() -> None:
    files = [raw(ESO__INS__NISE__NAME="SLIT1.0"), *complete(), product("MASTER_DARK_NIR", ESO__INS__NISE__NAME="SLIT5.0")]
    assert select_inputs(files).one("dark") is files[-1]
