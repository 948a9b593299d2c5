"""Gather: sets of files on disk → values, names, and refusals that name what is wrong."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.remark import Remark
from soxspipe.errors import InputError, MissingInputError
from soxspipe.reductions.stare.gather import gather
from support import inputs as kits
from support.inputs import InputKit
from support.lzw import compress


@pytest.fixture(scope="session")
def vis(tmp_path_factory: pytest.TempPathFactory) -> InputKit:
    return kits.write_set(tmp_path_factory.mktemp("vis"), binning=(2, 2))


@pytest.fixture(scope="session")
def nir(tmp_path_factory: pytest.TempPathFactory) -> InputKit:
    return kits.write_set(tmp_path_factory.mktemp("nir"), arm="NIR", binning=(1, 1))


@pytest.fixture
def own(vis: InputKit, tmp_path: Path) -> InputKit:
    """A private copy of the VIS set, free to be changed."""
    return kits.copy_kit(vis, tmp_path / "own")


def rewrite_sof(kit: InputKit, *without: str, extra: tuple[Path, ...] = ()) -> Path:
    return kits.write_sof(kit.sof, [*(path for role, path in kit.files.items() if role not in without), *extra])


def test_sof_gives_values_names_and_provenance(vis: InputKit) -> None:
    gathered = gather(vis.sof)
    values = gathered.inputs
    assert values.arm.name == "VIS"
    assert values.detector.binning == (2, 2)
    assert values.detector.gain_e_per_adu == 1.25
    assert values.observation.airmass == pytest.approx(1.3)
    assert values.observation.seeing_arcsec == pytest.approx(0.9)
    assert values.observation.slit_width_arcsec == 1.0
    assert values.geometry.shape == values.detector.shape == (2048, 404)
    assert values.masters.bias is not None
    assert values.masters.dark is None
    assert values.masters.flat is not None
    assert not values.is_standard
    provenance = gathered.provenance()
    assert provenance.recipe == "soxs-stare"
    assert provenance.sof_name == "20230225T020000_TEST_STARE"
    assert provenance.night == "2023-02-24"
    assert [file.category for file in provenance.raw] == ["OBJECT_VIS"]
    assert {file.category: len(file.md5) for file in provenance.calibrations} == dict.fromkeys(
        ("MASTER_BIAS_VIS", "MASTER_FLAT_VIS", "ORDER_TAB_VIS", "DISP_TAB_VIS", "DISP_IMAGE_VIS"), 32
    )
    assert values.masters.flat_md5 == next(file.md5 for file in provenance.calibrations if file.category == "MASTER_FLAT_VIS")
    assert ("ESO SEQ ARM", "VIS", "") in provenance.header
    assert dict(provenance.parameters)["slice-length"] == 70


def test_folder_and_list_give_the_same_values_and_a_name_from_the_header(vis: InputKit) -> None:
    expected = gather(vis.sof).inputs
    for given in (str(vis.folder), sorted(map(str, vis.files.values()))):
        gathered = gather(given)
        np.testing.assert_array_equal(gathered.inputs.raw[0].adu, expected.raw[0].adu)
        assert gathered.provenance().sof_name == "20230225T020000_VIS_2X2_1_STARE_OBJ_SLIT1_0_100_0S_SOXS_SN2023abc"


def test_map_of_a_binned_frame_holds_the_means_of_the_blocks(vis: InputKit) -> None:
    dispersion_map = gather(vis.sof).inputs.geometry.dispersion_map
    optics = kits.make_optics("SOXS", "VIS")
    row, column = 1000, round((optics.a0 + optics.a1 * 2 + 0.5) / 2 - 0.5)
    assert dispersion_map.order[row, column] == 2
    wavelength, slit = optics.solve(2, np.array(2 * column + 0.5), np.array(2 * row + 0.5))
    assert dispersion_map.wavelength_nm[row, column] == pytest.approx(wavelength, abs=2e-4)
    assert dispersion_map.slit_arcsec[row, column] == pytest.approx(slit, abs=1e-4)


def test_nir_uses_the_detector_file_for_gain_and_read_noise(nir: InputKit) -> None:
    values = gather(nir.sof).inputs
    assert (values.detector.gain_e_per_adu, values.detector.read_noise_e) == (2.3, 7.3)
    assert values.masters.dark is not None
    assert values.masters.dark.exptime_s == 100.0
    assert values.masters.dark.flags[1, 2] == PixelFlag.BAD
    assert values.masters.dark.variance[0, 0] == 4.0


def test_xshooter_frames_are_read_by_their_own_keywords(tmp_path: Path) -> None:
    kit = kits.write_set(tmp_path, instrument="XSHOOTER", arm="NIR", binning=(1, 1))
    values = gather(kit.sof).inputs
    assert values.arm.instrument == "XSHOOTER"
    assert values.detector.quarter_turns == 1
    assert values.raw[0].adu.shape == (1084, 2044)
    assert values.geometry.shape == (2040, 1056)
    assert values.observation.target == "SN 2023abc"


@pytest.mark.parametrize("packing", ["gz", "GZ", "fz", "Z"])
def test_packed_files_are_read(own: InputKit, packing: str) -> None:
    expected = gather(own.sof).inputs
    for role in ("order_table",) if packing == "Z" else ("raw0", "flat", "order_table"):
        path = own.files[role]
        if packing == "fz":
            if role == "order_table":
                continue
            with fits.open(path) as hdus:
                tiles = [fits.CompImageHDU(hdu.data, hdu.header, compression_type="GZIP_1", quantize_level=0) for hdu in hdus]
                fits.HDUList([fits.PrimaryHDU(), *tiles]).writeto(path.with_name(f"{path.name}.fz"))
        elif packing == "Z":
            path.with_name(f"{path.name}.Z").write_bytes(compress(path.read_bytes()))
        else:
            path.with_name(f"{path.name}.{packing}").write_bytes(gzip.compress(path.read_bytes(), compresslevel=1))
        path.unlink()
    values = gather(own.folder).inputs
    np.testing.assert_array_equal(values.raw[0].adu, expected.raw[0].adu)
    assert values.masters.flat is not None
    assert expected.masters.flat is not None
    np.testing.assert_array_equal(values.masters.flat.flags, expected.masters.flat.flags)
    assert values.geometry.order_table.orders == expected.geometry.order_table.orders


def test_exposures_are_sorted_by_time(own: InputKit) -> None:
    later = kits.another_exposure(own.files["raw0"], own.folder / "a.fits", MJD_OBS=60001.0, EXPTIME=300.0)
    gathered = gather(rewrite_sof(own, "raw0", extra=(later, own.files["raw0"])))
    assert [raw.name for raw in gathered.inputs.raw] == ["raw_0.fits", "a.fits"]
    assert gathered.inputs.observation.exptime_s == 200.0
    assert any("exposure times differ" in warning for warning in gathered.warnings)


def test_flux_standard_is_recognised_and_looked_up(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__DPR__TYPE="STD,FLUX", OBJECT="LTT 7987", RA=302.7369, DEC=-30.2185)
    gathered = gather(own.sof)
    assert gathered.recipe == "soxs-stare-std"
    assert gathered.inputs.is_standard
    assert gathered.inputs.standard is not None
    assert gathered.inputs.standard.name == "LTT7987"
    assert gathered.settings.sky.clip_slit_edge_fraction == 0.07


def test_unknown_standard_is_a_warning(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__DPR__TYPE="STD,FLUX")
    gathered = gather(own.sof)
    assert gathered.inputs.standard is None
    assert any("not in the library" in warning for warning in gathered.warnings)


def test_a_standard_may_be_named_by_its_observing_block_alone(own: InputKit) -> None:
    kits.edit_header(
        own.files["raw0"], ESO__DPR__TYPE="STD,FLUX", OBJECT="STD,FLUX", ESO__OBS__TARG__NAME="STD,FLUX", ESO__OBS__NAME="EG274_VIS_5.0"
    )
    gathered = gather(own.sof)
    assert gathered.inputs.standard is not None
    assert gathered.inputs.standard.name == "EG274"
    assert any("EG274, of the observing block 'EG274_VIS_5.0', is used" in warning for warning in gathered.warnings)


def test_telluric_standard_is_treated_as_science(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__DPR__TYPE="STD,TELLURIC")
    gathered = gather(own.sof)
    assert gathered.recipe == "soxs-stare"
    assert not gathered.inputs.is_standard


def test_verb_overrides_the_header_with_a_warning(vis: InputKit) -> None:
    gathered = gather(vis.sof, verb="stare_std")
    assert gathered.recipe == "soxs-stare-std"
    assert any("stare_std" in warning for warning in gathered.warnings)
    assert not any("stare" in warning and "treated" in warning for warning in gather(vis.sof, verb="stare").warnings)


def test_response_given_means_that_none_is_made(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__DPR__TYPE="STD,FLUX", OBJECT="LTT7987", RA=302.7369, DEC=-30.2185)
    table = kits.write_response_table(own.folder / "resp.fits", kits.raw_header("SOXS", "VIS", binning=(2, 2)), "VIS", [1e-3, 2.0])
    gathered = gather(rewrite_sof(own, extra=(table,)))
    assert gathered.inputs.is_standard  # it still has no host, and its efficiency can be measured
    assert not gathered.inputs.makes_response
    assert gathered.inputs.standard is not None
    assert gathered.inputs.response is not None
    np.testing.assert_array_equal(gathered.inputs.response.polynomial, [1e-3, 2.0])
    assert gathered.inputs.response.extinction_removed


def test_flat_is_optional_and_not_read_when_switched_off(own: InputKit) -> None:
    off = gather(own.sof, {"use_flat": False})
    assert off.inputs.masters.flat is None
    assert off.inputs.masters.flat_md5 == ""
    assert "MASTER_FLAT_VIS" not in {file.category for file in off.provenance().calibrations}
    without = gather(rewrite_sof(own, "flat"))
    assert without.inputs.masters.flat is None
    assert any("no master flat" in warning for warning in without.warnings)


def test_off_frame_takes_the_place_of_the_dark(nir: InputKit, tmp_path: Path) -> None:
    kit = kits.copy_kit(nir, tmp_path)
    cards = kits.raw_header("SOXS", "NIR", exptime=60.0) | {"ESO DPR TECH": "IMAGE"}
    off = kits.write_raw(tmp_path / "off.fits", cards, kit.facts, (1, 1))
    gathered = gather(rewrite_sof(kit, "dark", extra=(off,)))
    dark = gathered.inputs.masters.dark
    assert dark is not None
    assert dark.exptime_s == 60.0
    assert dark.electrons[0, 0] == pytest.approx(2.3 * (400 + (4 + 2 * 4) % 50), rel=1e-6)
    assert dark.variance[0, 0] == pytest.approx(dark.electrons[0, 0] + 7.3**2, rel=1e-5)
    assert any("off-frame" in warning for warning in gathered.warnings)


def test_missing_dispersion_image_is_made_from_the_table(own: InputKit) -> None:
    expected = gather(own.sof).inputs.geometry.dispersion_map
    gathered = gather(rewrite_sof(own, "disp_image"))
    made = gathered.inputs.geometry.dispersion_map
    both = np.isfinite(expected.wavelength_nm) & np.isfinite(made.wavelength_nm)
    assert both.sum() > 0.97 * np.isfinite(expected.wavelength_nm).sum()
    np.testing.assert_allclose(made.wavelength_nm[both], expected.wavelength_nm[both], atol=1e-3)
    np.testing.assert_allclose(made.slit_arcsec[both], expected.slit_arcsec[both], atol=1e-3)
    np.testing.assert_array_equal(made.order[both], expected.order[both])
    assert any("no dispersion image" in warning for warning in gathered.warnings)


def test_inconsistent_dispersion_image_is_replaced(own: InputKit) -> None:
    path = own.files["disp_image"]
    with fits.open(path) as hdus:
        hdus[0].data = hdus[0].data + np.float32(0.05)
        path.unlink()
        hdus.writeto(path)
    gathered = gather(own.sof)
    assert any(re.search(r"differs from disp_table.fits by [0-9.]+ px", warning) for warning in gathered.warnings)


@pytest.mark.parametrize(
    ("role", "needed"),
    [("bias", "MASTER_BIAS_VIS"), ("order_table", "ORDER_TAB_VIS"), ("disp_table", "DISP_TAB_VIS"), ("raw0", "ECHELLE,SLIT,STARE")],
)
def test_missing_required_file_names_what_is_needed(own: InputKit, role: str, needed: str) -> None:
    with pytest.raises(MissingInputError, match=needed):
        gather(rewrite_sof(own, role))


def test_the_time_that_a_dark_does_not_have_is_said(nir: InputKit, tmp_path: Path) -> None:
    kit = kits.copy_kit(nir, tmp_path / "nir")
    later = kits.another_exposure(kit.files["raw0"], kit.folder / "a.fits", MJD_OBS=60001.0, EXPTIME=300.0)
    (said,) = (warning for warning in gather(rewrite_sof(kit, "raw1", extra=(later,))).warnings if "the dark was exposed" in warning)
    assert said.startswith("the dark was exposed for 100 s, the frame for 300 s; ")


def test_nir_needs_a_dark_or_an_off_frame(nir: InputKit, tmp_path: Path) -> None:
    kit = kits.copy_kit(nir, tmp_path)
    with pytest.raises(MissingInputError, match=r"MASTER_DARK_NIR.*off-frame"):
        gather(rewrite_sof(kit, "dark"))


@pytest.mark.parametrize(
    ("role", "cards", "message"),
    [
        ("flat", {"ESO__DET__BINX": 1}, r"flat\.fits: binning \(ESO DET BINX, ESO DET BINY\) is '1x2', '2x2' as in raw_0\.fits is needed"),
        ("bias", {"ESO__DET__READ__CURID": 7}, r"bias\.fits: ESO DET READ CURID is '7', '1' as in raw_0\.fits"),
        ("bias", {"ESO__DET__OUT1__CONAD": 0.6}, r"bias\.fits: ESO DET OUT1 CONAD is '0\.6', '1\.25' .* share one gain$"),
        ("bias", {"ESO__DET__OUT1__CONAD": 0.8}, r"one is the inverse of the other: correct the header that does not state electrons"),
        ("flat", {"ESO__INS__VISE__NAME": "SLIT5.0"}, r"flat\.fits: ESO INS VISE NAME is 'SLIT5\.0', 'SLIT1\.0'"),
        ("flat", {"ESO__SEQ__ARM": "NIR"}, r"flat\.fits: ESO SEQ ARM is 'NIR' but ESO PRO CATG is 'MASTER_FLAT_VIS'"),
        ("raw0", {"EXPTIME": -1.0}, r"raw_0\.fits: EXPTIME is -1\.0, a time above 0 s"),
        ("raw0", {"EXPTIME": None}, r"raw_0\.fits: has no EXPTIME, a time above 0 s is needed"),
        ("raw0", {"ESO__DET__BINX": 3}, r"raw_0\.fits: ESO DET BINX is 3, a binning of 1, 2 or 4"),
        ("raw0", {"ESO__SEQ__ARM": "UVB"}, r"raw_0\.fits: ESO SEQ ARM is 'UVB', known are NIR, VIS"),
    ],
)
def test_files_that_do_not_belong_together(own: InputKit, role: str, cards: dict[str, object], message: str) -> None:
    kits.edit_header(own.files[role], **cards)
    with pytest.raises(InputError, match=message):
        gather(own.sof)


def test_only_raw_frames_must_share_a_read_noise(own: InputKit) -> None:
    """A calibration of another night or read-out says nothing about the frame's read noise; 0.0 in a raw frame means unknown."""
    kits.edit_header(own.files["bias"], ESO__DET__OUT1__RON=7.3)
    kits.edit_header(own.files["raw0"], ESO__DET__OUT1__RON=0.0)
    assert gather(own.sof).inputs.detector.read_noise_e == 3.8
    second = kits.another_exposure(own.files["raw0"], own.folder / "raw_1.fits", ESO__DET__OUT1__RON=9.0, MJD_OBS=60800.1)
    kits.edit_header(own.files["raw0"], ESO__DET__OUT1__RON=3.8)
    with pytest.raises(InputError, match=r"ESO DET OUT1 RON is '(9|3\.8)', '(3\.8|9)' as in"):
        gather(rewrite_sof(own, extra=(second,)))


