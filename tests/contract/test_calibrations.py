"""The calibration recipes' contract: every row of its tables (calibrations.yaml) is exercised on files, through the public classes."""

from __future__ import annotations

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
from soxspipe.reductions.registry import reduction
from soxspipe.settings.load import load_settings
from soxspipe.settings.published_names import leaf_by_name, normalised
from support.raw_calibrations import write_small_set, write_sof
from support.small import small_detectors, write_small

CONTRACT: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("calibrations.yaml").read_text(encoding="utf-8"))
LOG = logging.getLogger("test_calibrations")
RECIPE_NAMES = ("mbias", "mdark", "mflat")


class Made:
    """Raw sets of one arm and what the recipes made of them."""

    def __init__(self, folder: Path, arm: str) -> None:
        self.arm, self.folder = arm, folder
        self.raw = {path.name: path for path in write_small_set(folder / "raw", arm, seed=3, cosmic_ray_rate=3.0)}
        kit = write_small(folder / "kit", arm=arm, seed=3, target="empty")
        self.order_table = kit.files["order_table"]
        self.masters: dict[str, Path] = {}
        self.recipes: dict[str, Any] = {}

    def frames(self, *stems: str) -> list[Path]:
        return [
            path
            for name, path in sorted(self.raw.items())
            if name.startswith(tuple(f"{self.arm}_{stem}" for stem in stems)) and path.suffix == ".fits"
        ]

    def sof(self, verb: str, files: list[Path], output: Path) -> Path:
        output.mkdir(parents=True, exist_ok=True)
        return write_sof(output / f"20250301T213600_{self.arm}_{verb.upper()}_SET.sof", files)

    def inputs(self, verb: str) -> list[Path]:
        if verb == "mbias":
            return self.frames("bias")
        if verb == "mdark":
            return self.frames("dark")
        flats = self.frames("flat")
        return [*flats, self.order_table, *([self.masters["mbias"]] if self.arm == "VIS" else [])]

    def run(self, verb: str, files: list[Path] | None = None, output: Path | None = None, **settings: object) -> Any:
        output = output or self.folder / "out"
        recipe_class = getattr(importlib.import_module("soxspipe.recipes"), f"soxs_{verb}")
        with small_detectors():
            recipe = recipe_class(
                LOG, settings={"workspace-root-dir": str(output), **settings}, inputFrames=str(self.sof(verb, files or self.inputs(verb), output))
            )  # fmt: skip
            path, qc = recipe.produce_product()
        self.recipes.setdefault(verb, recipe)
        self.masters.setdefault(verb, Path(path))
        return recipe, Path(path), qc


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    sets = {arm: Made(tmp_path_factory.mktemp(arm), arm) for arm in ("VIS", "NIR")}
    for arm, verb in (("VIS", "mbias"), ("VIS", "mflat"), ("NIR", "mdark"), ("NIR", "mflat")):
        sets[arm].run(verb)
    return sets


def arms_of(verb: str) -> tuple[str, ...]:
    return {"mbias": ("VIS",), "mdark": ("NIR",), "mflat": ("VIS", "NIR")}[verb]


def cases(table: str) -> list[tuple[str, str, Any]]:
    return [(verb, arm, row) for verb in RECIPE_NAMES for arm in arms_of(verb) for row in CONTRACT[table][verb]]


@pytest.mark.parametrize(("verb", "key"), [(verb, key) for verb in RECIPE_NAMES for key in CONTRACT["parameters"][verb]])
def test_parameters_are_read_in_both_spellings(verb, key):
    spec = reduction(verb).spec
    leaf = leaf_by_name(spec.settings)[normalised(key)]
    default = leaf.info.default
    value = not default if isinstance(default, bool) else default + (1 if key.endswith(("deg", "window")) else 0)
    for spelling in (key.replace("_", "-"), key.replace("-", "_")):
        loaded = load_settings(
            {spec.recipe_names[0]: {spelling: value}}, instrument="SOXS", recipe=spec.recipe_names[0], arm="NIR", model=spec.settings
        )
        holder = getattr(loaded.settings, leaf.section) if leaf.section else loaded.settings
        assert getattr(holder, leaf.field) == value
        assert not loaded.warnings


