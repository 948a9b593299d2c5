"""A folder with everything that the reference pipeline leaves: the files that fit are chosen, and it is said which and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.datamodel.remark import Remark
from soxspipe.errors import InputError
from soxspipe.io.classify import odd_tags
from soxspipe.reductions.find_files import find_files
from soxspipe.reductions.select import Selected
from soxspipe.reductions.stare.spec import STARE
from support.inputs import make_header

NIGHT = 60000.0


def cards(catg: str = "", tech: str = "", *, mjd: float = 0.5, exptime: float = 60.0, slit: str = "SLIT1.0", **more: object) -> fits.Header:
    """Header of a file of the night, `mjd` days after its noon; a raw target without a category."""
    base: dict[str, object] = {
        "INSTRUME": "SOXS", "ESO SEQ ARM": "NIR", "MJD-OBS": NIGHT + mjd, "EXPTIME": exptime, "ESO INS NISE NAME": slit,
        "ESO DET READ CURID": 3, "SXSPRE": "T",
    }  # fmt: skip
    if catg:
        base |= {"ESO PRO CATG": catg, "ESO PRO TECH": tech, "ESO PRO TYPE": "REDUCED", "ESO PRO REC1 PIPE ID": "soxspipe/v0.17.4"}
    else:
        base |= {"ESO DPR TYPE": "OBJECT", "ESO DPR TECH": "ECHELLE,SLIT,STARE", "ESO DPR CATG": "SCIENCE", "OBJECT": "SN2026b"}
    return make_header(base | more)


def images(path: Path, header: fits.Header, names: Sequence[str] = ("FLUX", "QUAL", "ERRS")) -> None:
    pixels = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    hdus = [fits.PrimaryHDU(pixels, header), *(fits.ImageHDU(pixels) for _ in names[1:])]
    for hdu, name in zip(hdus, names, strict=True):
        hdu.header["EXTNAME"] = name
    fits.HDUList(hdus).writeto(path)


def table(path: Path, header: fits.Header, columns: Sequence[str]) -> None:
    rows = fits.BinTableHDU.from_columns([fits.Column(name, "D", array=[0.0]) for name in columns])
    fits.HDUList([fits.PrimaryHDU(header=header), rows]).writeto(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Products of mdark, disp_solution, order_centres, mflat, spat_solution and a standard, under the reference's names."""
    night = "20230225T"
    for seconds, when in ((60.0, "1805"), (300.0, "1811"), (900.0, "1830")):
        images(tmp_path / f"{night}{when}40_NIR_3_MDARK_{seconds:.0f}_0S_SOXS.fits", cards("MASTER_DARK_NIR", "IMAGE", exptime=seconds))
    dispersion = ("axis", "order_deg", "wavelength_deg", "slit_deg")
    table(
        tmp_path / f"{night}184230_NIR_3_DSOL_PINHOLE_20_0S_SOXS.fits",
        cards("DISP_TAB_NIR", "ECHELLE,PINHOLE", slit="PINHOLE"),
        (*dispersion, "c000", "c010", "c100"),
    )
    table(
        tmp_path / f"{night}184430_NIR_3_OLOC_QTH_PINHOLE_20_0S_SOXS.fits",
        cards("ORDER_TAB_NIR", "ECHELLE,SLIT", slit="PINHOLE"),
        ("degorder_cent", "degx_cent", "cent_00", "degorder_std", "std_00"),
    )
    for slit in ("1_0", "1_5"):
        flat = f"{night}184630_NIR_3_MFLAT_QTH_SLIT{slit}_20_0S_SOXS"
        header = cards("MASTER_FLAT_NIR", "IMAGE", slit=f"SLIT{slit.replace('_', '.')}")
        images(tmp_path / f"{flat}.fits", header)
        images(tmp_path / f"{flat}_BKGROUND.fits", header)
    table(
        tmp_path / f"{night}184630_NIR_3_OLOC_QTH_SLIT1_0_20_0S_SOXS.fits",
        cards("ORDER_TAB_NIR", "ECHELLE,SLIT"),
        ("degorder_cent", "degx_cent", "cent_00", "degorder_edgeup", "edgeup_c00", "degorder_edgelow", "edgelow_c00"),
    )
    name = f"{night}185830_NIR_3_SSOL_MULTPIN_20_0S_SOXS"
    table(tmp_path / f"{name}.fits", cards("DISP_TAB_NIR", "ECHELLE,MULTI-PINHOLE", slit="MULTPIN"), (*dispersion, "c000", "c001", "c010"))
    images(
        tmp_path / f"{name}_IMAGE.fits",
        cards("DISP_IMAGE_NIR", "ECHELLE,MULTI-PINHOLE", slit="MULTPIN"),
        ("WAVELENGTH", "SLIT", "ORDER"),
    )
    images(tmp_path / f"{name}_A_IMAGE.fits", cards("DISP_IMAGE_NIR", "ECHELLE,MULTI-PINHOLE", slit="MULTPIN"), ("WAVELENGTH",))
    for number, mjd in ((1, 0.3), (2, 0.69)):
        resp = cards("RESP_TAB_NIR", "ECHELLE,SLIT", mjd=mjd, slit="SLIT5.0")
        table(tmp_path / f"{night}23000{number}_NIR_3_STARE_STD_FLUX_RESP.fits", resp, ("polyOrder", "c0"))
    table(tmp_path / f"{night}230001_NIR_3_STARE_STD_FLUX_EXTRACTED_MERGED.fits", cards("SCI_SLIT_FLUX_NIR", "ECHELLE,SLIT"), ("WAVE",))
    images(tmp_path / "SOXS_STARE_0001.fits", cards(mjd=0.7, exptime=300.0), ("FLUX",))
    return tmp_path


