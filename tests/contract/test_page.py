"""The recipe page as a contract: every row of its tables (page.yaml) is exercised on files, through the public class.

A row that nothing here knows how to exercise fails.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from soxspipe.errors import InputError, MissingInputError, SettingsError
from soxspipe.instruments.registry import instruments
from soxspipe.io.static import read_bad_pixels, read_spectral_format
from soxspipe.recipes import soxs_stare
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare.gather import Gathered, gather
from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.load import load_settings
from soxspipe.settings.published_names import leaf_by_name, leaves
from soxspipe.settings.stare import StareSettings
from support.small import Kit, small_detectors

PAGE: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("page.yaml").read_text(encoding="utf-8"))
LOG = logging.getLogger("test_page")
QUIET = {"make_plots": False}


def rows(table: list[dict[str, Any]], name: str) -> Any:
    return pytest.mark.parametrize("row", table, ids=[str(row[name]) for row in table])


def underscored(label: str) -> str:
    return label.replace(" ", "_")


# ----- inputs


REQUIRED = {
    "bias": ("VIS", "MASTER_BIAS_VIS"),
    "dark": ("NIR", "MASTER_DARK_NIR"),
    "order_table": ("VIS", "ORDER_TAB_VIS"),
    "disp_table": ("VIS", "DISP_TAB_VIS"),
    "science": ("VIS", "ECHELLE,SLIT,STARE"),
}
OPTIONAL = {"flat": "no master flat", "disp_image": "no dispersion image"}


@rows(PAGE["inputs"], "key")
def test_inputs(row, small_kit, small, tmp_path):
    key = row["key"]
    assert key in REQUIRED or key in OPTIONAL, f"nothing exercises the input {row['content']!r}"
    arm, needed = REQUIRED.get(key, ("VIS", ""))
    kit = small_kit(arm=arm).copy(tmp_path / "set")
    role = "raw0" if key == "science" else key
    with fits.open(kit.files[role]) as hdus:
        assert any(isinstance(hdu, fits.BinTableHDU) for hdu in hdus) == ("Table" in row["data_type"])
    sof = str(kit.write_sof(role))
    if key in REQUIRED:
        with pytest.raises(MissingInputError, match=needed):
            gather(sof)
    else:
        assert any(OPTIONAL[key] in warning for warning in gather(sof).warnings)


TEMPLATES = {
    "SOXS_slt_obs_StareSynchro": ("OBJECT", "soxs-stare"),
    "SOXS_slt_cal_SpecphotStdStare": ("STD,FLUX", "soxs-stare-std"),
    "SOXS_slt_cal_TelluricStdStare": ("STD,TELLURIC", "soxs-stare"),
}


@pytest.mark.parametrize("template", PAGE["inputs"][0]["related_ob"])
def test_observing_templates(template, small_kit, small, tmp_path):
    assert template in TEMPLATES, f"nothing exercises the template {template}"
    kind, recipe = TEMPLATES[template]
    kit = small_kit().copy(tmp_path / "set")
    with fits.open(kit.own("raw0"), mode="update") as hdus:
        hdus[0].header["ESO DPR TYPE"] = kind
    assert gather(str(kit.sof)).recipe == recipe


@pytest.mark.parametrize("form", PAGE["input_forms"])
def test_input_forms(form, small_kit, small):
    kit = small_kit()
    given = {
        "directory": str(kit.folder),
        "set-of-files (SOF) file": str(kit.sof),
        "list of fits frame paths": [str(path) for path in kit.files.values()],
    }
    assert form in given, f"nothing exercises the input form {form!r}"
    recipe = soxs_stare(log=LOG, settings=QUIET, inputFrames=given[form])
    recipe.verify_input_frames()
    assert recipe.arm == "VIS"


# ----- static files


ARMS = [(known.name, arm) for known in instruments() for arm in known.arms]


def bad_pixel_map(instrument: str, arm: str) -> None:
    facts = next(known for known in instruments() if known.name == instrument).arms[arm]
    for binning in ((1, 1), (2, 1), (1, 2), (2, 2)) if facts.binnable else ((1, 1),):
        if (instrument, arm, binning) in (("XSHOOTER", "UVB", (2, 1)), ("XSHOOTER", "VIS", (2, 1))):
            continue  # X-shooter is not read out in this binning
        found = read_bad_pixels(instrument, arm, binning)
        assert found is not None
        assert found.dtype == bool
        assert found.shape == (facts.detector.shape[0] // binning[1], facts.detector.shape[1] // binning[0])


def spectral_format(instrument: str, arm: str) -> None:
    orders = read_spectral_format(instrument, arm).orders
    assert len(orders) >= 4
    assert all(entry.full_nm[0] < entry.full_nm[1] for entry in orders)


STATIC = {"bad_pixel_map": bad_pixel_map, "spectral_format": spectral_format}


@pytest.mark.parametrize(("instrument", "arm"), ARMS)
@rows(PAGE["static_files"], "key")
def test_static_files(row, instrument, arm):
    assert row["key"] in STATIC, f"nothing exercises the static file {row['content']!r}"
    STATIC[row["key"]](instrument, arm)


# ----- parameters


SCIENCE = {"exposures": 3, "cosmic_ray_rate": 20.0, "exptime_s": 300.0, "flexure_dispersion_px": 0.6}
STANDARD = {"target": "standard", "ab_mag": None}
EXTENDED = {"target": "standard", "ab_mag": 10.0, "host_ab_mag": 9.0, "arm": "NIR"}
STRUCK = {"cosmic_ray_rate": 30.0, "exptime_s": 600.0}

CHANGES: Mapping[str, tuple[Mapping[str, Any], Any]] = {
    "use_flat": (STANDARD, False),
    "subtract_background": (STANDARD, False),
    "use_lacosmic": (STRUCK, False),
    "stacked_clipping_sigma": (SCIENCE, 4.0),
    "stacked_clipping_iterations": (SCIENCE, 0),
    "horne_extraction_slit_length": (STANDARD, 9),
    "horne_extraction_profile_poly_order": (EXTENDED, 0),
    "horne_extraction_profile_global_clipping_sigma": (STANDARD, 4.0),
    "horne_extraction_profile_clipping_sigma": (STRUCK, 1.0),
    "horne_extraction_profile_clipping_iteration_count": (SCIENCE, 0),
    "horne_extraction_along_lines": (SCIENCE, True),
    "subtract_host": ({"ab_mag": 15.0, "host_ab_mag": 14.0, "host_fwhm_arcsec": 4.0, "exptime_s": 600.0}, False),
    "order_sample_count": (STANDARD, 40),
    "slice_length": (STANDARD, 20),
    "slice_width": (STANDARD, 21),
    "peak_sigma_limit": (SCIENCE, 1e4),
    "order_deg": (STANDARD, 1),
    "disp_axis_deg": (STANDARD, 1),
    "poly_fitting_residual_clipping_sigma": (STANDARD, 1.5),
    "poly_clipping_iteration_limit": (STANDARD, 0),
    "bspline_deg": (STANDARD, 3),
    "gaussian_blur_sigma": (STANDARD, 10),
    "max_iteration": (STANDARD, 1),
    "poly_order": (STANDARD, 2),
    "object_slit_arcsec": (STANDARD, -2.0),
    "apply_wavelength_shift": (SCIENCE, False),
    "lacosmic_sigma": (STRUCK, 4.0),
    "subtract_sky": (STANDARD, False),
    "clip_slit_edge_fraction": (STANDARD, 0.2),
    "bspline_order": (STANDARD, 2),
    "slit_illumination_order": (STANDARD, 0),
    "min_points_per_knot": (STANDARD, 200),
    "skyline_significance": (STANDARD, 500.0),
    "bspline_fitting_residual_clipping_sigma": (STANDARD, 3.0),
    "bspline_iteration_limit": (STANDARD, 1),
    "scale_dark": ({"arm": "NIR", "exptime_s": 600.0, "dark_exptime_s": 60.0}, True),
    "saturation_adu": (STANDARD, 2000.0),
}
"""Scene in which a setting must show, and a value other than the default."""

IN_PRODUCTS = {"compat", "make_plots", "plots", "sky_model_qc_plot", "qc_acceptable_ranges"}
ELSEWHERE = {
    "stack_before_extraction": "tests/contract/test_page.py",
    "correct_slit_loss": "tests/unit/algorithms/spectra/test_flux_calibration.py",
    "wavelength_frame": "tests/unit/reductions/stare/test_moved.py",
    "wavelength_medium": "tests/unit/reductions/stare/test_moved.py",
    "finish_spectra": "tests/unit/night/test_finishing.py",
}
"""Settings that change what a single set without a response does not hold, and the tests of their effect."""
TYPES = {"bool": bool, "int": int, "float": float}
WRONG = {"bool": "perhaps", "int": "many", "float": "wide"}


def name_of(parameter: str) -> str:
    """Field of a parameter as the page names it."""
    return parameter.split(": ")[-1]


@rows(PAGE["parameters"], "parameter")
def test_parameters_are_known_typed_and_checked(row):
    name = name_of(row["parameter"])
    assert name in leaf_by_name(), f"{name} is no setting"
    assert name in CHANGES, f"nothing shows the effect of {name}"
    leaf = leaf_by_name()[name]
    defaults = load_settings(None, instrument="SOXS", recipe="soxs-stare", arm="VIS").settings
    value = getattr(getattr(defaults, leaf.section) if leaf.section else defaults, name)
    assert isinstance(value, TYPES[row["type"]]) or (row["type"] == "int" and float(value).is_integer())
    for spelling in (name, name.replace("_", "-")):
        chosen = {name: CHANGES[name][1]} if spelling == name else {spelling: CHANGES[name][1]}
        loaded = load_settings(chosen, instrument="SOXS", recipe="soxs-stare", arm="VIS")
        assert loaded.warnings == ()
        assert loaded.settings != defaults
        with pytest.raises(SettingsError, match=rf"{leaf.spelling}.*{WRONG[row['type']]}.*is needed"):
            load_settings({spelling: WRONG[row["type"]]}, instrument="SOXS", recipe="soxs-stare", arm="VIS")


@pytest.fixture(scope="module")
def reduced(small_kit) -> Callable[..., dict[str, str]]:
    """Digests of everything that reducing a scene gives, by place in the result."""
    known: dict[str, dict[str, str]] = {}

    def digests(scene: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, str]:
        name = repr((sorted(scene.items()), sorted(chosen.items())))
        if name not in known:
            with small_detectors():
                gathered = gather(str(small_kit(**scene).sof), {**QUIET, **chosen})
                known[name] = dict(_digests(reduce_stare(_spoiled(gathered).inputs, gathered.settings, StepTimer()), "result"))
        return known[name]

    return digests


def _spoiled(gathered: Gathered) -> Gathered:
    """A library spectrum with a false bump, so that rounds of clipping have something to clip."""
    star = gathered.inputs.standard
    if star is None:
        return gathered
    bump = np.abs(star.wavelength_nm - 760.0) < 4.0
    star = dataclasses.replace(star, flux=np.where(bump, 1.5, 1.0) * star.flux)
    return dataclasses.replace(gathered, inputs=dataclasses.replace(gathered.inputs, standard=star))


def _digests(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, np.ndarray):
        yield place, hashlib.md5(np.ascontiguousarray(value).tobytes()).hexdigest()
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _digests(getattr(value, field.name), f"{place}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _digests(item, f"{place}[{key}]")
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _digests(item, f"{place}[{index}]")
    else:
        yield place, repr(value)


def _effects() -> Iterator[Any]:
    """Every setting that changes numbers; those of the page in the quick suite."""
    published = {name_of(row["parameter"]) for row in PAGE["parameters"]}
    for leaf in leaves():
        if leaf.field in IN_PRODUCTS or leaf.field in ELSEWHERE:
            continue
        marks = [] if leaf.field in published else [pytest.mark.slow]
        yield pytest.param(leaf.field, marks=marks)


@pytest.mark.parametrize("name", list(_effects()))
def test_settings_have_a_visible_effect(name, reduced):
    assert name in CHANGES, f"nothing shows the effect of {name}"
    scene, value = CHANGES[name]
    assert reduced(scene, {name: value}) != reduced(scene, {})


@pytest.mark.slow
def test_exposures_that_are_not_stacked_have_products_of_their_own(small_kit, tmp_path):
    with small_detectors():
        made(small_kit(exposures=3), tmp_path, {**QUIET, "stack_before_extraction": False})
    found = {path.name.removesuffix("_EXTRACTED_MERGED.fits")[-3:] for path in tmp_path.rglob("*_EXTRACTED_MERGED.fits")}
    assert found == {"_F1", "_F2", "_F3"}


@pytest.mark.slow
def test_settings_of_products_have_a_visible_effect(science, small_kit, tmp_path):
    sky_plots = {"make_plots": True, "sky_model_qc_plot": True, "qc_acceptable_ranges": {"snr-median": [0.0, 0.5]}}
    with small_detectors():
        changed = made(small_kit(), tmp_path, sky_plots)
    plain, drawn = ({str(name) for name in recipe.products["product_label"]} for recipe in (science, changed))
    assert {"SKY_MODEL_QC_PLOTS", "REPORT", "BKGROUND"} <= drawn - plain
    assert changed.qc["qc_flag"][changed.qc["qc_name"] == "SNR MEDIAN"].tolist() == ["fail"]


# ----- outputs and metrics


def made(kit: Kit, folder: Path, settings: Mapping[str, Any], **options: Any) -> soxs_stare:
    """The recipe after it has made its products."""
    recipe = soxs_stare(log=LOG, settings={"workspace-root-dir": str(folder), **settings}, inputFrames=str(kit.sof), **options)
    recipe.produce_product()
    return recipe


@pytest.fixture(scope="module")
def standards(small_kit, tmp_path_factory) -> dict[str, soxs_stare]:
    """A flux standard reduced in both arms; every optional figure in one of them."""
    with small_detectors():
        return {
            arm: made(small_kit(arm=arm, **STANDARD), tmp_path_factory.mktemp(arm), settings)
            for arm, settings in (("VIS", {"sky_model_qc_plot": True}), ("NIR", QUIET))
        }


@pytest.fixture(scope="module")
def science(small_kit, tmp_path_factory) -> soxs_stare:
    """A science target reduced."""
    with small_detectors():
        return made(small_kit(), tmp_path_factory.mktemp("science"), QUIET)


@rows(PAGE["outputs"], "label")
def test_outputs(row, standards):
    products = standards["VIS"].products
    found = [entry for entry in products if underscored(entry["product_label"]) == underscored(row["label"])]
    assert found, f"no product {row['label']!r}"
    for entry in found:
        path = Path(entry["file_path"])
        assert entry["file_type"] == row["data_type"]
        assert entry["product_desc"].startswith(row["content"].rstrip("."))
        assert path.stat().st_size > 0
        if row["data_type"] == "FITS":
            header = fits.getheader(path)
            for keyword, wanted in (("CATG", row["pro_catg"]), ("TYPE", row["pro_type"]), ("TECH", row["pro_tech"])):
                if wanted is not None:
                    assert header[f"ESO PRO {keyword}"] == wanted.replace("<ARM>", "VIS")


@rows(PAGE["qc_metrics"], "label")
def test_metrics(row, standards, science):
    pattern = re.compile(re.escape(row["label"]).replace("<N>", r"(\d+|[a-z])") + "$", re.IGNORECASE)
    measured = 0
    for arm, recipe in standards.items():
        found = [metric for metric in recipe._metrics if pattern.match(metric.name)]
        assert found, f"no metric {row['label']!r} in {arm}"
        for metric in found:
            assert metric.unit == (row["unit"] or "")
            limits = row["ranges"].get(arm)
            limits = (limits, limits) if isinstance(limits, int) else (None, None) if limits is None else tuple(limits)
            assert (metric.low, metric.high) == limits
            measured += metric.value is not None
    assert measured, f"{row['label']!r} is measured in no arm"
    for metric in science._metrics:
        if pattern.match(metric.name):
            assert (metric.low, metric.high, metric.flag) == (None, None, "pass")


# ----- the class


def published(function: Any) -> str:
    """Signature without annotations and self."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_class():
    entry = PAGE["api"]["class"]
    found = getattr(importlib.import_module(entry["module"]), entry["name"])
    base, name = entry["base"].rsplit(".", 1)
    assert published(found.__init__) == entry["signature"]
    assert issubclass(found, getattr(importlib.import_module(base), name))