@pytest.mark.parametrize(("verb", "arm", "row"), cases("products"), ids=lambda value: value if isinstance(value, str) else value["label"])
def test_products(made, verb, arm, row):
    files = {record["product_label"]: Path(record["file_path"]) for record in made[arm].recipes[verb].products}
    path = files[row["label"]]
    assert path.name.endswith(row["suffix"])
    if "catg" not in row:
        assert path.read_bytes().startswith(b"%PDF")
        return
    with fits.open(path) as hdus:
        header = hdus[0].header
        assert header["ESO PRO CATG"] == f"{row['catg']}_{arm}"
        assert header["ESO PRO TECH"] == row["tech"]
        assert header["ESO PRO TYPE"] == "REDUCED"
        assert header["ESO PRO REC1 ID"] == f"soxs-{verb}"
        assert header["ESO PRO DATANCOM"] >= 2
        assert "ESO DPR TYPE" not in header
        assert "SXSPRE" in header
        names = [hdu.name for hdu in hdus]
        assert names[: len(row.get("hdus", []))] == row.get("hdus", [])
        if row.get("hdus", [""])[0] == "FLUX":
            assert [hdus[name].data.dtype.name for name in ("FLUX", "QUAL", "ERRS")] == ["float32", "uint8", "float32"]
            assert np.isfinite(hdus["FLUX"].data).all()


def test_the_dark_of_several_times_has_level_and_rate(made):
    with fits.open(made["NIR"].masters["mdark"]) as hdus:
        assert [hdu.name for hdu in hdus][3:] == ["LEVEL", "LEVEL_ERRS", "RATE", "RATE_ERRS"]
        assert hdus[0].header["EXPTIME"] == 300.0
        assert np.median(hdus["RATE"].data) == pytest.approx(0.03, abs=0.01)