def selected(folder: Path) -> Selected:
    return find_files(folder).select(STARE.inputs, "stare")


def test_what_fits_the_exposure_is_chosen(folder: Path) -> None:
    found = selected(folder)
    names = {row: files[0].path.name for row, files in found.files.items()}
    assert names == {
        "exposures": "SOXS_STARE_0001.fits",
        "dark": "20230225T181140_NIR_3_MDARK_300_0S_SOXS.fits",
        "flat": "20230225T184630_NIR_3_MFLAT_QTH_SLIT1_0_20_0S_SOXS.fits",
        "order_table": "20230225T184630_NIR_3_OLOC_QTH_SLIT1_0_20_0S_SOXS.fits",
        "dispersion_table": "20230225T185830_NIR_3_SSOL_MULTPIN_20_0S_SOXS.fits",
        "dispersion_image": "20230225T185830_NIR_3_SSOL_MULTPIN_20_0S_SOXS_IMAGE.fits",
        "response": "20230225T230002_NIR_3_STARE_STD_FLUX_RESP.fits",
    }


def test_which_and_why_is_said_and_is_no_fault(folder: Path) -> None:
    said = "\n".join(selected(folder).warnings)
    assert "3 master darks are given; 20230225T181140_NIR_3_MDARK_300_0S_SOXS.fits is used (its exposure time fits best)" in said
    assert "4 master flats are given" in said
    assert "(the other is an image of scattered light, its slit fits)" in said
    assert "2 order tables are given" in said
    assert "it has the edges of the orders" in said
    assert "it has slit positions, from several pinholes" in said
    assert "it has wavelength, slit position and order" in said
    assert "2 response tables are given" in said
    assert "it is nearest in time" in said
    assert all(isinstance(sentence, Remark) for sentence in selected(folder).warnings)


def test_tables_of_another_pipeline_are_known_as_such(folder: Path) -> None:
    for path in folder.glob("*_NIR_3_[DS]SOL_*_SOXS.fits"):
        fits.setval(path, "ESO PRO REC1 PIPE ID", value="xsh/3.5.3")
    with pytest.raises(InputError, match=r"is a dispersion table of ESO's X-shooter pipeline, .* soxspipe spat_solution makes is needed"):
        selected(folder)


def test_the_order_table_of_another_pipeline_is_known_as_such(folder: Path) -> None:
    """Its category is none of ours, so that ours would only be missing."""
    for path in folder.glob("*_OLOC_*"):
        fits.setval(path, "ESO PRO CATG", value="ORDER_TAB_EDGES_SLIT_NIR")
    with pytest.raises(InputError, match=r"is an order table of ESO's X-shooter pipeline, .* soxspipe mflat makes is needed$"):
        selected(folder)


def test_an_unknown_instrument_is_named_with_what_is_known(folder: Path) -> None:
    for path in [path for path in folder.iterdir() if "SSOL" not in path.name]:
        fits.setval(path, "INSTRUME", value="EFOSC")
    with pytest.raises(InputError, match=r"3 inputs are missing .*INSTRUME is 'EFOSC', known are SOXS, XSHOOTER; "):
        selected(folder)


def test_a_master_of_the_other_arm_is_named_by_the_exposure(folder: Path) -> None:
    dark = next(folder.glob("*MDARK_300*"))
    fits.setval(dark, "ESO SEQ ARM", value="VIS")
    fits.setval(dark, "ESO PRO CATG", value="MASTER_DARK_VIS")
    with pytest.raises(
        InputError, match=r"SOXS_STARE_0001\.fits: ESO SEQ ARM is 'NIR', but these files are of another arm: .*MDARK_300.* \(VIS\)"
    ):
        selected(folder)


def test_tags_that_no_kind_of_file_has(folder: Path) -> None:
    files = find_files(folder).classified[:3]
    assert odd_tags({files[0].path: files[0].tag, files[1].path: "STD_FLUX_NIR", files[2].path: "ORDER_TAB_NIR"}, files) == ()
    (said,) = odd_tags({files[0].path: "SCIENCE", files[1].path: "science"}, files)
    assert said.startswith("tag 'SCIENCE' of 20230225T180540_NIR_3_MDARK_60_0S_SOXS.fits and 1 more is not known; by its header it is")