class _PrintingLog(logging.Logger):
    """A logger that remembers."""

    def __init__(self) -> None:
        super().__init__("printing")
        self.said: list[str] = []

    def print(self, text: str) -> None:
        self.said.append(text)


def _quiet(kit: Kit, folder: Path, **options: Any) -> soxs_stare:
    return made(kit, folder, QUIET, **options)


def _log(kit: Kit, folder: Path) -> None:
    log = _PrintingLog()
    soxs_stare(log=log, settings={**QUIET, "workspace-root-dir": str(folder)}, inputFrames=str(kit.sof)).produce_product()
    assert "QC METRICS" in log.said[0]


def _settings(kit: Kit, folder: Path) -> None:
    assert made(kit, folder, {**QUIET, "use_flat": False}).get_recipe_settings()["use_flat"] is False


def _input_frames(kit: Kit, folder: Path) -> None:
    with pytest.raises(InputError):
        soxs_stare(log=LOG, settings={"workspace-root-dir": str(folder)}, inputFrames=str(folder))


def _verbose(kit: Kit, folder: Path) -> None:
    texts = [_quiet(kit, folder, verbose=loud, overwrite=True)._report_text() for loud in (False, True)]
    assert len(texts[1]) > len(texts[0])
    assert str(folder) in texts[1]