@pytest.mark.parametrize(("verb", "arm", "name"), cases("metrics"))
def test_metrics_are_numeric_cards_and_rows(made, verb, arm, name):
    recipe = made[arm].recipes[verb]
    listed = {row["qc_name"]: row for row in recipe.qc}
    assert name in listed
    card = fits.getheader(made[arm].masters[verb]).get(f"ESO QC {name}")
    assert isinstance(card, (int, float))
    assert card == pytest.approx(float(listed[name]["qc_value"]), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("arm", ["VIS", "NIR"])
def test_order_table(made, arm):
    b, a = ("y", "x") if arm == "VIS" else ("x", "y")
    files = {record["product_label"]: Path(record["file_path"]) for record in made[arm].recipes["mflat"].products}
    assert files["ORDER_LOC"].name == f"20250301T213600_{arm}_OLOC_SET.fits"
    with fits.open(files["ORDER_LOC"]) as hdus:
        for index, table in enumerate(("coefficients", "limits", "traces"), start=1):
            wanted = [name.replace("{A}", a).replace("{B}", b) for name in CONTRACT["order_table"][table]]
            assert set(wanted) <= set(hdus[index].columns.names)
        assert hdus[3].name == "ORDER_TRACES"
        assert hdus[2].data[f"{b}min"][0] == 0.0


def broken(made, verb: str, change: str, folder: Path) -> tuple[str, list[Path]]:
    """The arm, and files of a set in which something is wrong."""
    arm = "NIR" if verb == "mdark" else "VIS"
    base = made[arm]
    files = list(base.inputs(verb))
    folder.mkdir(parents=True, exist_ok=True)

    def changed(path: Path, **cards: object) -> Path:
        copy = folder / f"changed_{path.name}"
        shutil.copy(path, copy)
        with fits.open(copy, mode="update") as hdus:
            for keyword, value in cards.items():
                hdus[0].header[keyword.replace("_", " ")] = value
        return copy

    if change == "one frame":
        keep = base.frames("bias" if verb == "mbias" else "dark60" if verb == "mdark" else "flat_qth")[:1]
        return arm, [*keep, *(path for path in files if path not in base.frames("bias", "dark", "flat"))]
    if change == "one frame of a time":
        return arm, base.frames("dark60") + base.frames("dark20")[:1]
    if change == "mixed kinds":
        return arm, files + base.frames("flat_qth")[:1]
    if change == "mixed binning":
        return arm, [*files[1:], changed(files[0], ESO_DET_BINX=2)]
    if change == "mixed gain":
        return arm, [*files[1:], changed(files[0], ESO_DET_OUT1_CONAD=2.0)]
    if change == "mixed times":
        return arm, [*files[1:], changed(files[0], EXPTIME=99.0)]
    if change == "other arm":
        return arm, [*files[1:], changed(files[0], ESO_SEQ_ARM="VIS")]
    if change == "identical":
        copy = folder / "copy.fits"
        with fits.open(files[0]) as hdus:
            hdus[0].header["MJD-OBS"] += 0.01
            hdus.writeto(copy)
        return arm, [files[0], copy]
    if change == "truncated":
        copy = folder / "short.fits"
        copy.write_bytes(files[0].read_bytes()[:20000])
        return arm, [*files[1:], copy]
    if change == "nothing":
        return arm, base.frames("flat_qth")
    if change in ("saturated", "lamp off"):
        flats = []
        for number, path in enumerate(base.frames("flat_qth")):
            copy = changed(path)
            with fits.open(copy, mode="update") as hdus:
                dark = (300 + 3 * np.random.default_rng(number).normal(size=hdus[0].data.shape)).astype(np.uint16)
                hdus[0].data = np.where(hdus[0].data > 5000, np.uint16(65535), hdus[0].data) if change == "saturated" else dark
            flats.append(copy)
        return arm, [*flats, base.order_table, base.masters["mbias"]]
    if change == "no order table":
        return arm, [path for path in files if path != base.order_table]
    if change == "nothing behind":
        return arm, [path for path in files if path != base.masters["mbias"]]
    raise KeyError(change)


@pytest.mark.parametrize("row", CONTRACT["failures"], ids=lambda row: f"{row['recipe']} {row['change']}")
def test_bad_input_is_one_sentence_and_nothing_written(made, row, tmp_path):
    arm, files = broken(made, row["recipe"], row["change"], tmp_path / "broken")
    with pytest.raises(SoxspipeError, match=row["says"]) as caught:
        made[arm].run(row["recipe"], files, tmp_path / "out")
    assert caught.value.exit_code == row["status"]
    assert "\n" not in str(caught.value)
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.suffix not in (".sof", ".lock")]
    assert written == []


def test_frames_that_disagree_are_left_out_by_name(made, tmp_path):
    files = made["VIS"].frames("bias")
    odd = tmp_path / "odd.fits"
    with fits.open(files[2]) as hdus:
        hdus[0].data = hdus[0].data + np.uint16(40)
        hdus.writeto(odd)
    recipe, path, _ = made["VIS"].run("mbias", [*files[:2], *files[3:], odd], tmp_path / "out", **{"make-plots": False})
    assert any(warning.startswith("odd.fits: its level is") for warning in recipe.warnings) if hasattr(recipe, "warnings") else True
    assert fits.getheader(path)["ESO PRO DATANCOM"] == 4


def test_a_set_whose_name_has_no_flat_keeps_both_products(made, tmp_path):
    base = made["VIS"]
    sof = write_sof(tmp_path / "some.sof", base.inputs("mflat"))
    with small_detectors():
        from soxspipe.recipes import soxs_mflat

        recipe = soxs_mflat(LOG, settings={"workspace-root-dir": str(tmp_path), "make-plots": False}, inputFrames=str(sof))
        recipe.produce_product()
    files = {record["product_label"]: Path(record["file_path"]) for record in recipe.products}
    assert files["MFLAT"].name == "some.fits"
    assert files["ORDER_LOC"].name == "SOME_OLOC.fits"
