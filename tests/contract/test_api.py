"""The public classes: published signatures to the letter, and every method doing what the recipe page says."""

import inspect
import logging
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.table import Table

from soxspipe.errors import AlgorithmError, InputError, MissingInputError, ProductExistsError
from soxspipe.recipes import soxs_stare
from soxspipe.recipes.base_recipe import base_recipe
from soxspipe.reductions.engine import gather
from support.inputs import write_set
from support.runs import HEADER, make_stare_run

CLASS = "(log, settings=False, inputFrames=[], verbose=False, overwrite=False, command=False, debug=False, turnOffMP=False)"
METHODS = {
    "clean_up": "(forceFail=False)",
    "clip_and_stack": "(frames, recipe, ignore_input_masks=False, post_stack_clipping=True)",
    "detrend": "(inputFrame, master_bias=False, dark=False, master_flat=False, order_table=False)",
    "flag_poor_data": "()",
    "get_recipe_settings": "()",
    "prepare_frames": "(save=False)",
    "produce_product": "()",
    "qc_median_flux_level": "(frame, frameType='MBIAS', frameName='master bias', medianFlux=False)",
    "qc_ron": "(frameType=False, frameName=False, masterFrame=False, rawRon=False, masterRon=False)",
    "report_output": "(rformat='stdout')",
    "subtract_mean_flux_level": "(rawFrame)",
    "update_fits_keywords": "(frame, rawFrames=False)",
    "verify_input_frames": "()",
    "xsh2soxs": "(frame)",
}


