"""The geometry recipes' contract: every row of its tables (geometry.yaml), on a whole simulated UV-VIS detector, through the public classes."""

from __future__ import annotations

import fnmatch
import importlib
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from soxspipe.errors import SoxspipeError
from soxspipe.io.simulated_calibrations import read_calibration_truth, write_calibration_set
from soxspipe.io.simulated_facts import make_scene_of, read_facts
from soxspipe.reductions.registry import reduction
from soxspipe.settings.load import load_settings
from soxspipe.settings.published_names import leaf_by_name, normalised
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibrations import make_calibration_set
from support.raw_calibrations import write_sof

CONTRACT: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("geometry.yaml").read_text(encoding="utf-8"))
LOG = logging.getLogger("test_geometry")
CLASSES = {row["verb"]: row["class"] for row in CONTRACT["names"]}
RAW = {"disp_solution": "pinhole_arc", "order_centres": "pinhole_flat", "spat_solution": "multi_pinhole_arc"}


class Made:
    """Raw frames of the UV-VIS arm and what the recipes made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        scene = make_scene_of(CalibrationScene, {
            "arm": "VIS", "seed": 5, "bias_frames": 2, "flat_frames": 2, "d2_frames": 0, "geometry_shift_px": [1.4, -0.9],
            "kinds": ["bias", "pinhole_arc", "pinhole_flat", "flat", "multi_pinhole_arc"],
        })  # fmt: skip
        self.raw = write_calibration_set(make_calibration_set(scene, read_facts(scene)), folder / "raw")
        self.masters: dict[str, Path] = {}
        self.recipes: dict[str, Any] = {}
        for verb in ("mbias", "disp_solution", "order_centres", "mflat", "spat_solution"):
            recipe, path = self.run(verb, self.inputs(verb), folder / "out", **({"make-plots": False} if verb[0] == "m" else {}))
            self.recipes[verb], self.masters[verb] = recipe, path

    def frames(self, stem: str) -> list[Path]:
        return [path for path in self.raw if path.suffix == ".fits" and path.name.startswith(f"VIS_{stem}")]

    def inputs(self, verb: str) -> list[Path]:
        bias = [self.masters["mbias"]] if "mbias" in self.masters else []
        if verb == "mbias":
            return self.frames("bias")
        if verb == "mflat":
            return [*self.frames("flat_qth"), *bias, self.masters["order_centres"]]
        first = [self.masters["disp_solution"]] if verb != "disp_solution" else []
        edges = [self.product("mflat", "ORDER_LOC")] if verb == "spat_solution" else []
        return [*self.frames(RAW[verb]), *bias, *first, *edges]

    def product(self, verb: str, label: str) -> Path:
        return next(Path(row["file_path"]) for row in self.recipes[verb].products if row["product_label"] == label)

    def run(self, verb: str, files: list[Path], output: Path, **settings: object) -> tuple[Any, Path]:
        published = getattr(importlib.import_module("soxspipe.recipes"), CLASSES.get(verb, f"soxs_{verb}"))
        output.mkdir(parents=True, exist_ok=True)
        sof = write_sof(output / f"20250301T213600_VIS_{verb.upper()}_SET.sof", files)
        recipe = published(LOG, settings={"workspace-root-dir": str(output), **settings}, inputFrames=str(sof))
        return recipe, Path(recipe.produce_product()[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("VIS"))


def cases(table: str) -> list[tuple[str, Any]]:
    return [(verb, row) for verb, rows in CONTRACT[table].items() for row in rows]


@pytest.mark.parametrize(("verb", "key"), [(verb, key) for verb, keys in CONTRACT["parameters"].items() for key in keys])
def test_parameters_are_read_in_both_spellings(verb, key):
    spec, value = reduction(verb).spec, CONTRACT["parameters"][verb][key]
    leaf = leaf_by_name(spec.settings)[normalised(key)]
    for spelling in (key.replace("_", "-"), key.replace("-", "_")):
        block = {"detect-continuum": {spelling: value}} if verb == "order_centres" else {spelling: value}
        loaded = load_settings(
            {spec.recipe_names[0]: block}, instrument="SOXS", recipe=spec.recipe_names[0], arm="VIS", model=spec.settings
        )
        holder = getattr(loaded.settings, leaf.section) if leaf.section else loaded.settings
        found = getattr(holder, leaf.field)
        assert (list(found) if isinstance(found, tuple) else found) == value
        assert leaf.info.default != found
        assert not loaded.warnings


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "row"), cases("products"), ids=lambda value: value if isinstance(value, str) else value["label"])
def test_products(made, verb, row):
    path = made.product(verb, row["label"])
    assert fnmatch.fnmatch(path.name, f"*{row['suffix']}")
    if path.suffix == ".pdf":
        assert path.read_bytes().startswith(b"%PDF")
    if "catg" not in row:
        return
    with fits.open(path) as hdus:
        header = hdus[0].header
        assert header["ESO PRO CATG"] == f"{row['catg']}_VIS"
        assert header["ESO PRO TECH"] == row["tech"]
        assert header["ESO PRO TYPE"] == "REDUCED"
        assert header["ESO PRO REC1 ID"].startswith("soxs-")
        assert header["ESO PRO REC1 RAW1 NAME"].startswith(f"VIS_{RAW[verb]}")
        assert "ESO DPR TYPE" not in header
        assert [hdu.name for hdu in hdus][: len(row.get("hdus", []))] == row.get("hdus", [])


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "label", "columns"), [
    ("disp_solution", "DISP_MAP", "dispersion"), ("disp_solution", "DISP_MAP_LINES", "fitted"), ("disp_solution", "DISP_MAP_LINES_MISSING", "missed"),
    ("order_centres", "ORDER_CENTRES", "order_table"), ("spat_solution", "SPAT_SOL", "dispersion"), ("spat_solution", "DISP_MAP_LINES", "fitted"),
])  # fmt: skip
def test_columns(made, verb, label, columns):
    with fits.open(made.product(verb, label)) as hdus:
        wanted = [name.replace("{A}", "x").replace("{B}", "y") for name in CONTRACT["columns"][columns]]
        assert set(wanted) <= set(hdus[1].columns.names)
        if columns == "dispersion":
            assert [str(axis).strip() for axis in hdus[1].data["axis"]] == ["x", "y"]
            coefficients = [name for name in hdus[1].columns.names if name.startswith("c")]
            assert coefficients == sorted(coefficients)
        if columns == "order_table":
            limits = [name.replace("{A}", "x").replace("{B}", "y") for name in CONTRACT["columns"]["limits"]]
            assert hdus[2].columns.names[: len(limits)] == limits


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "name"), cases("metrics"))
def test_metrics_are_numeric_cards_and_rows(made, verb, name):
    listed = {row["qc_name"]: row for row in made.recipes[verb].qc}
    assert name in listed
    label = {"disp_solution": "DISP_MAP", "order_centres": "ORDER_CENTRES", "spat_solution": "SPAT_SOL"}[verb]
    card = fits.getheader(made.product(verb, label)).get(f"ESO QC {name}")
    assert isinstance(card, (int, float))
    assert card == pytest.approx(float(listed[name]["qc_value"]), rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_the_returned_path_is_the_map_and_the_map_is_right(made):
    assert made.masters["spat_solution"] == made.product("spat_solution", "2D_MAP")
    truth = read_calibration_truth(made.folder / "raw" / "truth_cal.fits").images
    with fits.open(made.masters["spat_solution"]) as hdus:
        wave, slit, order, error = (hdus[k].data.astype(float) for k in range(4))
    inside = np.isfinite(truth["WAVE"]) & (np.abs(truth["SLIT"]) < 5.8) & (order == truth["ORDER"])
    scale = np.abs(np.gradient(truth["WAVE"], axis=0))
    assert np.sqrt(np.nanmean(((wave - truth["WAVE"]) / scale)[inside] ** 2)) < 0.02
    assert np.sqrt(np.nanmean((slit - truth["SLIT"])[inside] ** 2)) < 0.01
    assert (wave[np.isfinite(order)] > 0).all()
    assert (error[np.isfinite(order)] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("verb", list(RAW))
def test_everything_is_in_its_range(made, verb):
    assert [row["qc_name"] for row in made.recipes[verb].qc if row["qc_flag"] == "fail"] == []


@pytest.mark.slow
def test_degrees_that_are_asked_for_are_in_the_table(made, tmp_path):
    published = importlib.import_module("soxspipe.recipes").soxs_disp_solution
    recipe = published(
        LOG, settings={"workspace-root-dir": str(tmp_path), "make-plots": False}, inputFrames=[str(path) for path in made.inputs("disp_solution")],
        polyOrders=3345,
    )  # fmt: skip
    with fits.open(recipe.produce_product()[0]) as hdus:
        row = hdus[1].data
        assert (list(row["order_deg"]), list(row["wavelength_deg"]), list(row["slit_deg"])) == ([3, 3], [4, 5], [0, 0])


def broken(made: Made, verb: str, change: str, folder: Path) -> list[Path]:
    """Files of a set in which something is wrong."""
    files, raw = list(made.inputs(verb)), made.frames(RAW[verb])
    rest = [path for path in files if path not in raw]
    folder.mkdir(parents=True, exist_ok=True)

    def changed(path: Path, name: str, **cards: object) -> Path:
        copy = folder / f"{name}_{path.name}"
        shutil.copy(path, copy)
        with fits.open(copy, mode="update") as hdus:
            hdus[0].header["MJD-OBS"] += 0.01  # another exposure, not the same one twice
            hdus[0].data = hdus[0].data + np.uint16(1)
            for keyword, value in cards.items():
                hdus[0].header[keyword.replace("_", " ")] = value
        return copy

    if change in ("no bias", "no dispersion table", "no order table"):
        gone = {"no bias": made.masters["mbias"], "no dispersion table": made.masters["disp_solution"], "no order table": files[-1]}[change]
        return [path for path in files if path != gone]
    if change == "no arc":
        return rest + made.frames("bias")[:1]
    if change == "lamp off":
        copy = changed(raw[0], "off")
        with fits.open(copy, mode="update") as hdus:
            hdus[0].data = np.rint(300 + 3 * np.random.default_rng(1).normal(size=hdus[0].data.shape)).astype(np.uint16)
        return [copy, *rest]
    if change == "mask not in the beam":
        return [changed(raw[0], "blank", ESO_INS_VISE_NAME="BLANK"), *rest]
    if change == "mixed binning":
        return [*files, changed(raw[0], "binned", ESO_DET_BINX=2)]
    if change == "truncated":
        (folder / "short.fits").write_bytes(raw[0].read_bytes()[:20000])
        return [folder / "short.fits", *rest]
    if change == "order table without edges":
        return [*files[:-1], made.masters["order_centres"]]
    raise KeyError(change)


@pytest.mark.slow
@pytest.mark.parametrize("row", CONTRACT["failures"], ids=lambda row: f"{row['recipe']} {row['change']}")
def test_bad_input_is_one_sentence_and_nothing_written(made, row, tmp_path):
    files = broken(made, row["recipe"], row["change"], tmp_path / "broken")
    with pytest.raises(SoxspipeError, match=row["says"]) as caught:
        made.run(row["recipe"], files, tmp_path / "out")
    assert caught.value.exit_code == row["status"]
    assert "\n" not in str(caught.value)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix not in (".sof", ".lock")] == []