def _overwrite(kit: Kit, folder: Path) -> None:
    product = Path(_quiet(kit, folder).productPath)
    before = product.stat().st_mtime_ns
    with pytest.raises(FileExistsError):
        _quiet(kit, folder)
    assert product.stat().st_mtime_ns == before
    _quiet(kit, folder, overwrite=True)
    assert product.stat().st_mtime_ns > before


def _command(kit: Kit, folder: Path) -> None:
    recipe = _quiet(kit, folder, command="soxspipe stare nameless.sof")
    log = next(row["file_path"] for row in recipe.products if row["product_label"] == "LOG")
    assert "soxspipe stare nameless.sof" in Path(log).read_text(encoding="utf-8")


def _debug(kit: Kit, folder: Path) -> None:
    recipe = made(kit, folder, {}, debug=True)
    assert "SKY_MODEL_QC_PLOTS" in recipe.products["product_label"].tolist()


def _turn_off_mp(kit: Kit, folder: Path) -> None:
    products = [_quiet(kit, folder / str(off), turnOffMP=off).productPath for off in (False, True)]
    first, second = (fits.getdata(path, 1) for path in products)
    np.testing.assert_array_equal(first["FLUX_COUNTS"], second["FLUX_COUNTS"])


ARGUMENTS: Mapping[str, Callable[[Kit, Path], None]] = {
    "log": _log, "settings": _settings, "inputFrames": _input_frames, "verbose": _verbose, "overwrite": _overwrite,
    "command": _command, "debug": _debug, "turnOffMP": _turn_off_mp,
}  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[pytest.mark.slow] if row["name"] == "debug" else []) for row in PAGE["api"]["arguments"]],
    ids=[row["name"] for row in PAGE["api"]["arguments"]],
)
def test_arguments(row, small_kit, small, tmp_path):
    assert row["name"] in ARGUMENTS, f"nothing exercises the argument {row['name']}"
    ARGUMENTS[row["name"]](small_kit(), tmp_path)