def test_read_noise_that_the_master_was_measured_to_have_comes_first(own: InputKit) -> None:
    kits.edit_header(own.files["bias"], ESO__QC__RAW__RON=4.4, ESO__PRO__DATANCOM=5)
    used = gather(own.sof).inputs.detector
    assert used.read_noise_e == 4.4
    assert used.read_noise_source == "ESO QC RAW RON in bias.fits"


def test_without_a_gain_that_of_the_masters_is_taken_and_said(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__DET__OUT1__CONAD="n/a", ESO__DET__OUT1__GAIN=0.0)
    gathered = gather(own.sof)
    assert gathered.inputs.detector.gain_e_per_adu == 1.25
    assert any("the gain 1.25 e-/ADU of the header of bias.fits is used" in sentence for sentence in gathered.warnings)


def test_masters_in_adu_are_multiplied_by_the_gain(own: InputKit) -> None:
    electrons = gather(own.sof).inputs.masters.bias
    kits.edit_header(own.files["bias"], BUNIT="adu")
    adu = gather(own.sof).inputs.masters.bias
    assert electrons is not None
    assert adu is not None
    np.testing.assert_allclose(adu.electrons, 1.25 * electrons.electrons)
    np.testing.assert_allclose(adu.variance, 1.25**2 * electrons.variance)
    kits.edit_header(own.files["bias"], BUNIT="furlong")
    with pytest.raises(InputError, match=r"bias\.fits: BUNIT is 'furlong', electron or adu is needed"):
        gather(own.sof)