def published(function) -> str:
    """The signature without annotations and self."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_class_signature():
    assert published(soxs_stare.__init__) == CLASS
    assert issubclass(soxs_stare, base_recipe)
    assert soxs_stare.__module__ == "soxspipe.recipes.soxs_stare"


@pytest.mark.parametrize(("name", "signature"), METHODS.items())
def test_method_signatures(name, signature):
    assert published(getattr(soxs_stare, name)) == signature
    assert inspect.getdoc(getattr(soxs_stare, name))


def test_the_name_in_the_package_is_the_class_whatever_was_imported_before():
    import soxspipe.recipes.soxs_stare  # noqa: F401 - must not turn the name into the module
    from soxspipe.recipes import soxs_stare as again

    assert again is soxs_stare


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("set"), n_raw=2)


@pytest.fixture
def log():
    return logging.getLogger("test_api")


@pytest.fixture
def recipe(kit, log, tmp_path):
    return soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=str(kit.sof))


def test_public_attributes(recipe, kit, tmp_path):
    assert (recipe.arm, recipe.inst, recipe.imageType) == ("VIS", "SOXS", "OBJECT")
    assert recipe.sofName == kit.sof.stem
    assert recipe.startNightDate == "2023-02-24"
    assert recipe.recipeName == "soxs-stare"
    assert recipe.productDir == str(tmp_path / "reduced" / "2023-02-24" / "soxs-stare")
    assert recipe.qcDir == str(tmp_path / "qc" / "2023-02-24" / "soxs-stare")
    assert recipe.productPath == f"{recipe.productDir}/{kit.sof.stem}_EXTRACTED_MERGED.fits"
    assert recipe.generateReponseCurve is False
    assert recipe.detectorParams.gain_e_per_adu == 1.25
    assert recipe.dateObs.startswith("2023-02-25")


@pytest.mark.parametrize("form", ["sof", "folder", "list"])
def test_inputs_come_as_sof_folder_or_list(kit, log, form, tmp_path):
    inputs = {"sof": str(kit.sof), "folder": str(kit.folder), "list": [str(path) for path in kit.files.values()]}[form]
    made = soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=inputs)
    made.verify_input_frames()
    assert made.arm == "VIS"


@pytest.mark.parametrize("inputs", [[], False, "missing.sof", 7])
def test_inputs_of_no_use_are_refused_at_once(log, inputs):
    with pytest.raises((TypeError, FileNotFoundError)):
        soxs_stare(log=log, inputFrames=inputs)


def test_verify_says_which_file_and_keyword_do_not_fit(kit, log, tmp_path):
    changed = write_set(tmp_path / "changed")
    recipe = soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=str(changed.sof))
    with fits.open(changed.files["flat"], mode="update") as hdus:
        hdus[0].header["ESO DET READ CURID"] = 2
    with pytest.raises(TypeError, match=r"flat\.fits.*ESO DET READ CURID"):
        recipe.verify_input_frames()
    changed.files["order_table"].unlink()
    with pytest.raises(MissingInputError):
        recipe.verify_input_frames()


def test_prepared_frames_are_electrons_with_read_noise_errors(recipe, kit, tmp_path):
    frames = recipe.prepare_frames(save=True)
    assert len(frames) == 2
    first = frames[0]
    assert first.unit == "electron"
    assert first.shape == (2048, 404)
    raw = fits.getdata(kit.files["raw0"])[:, 25:429] * 1.25
    np.testing.assert_allclose(first.data, raw)
    np.testing.assert_allclose(first.uncertainty.array, 3.8)
    assert recipe.rawFrames["file"].tolist() == ["raw_0.fits", "raw_1.fits"]
    with fits.open(tmp_path / "raw_0_pre.fits", checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["FLUX", "QUAL", "ERRS"]
        assert hdus[0].header["SXSPRE"]


def ccd(level, *, exptime=100.0, sigma=2.0, shape=(2048, 404)):
    header = fits.Header([("EXPTIME", exptime)])
    return CCDData(
        np.full(shape, float(level)),
        unit="electron",
        uncertainty=StdDevUncertainty(np.full(shape, sigma)),
        mask=np.zeros(shape, bool),
        meta=header,
    )


def test_stacking_averages_and_leaves_out_what_one_frame_alone_shows(recipe):
    frames = [ccd(100.0), ccd(104.0), ccd(102.0)]
    frames[1].data[10, 10] = 60000.0
    frames[2].mask[20, 20] = True
    stacked = recipe.clip_and_stack(frames, "soxs_stare")
    assert isinstance(stacked, CCDData)
    assert stacked.data[0, 0] == pytest.approx(102.0)
    assert stacked.data[10, 10] == pytest.approx(102.0, abs=2.1)
    assert stacked.uncertainty.array[0, 0] == pytest.approx(2.0 / np.sqrt(3))
    assert stacked.header["NCOMBINE"] == 3
    assert not stacked.mask.any()
    frames[2].data[20, 20] = 9000.0
    assert recipe.clip_and_stack(frames[2:], "soxs_stare", ignore_input_masks=True).mask.sum() == 0
    with pytest.raises(InputError, match="no frame"):
        recipe.clip_and_stack([], "soxs_stare")


def test_clipping_after_the_stack_follows_the_settings(kit, log, tmp_path):
    settings = {"workspace-root-dir": str(tmp_path), "soxs-stare": {"frame-clipping-sigma": 5.0, "frame-clipping-iterations": 3}}
    recipe = soxs_stare(log=log, settings=settings, inputFrames=str(kit.sof))
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(2):
        frame = ccd(100.0)
        frame.data = frame.data + 2.0 * rng.standard_normal(frame.shape)
        frame.data[5, 5] = 300.0
        frames.append(frame)
    assert recipe.clip_and_stack(frames, "soxs_stare").mask[5, 5]
    assert not recipe.clip_and_stack(frames, "soxs_stare", post_stack_clipping=False).mask[5, 5]


def test_detrending_subtracts_and_divides(recipe):
    result = recipe.detrend(ccd(500.0), master_bias=ccd(300.0, exptime=0.0), master_flat=ccd(0.5, sigma=0.001))
    np.testing.assert_allclose(result.data, 400.0)
    expected = np.sqrt(2.0**2 + 2.0**2 + 200.0 + (400.0 * 0.001) ** 2) / 0.5
    np.testing.assert_allclose(result.uncertainty.array, expected, rtol=1e-9)
    scaled = recipe.detrend(ccd(500.0, exptime=100.0), master_bias=None, dark=ccd(20.0, exptime=50.0))
    np.testing.assert_allclose(scaled.data, 460.0)


def test_detrending_needs_a_master(recipe):
    with pytest.raises(TypeError, match="master bias, a dark or a master flat"):
        recipe.detrend(ccd(500.0))
    with pytest.raises(TypeError, match="CCDData"):
        recipe.detrend(ccd(500.0), master_bias=np.ones((3, 3)))


def test_an_order_table_has_the_light_between_orders_removed(recipe, kit):
    bias = ccd(300.0, exptime=0.0)
    plain = recipe.detrend(ccd(350.0), master_bias=bias)
    cleaned = recipe.detrend(ccd(350.0), master_bias=bias, order_table=str(kit.files["order_table"]))
    assert np.median(plain.data) == pytest.approx(50.0)
    assert np.median(cleaned.data) == pytest.approx(0.0, abs=0.5)


def test_settings_of_the_recipe_by_published_name(kit, log, tmp_path):
    settings = {"workspace-root-dir": str(tmp_path), "soxs-stare": {"use_flat": False, "vis": {"detect-continuum": {"order-deg": 2}}}}
    found = soxs_stare(log=log, settings=settings, inputFrames=str(kit.sof)).get_recipe_settings()
    assert found["use_flat"] is False
    assert found["detect-continuum"]["order-deg"] == 2
    assert found["stacked-clipping-sigma"] == 15


def test_read_noise_is_measured_on_two_raw_frames(recipe, kit, tmp_path, log):
    rng = np.random.default_rng(5)
    noisy = write_set(tmp_path / "noisy", n_raw=2)
    for role in ("raw0", "raw1"):
        with fits.open(noisy.files[role], mode="update") as hdus:
            hdus[0].data = (300.0 + 4.0 * rng.standard_normal(hdus[0].data.shape)).astype(np.float32)
    measured = soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=str(noisy.sof))
    raw, master = measured.qc_ron(frameType="OBJECT", frameName="objects", masterFrame=measured.prepare_frames()[0])
    assert raw == pytest.approx(5.0, rel=0.01)  # 4 ADU at 1.25 e-/ADU
    assert master == pytest.approx(5.0, rel=0.01)
    assert set(measured.qc["qc_name"]) == {"RAW RON", "MASTER RON"}
    assert recipe.qc_ron(rawRon=3.0, masterRon=1.0) == (3.0, 1.0)


def test_identical_frames_have_no_read_noise_to_measure(recipe):
    with pytest.raises(ValueError, match="identical"):
        recipe.qc_ron()


def test_median_and_mean_levels(recipe):
    frame = ccd(100.0)
    frame.data[0, :10] = 1e6
    frame.mask[0, :5] = True
    assert recipe.qc_median_flux_level(frame) == 100.0
    assert recipe.qc["qc_name"].tolist() == ["MBIAS MEDIAN"]
    mean, std, shifted = recipe.subtract_mean_flux_level(frame)
    assert (mean, std) == (100.0, 0.0)
    assert shifted.data[5, 5] == 0.0
    assert frame.data[5, 5] == 100.0


def test_headers_of_products_gain_provenance_and_lose_dpr(recipe):
    frame = recipe.prepare_frames()[0]
    recipe.qc_median_flux_level(frame, "OBJECT", "object")
    assert "ESO DPR TYPE" in frame.header
    recipe.update_fits_keywords(frame, rawFrames=["raw_1.fits"])
    assert not [keyword for keyword in frame.header if keyword.startswith("ESO DPR")]
    assert frame.header["ESO PRO REC1 RAW1 NAME"] == "raw_1.fits"
    assert "ESO PRO REC1 RAW2 NAME" not in frame.header
    assert frame.header["ESO PRO REC1 ID"] == "soxs-stare"
    assert isinstance(frame.header["ESO QC OBJECT MEDIAN"], float)


def test_poor_data_are_flagged_by_the_users_ranges(kit, log, tmp_path):
    settings = {"workspace-root-dir": str(tmp_path), "qc-acceptable-ranges": {"mbias-median": [0, 50]}}
    recipe = soxs_stare(log=log, settings=settings, inputFrames=str(kit.sof))
    recipe.qc_median_flux_level(ccd(100.0))
    recipe.flag_poor_data()
    assert recipe.qc["qc_flag"].tolist() == ["fail"]
    assert recipe.qc["qc_value_max"].tolist() == [50.0]


def test_xsh_frames_are_turned_and_soxs_frames_are_not(recipe, log, tmp_path):
    frame = ccd(0.0, shape=(3, 4))
    frame.data[:] = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(recipe.xsh2soxs(frame).data, np.arange(12.0).reshape(3, 4))
    kit = write_set(tmp_path / "xsh", instrument="XSHOOTER", arm="NIR", binning=(1, 1))
    xsh = soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=str(kit.sof))
    turned = xsh.xsh2soxs(frame)
    assert turned is frame
    np.testing.assert_array_equal(turned.data, np.rot90(np.arange(12.0).reshape(3, 4)))
    assert turned.mask.shape == turned.uncertainty.array.shape == (4, 3)


def test_clean_up_removes_leftovers_and_says_what_failed(recipe, caplog):
    folder = Path(recipe.productDir)
    folder.mkdir(parents=True)
    (folder / f".unfinished-{recipe.sofName}~abc.fits").write_text("half")
    (folder / "kept.fits").write_text("whole")
    with caplog.at_level(logging.INFO):
        recipe.clean_up()
        assert not caplog.records
        recipe.clean_up(forceFail="the star was not found")
    assert [path.name for path in folder.iterdir()] == ["kept.fits"]
    assert "the star was not found" in caplog.text


class FakeGathered:
    """What `gather` returns, for a pretended run."""

    def __init__(self, run):
        self.inputs, self.settings, self.recipe = run.inputs, run.settings, run.provenance.recipe
        self.warnings, self.notes, self.header = (), (), HEADER
        self.sof_name, self.night = run.provenance.sof_name, run.provenance.night
        self.provenance_so_far = self.provenance = lambda: run.provenance


@pytest.fixture
def pretended(monkeypatch):
    run = make_stare_run("NIR", standard=True)
    monkeypatch.setattr("soxspipe.reductions.engine.gather", lambda *_args, **_options: FakeGathered(run))
    monkeypatch.setattr("soxspipe.reductions.stare.reduce.reduce_stare", lambda *_args, **_options: run.result)
    return run


def test_the_snippet_of_the_page(pretended, log, tmp_path, caplog):
    settings, fileList = {"workspace-root-dir": str(tmp_path)}, "my.sof"
    with caplog.at_level(logging.INFO):
        recipe = soxs_stare(log=log, settings=settings, inputFrames=fileList)
        stareFrame = recipe.produce_product()
    assert stareFrame.endswith("_FLUXCAL.fits")
    assert recipe.productPath == stareFrame
    assert len(Table.read(stareFrame, hdu=1)) == pretended.result.merged.flux.size
    assert set(recipe.products["label"]) == {"PROD", "QC"}
    assert stareFrame in recipe.products["file_path"].tolist()
    assert recipe.qc.colnames[:6] == ["soxspipe_recipe", "qc_name", "qc_value", "qc_unit", "qc_order", "qc_comment"]
    row = recipe.qc[recipe.qc["qc_name"] == "N ORDERS"]
    assert (row["qc_value"][0], row["qc_value_min"][0], row["qc_flag"][0]) == (3, 15, "fail")
    assert recipe.qc["qc_value"].mask[recipe.qc["qc_name"] == "X RES SD"].all()
    assert "# SOXS-STARE-STD QC METRICS" in caplog.text
    assert "N ORDERS" in next(record.message for record in caplog.records if record.levelname == "ERROR")


def test_an_existing_product_is_refused_at_construction(pretended, log, tmp_path):
    settings = {"workspace-root-dir": str(tmp_path)}
    soxs_stare(log=log, settings=settings, inputFrames="my.sof").produce_product()
    with pytest.raises(FileExistsError):
        soxs_stare(log=log, settings=settings, inputFrames="my.sof")
    with pytest.raises(ProductExistsError):
        soxs_stare(log=log, settings=settings, inputFrames="my.sof")
    assert soxs_stare(log=log, settings=settings, inputFrames="my.sof", overwrite=True).produce_product()


def test_a_log_with_print_gets_the_tables_through_it(pretended, tmp_path):
    class PrintingLog(logging.Logger):
        printed: ClassVar[list[str]] = []

        def print(self, text):
            self.printed.append(text)

    log = PrintingLog("printing")
    soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames="my.sof").produce_product()
    assert len(log.printed) == 1
    assert "RECIPE PRODUCTS & QC OUTPUTS" in log.printed[0]


def test_without_settings_products_go_to_the_working_directory(pretended, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert soxs_stare(log=log, inputFrames="my.sof", turnOffMP=True).produce_product().startswith(str(tmp_path / "reduced"))


def test_turning_multiprocessing_off_reads_in_one_thread(monkeypatch, kit, log, tmp_path):
    seen = {}

    def watched(*arguments, **options):
        seen.update(options)
        return gather(*arguments, **options)

    def stopped(*_arguments):
        raise AlgorithmError("far enough")

    monkeypatch.setattr("soxspipe.reductions.engine.gather", watched)
    monkeypatch.setattr("soxspipe.reductions.stare.reduce.reduce_stare", stopped)
    recipe = soxs_stare(log=log, settings={"workspace-root-dir": str(tmp_path)}, inputFrames=str(kit.sof), turnOffMP=True)
    with pytest.raises(AlgorithmError, match="far enough"):
        recipe.produce_product()
    assert seen["workers"] == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