def _detrended(recipe: soxs_stare) -> None:
    bias = recipe._gathered.inputs.masters.bias
    master = recipe.prepare_frames()[0].copy()
    master.data = np.array(bias.electrons)
    frame = recipe.prepare_frames()[0]
    assert np.median(recipe.detrend(frame, master_bias=master).data) < np.median(frame.data)


METHODS: Mapping[str, Callable[[soxs_stare], Any]] = {
    "clean_up": lambda recipe: recipe.clean_up(forceFail="on request") is None,
    "clip_and_stack": lambda recipe: recipe.clip_and_stack(recipe.prepare_frames(), "soxs_stare").unit == "electron",
    "detrend": lambda recipe: _detrended(recipe) is None,
    "flag_poor_data": lambda recipe: recipe.flag_poor_data() is None and "DETECTOR TEMP" in recipe.qc["qc_name"],
    "get_recipe_settings": lambda recipe: recipe.get_recipe_settings()["use_flat"] is True,
    "prepare_frames": lambda recipe: len(recipe.prepare_frames()) == 1,
    "produce_product": lambda recipe: recipe.produce_product() == recipe.productPath,
    "qc_median_flux_level": lambda recipe: recipe.qc_median_flux_level(recipe.prepare_frames()[0]) > 0,
    "qc_ron": lambda recipe: recipe.qc_ron(rawRon=3.0, masterRon=1.0) == (3.0, 1.0),
    "report_output": lambda recipe: recipe.report_output().colnames[1] == "qc_name",
    "subtract_mean_flux_level": lambda recipe: len(recipe.subtract_mean_flux_level(recipe.prepare_frames()[0])) == 3,
    "update_fits_keywords": lambda recipe: recipe.update_fits_keywords(recipe.prepare_frames()[0]) is None,
    "verify_input_frames": lambda recipe: recipe.verify_input_frames() is None,
    "xsh2soxs": lambda recipe: recipe.xsh2soxs(recipe.prepare_frames()[0]).shape == (600, 90),
}


@rows(PAGE["api"]["methods"], "name")
def test_methods(row, small_kit, small, tmp_path):
    function = getattr(soxs_stare, row["name"])
    assert published(function) == row["signature"]
    assert inspect.getdoc(function)
    assert row["name"] in METHODS, f"nothing exercises the method {row['name']}"
    recipe = soxs_stare(log=LOG, settings={**QUIET, "workspace-root-dir": str(tmp_path)}, inputFrames=str(small_kit().sof))
    assert METHODS[row["name"]](recipe)


def test_settings_of_the_page_are_all_in_the_printed_defaults():
    from soxspipe.settings.dump import default_yaml

    printed = default_yaml("SOXS")
    for row in PAGE["parameters"]:
        spelling = leaf_by_name()[name_of(row["parameter"])].spelling
        assert re.search(rf"^\s*{re.escape(spelling)}: ", printed, re.MULTILINE)
    assert isinstance(StareSettings(), StareSettings)