def test_a_master_without_a_unit_is_named(own: InputKit) -> None:
    path = own.files["bias"]
    with fits.open(path, mode="update") as file:
        for hdu in file:
            hdu.header.remove("BUNIT", ignore_missing=True)
    assert any(warning.startswith(f"{path.name}: BUNIT is missing") for warning in gather(own.sof).warnings)


def test_a_slit_of_the_response_that_is_none_is_named(own: InputKit) -> None:
    cards = kits.raw_header("SOXS", "VIS", binning=(2, 2))
    for slit, said in (("SLIT5.0", False), ("MIRROR?", True)):
        table = kits.write_response_table(own.folder / "resp.fits", cards | {"ESO INS VISE NAME": slit}, "VIS", [1e-3, 2.0])
        warnings = gather(rewrite_sof(own, extra=(table,))).warnings
        assert any("ESO INS VISE NAME is 'MIRROR?', which is not a slit" in warning for warning in warnings) is said


def test_mixed_arms_are_refused(vis: InputKit, nir: InputKit) -> None:
    with pytest.raises(
        InputError,
        match=r"holds files of both arms \(ESO SEQ ARM: .* of VIS, .* of NIR\); all files must share one arm: give those of one",
    ):
        gather([*map(str, vis.files.values()), str(nir.files["raw0"])])


def test_two_slits_may_be_mixed_in_nir(nir: InputKit, tmp_path: Path) -> None:
    kit = kits.copy_kit(nir, tmp_path)
    kits.edit_header(kit.files["raw0"], ESO__INS__NISE__NAME="SLIT1.5")
    kits.edit_header(kit.files["flat"], ESO__INS__NISE__NAME="SLIT5.0")
    assert gather(kit.sof).inputs.observation.slit_name == "SLIT1.5"


def test_wrong_shape_names_both_shapes(own: InputKit) -> None:
    own.files["bias"].unlink()
    kits.write_master(own.files["bias"], kits.raw_header("SOXS", "VIS", binning=(2, 2)), "MASTER_BIAS", "VIS", (2048, 400), 3.0)
    with pytest.raises(InputError, match=r"bias\.fits: the master bias has NAXIS1 x NAXIS2 400 x 2048, 404 x 2048 is needed"):
        gather(own.sof)


def test_truncated_file_is_named(own: InputKit) -> None:
    path = own.files["flat"]
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"flat\.fits: truncated"):
        gather(own.sof)


def test_airmass_at_one_end_is_enough_and_none_is_a_warning(own: InputKit) -> None:
    kits.edit_header(own.files["raw0"], ESO__TEL__AIRM__END=None)
    assert gather(own.sof).inputs.observation.airmass == 1.2
    kits.edit_header(own.files["raw0"], ESO__TEL__AIRM__START=None)
    gathered = gather(own.sof)
    assert gathered.inputs.observation.airmass is None
    assert any("no air mass" in warning for warning in gathered.warnings)


def test_cards_that_the_archive_asks_for_are_named_and_no_fault(vis: InputKit) -> None:
    (said,) = [one for one in gather(vis.sof).warnings if "archive asks" in one]
    assert isinstance(said, Remark)
    assert said.startswith(
        "raw_0.fits: the header has no ORIGIN, TELESCOP, RADESYS or RADECSYS, PROG_ID or ESO OBS PROG ID, OBID1 or ESO OBS ID;"
    )
