"""The calibration recipes' contract: every row of its tables (calibrations.yaml) is exercised on files, through the public classes."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
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
RAW: Mapping[str, Mapping[str, Any]] = {"VIS": {"dark_times_s": [60.0], "dark_frames": 3}, "NIR": {}}
"""What the sets hold beside the usual frames: darks of the VIS arm, which are reduced if they are there."""
RECIPE_NAMES = ("mbias", "mdark", "mflat")


class Made:
    """Raw sets of one arm and what the recipes made of them."""

    def __init__(self, folder: Path, arm: str) -> None:
        self.arm, self.folder = arm, folder
        self.raw = {path.name: path for path in write_small_set(folder / "raw", arm, seed=3, cosmic_ray_rate=3.0, **RAW[arm])}
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


def copied(path: Path, folder: Path, change: Callable[[fits.PrimaryHDU], None]) -> Path:
    """A copy of a raw frame with something changed."""
    copy = folder / f"changed_{path.name}"
    with fits.open(path) as hdus:
        hdus[0].data = hdus[0].data.copy()
        change(hdus[0])
        hdus.writeto(copy)
    return copy


def with_cards(cards: Mapping[str, object]) -> Callable[[fits.PrimaryHDU], None]:
    def change(hdu: fits.PrimaryHDU) -> None:
        for keyword, value in cards.items():
            hdu.header[keyword] = value

    return change


def later(minutes: float) -> Callable[[fits.PrimaryHDU], None]:
    """The same numbers, as if they had been taken later."""
    return lambda hdu: hdu.header.set("MJD-OBS", hdu.header["MJD-OBS"] + minutes / 1440.0)


def without_light(number: int) -> Callable[[fits.PrimaryHDU], None]:
    def change(hdu: fits.PrimaryHDU) -> None:
        dark = np.median(hdu.data[:, :5]) + 3.0 * np.random.default_rng(number).normal(size=hdu.data.shape)
        hdu.data = dark.astype(hdu.data.dtype)

    return change


def saturate(hdu: fits.PrimaryHDU) -> None:
    hdu.data[hdu.data > 5000] = 65535


CARDS = {
    "mixed binning": {"ESO DET BINX": 2},
    "mixed gain": {"ESO DET OUT1 CONAD": 2.0},
    "mixed times": {"EXPTIME": 99.0},
}


def broken(made, verb: str, change: str, arm: str, folder: Path) -> list[Path]:
    """Files of a set in which something is wrong."""
    base = made[arm]
    folder.mkdir(parents=True, exist_ok=True)
    raw = base.frames({"mbias": "bias", "mdark": "dark60", "mflat": "flat_qth" if arm == "VIS" else "flat_on"}[verb])
    others = [path for path in base.inputs(verb) if path not in base.frames("bias", "dark", "flat_qth", "flat_d2", "flat_on")]
    if change in CARDS:
        return [copied(raw[0], folder, with_cards(CARDS[change])), *raw[1:], *others]
    if change == "other arm":
        return [copied(raw[0], folder, with_cards({"ESO SEQ ARM": "NIR" if arm == "VIS" else "VIS"})), *raw[1:], *others]
    if change == "one frame":
        return [raw[0], *others]
    if change == "one frame of a time":
        return raw + base.frames("dark20")[:1]
    if change == "mixed kinds":
        return [*raw, *others, *base.frames("flat_qth")[:1]]
    if change == "identical":
        frames = [folder / f"copy_{number}.fits" for number in range(2)]
        for number, path in enumerate(frames):
            copied(raw[0], folder, later(5.0 * number)).rename(path)
        return [*frames, *others]
    if change == "truncated":
        short = folder / "short.fits"
        short.write_bytes(raw[0].read_bytes()[:20000])
        return [*raw[1:], short, *others]
    if change == "nothing":
        return base.frames("flat_qth")
    if change == "lamp off":
        return [*(copied(path, folder, without_light(number)) for number, path in enumerate(raw)), *others]
    if change == "saturated":
        return [*(copied(path, folder, saturate) for path in raw), *others]
    if change == "no order table":
        return [*raw, *(path for path in others if path != base.order_table)]
    if change == "nothing behind":
        return [*raw, base.order_table]
    raise KeyError(change)


@pytest.mark.parametrize("row", CONTRACT["failures"], ids=lambda row: f"{row['recipe']} {row['arm']} {row['change']}")
def test_bad_input_is_one_sentence_and_nothing_written(made, row, tmp_path):
    arm = row["arm"]
    files = broken(made, row["recipe"], row["change"], arm, tmp_path / "broken")
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


def test_a_level_that_moves_within_frames_is_said(made, tmp_path, caplog):
    heights = (6.0, -4.0, 0.0, 3.0, -5.0)
    frames = made["VIS"].frames("bias")

    def ramp(height: float) -> Callable[[fits.PrimaryHDU], None]:
        def change(hdu: fits.PrimaryHDU) -> None:
            hdu.data = np.rint(hdu.data + height * np.linspace(-1.0, 1.0, hdu.data.shape[0])[:, None]).astype(hdu.data.dtype)

        return change

    moved = [copied(path, tmp_path, ramp(height)) for path, height in zip(frames, heights, strict=True)]
    with caplog.at_level(logging.WARNING):
        made["VIS"].run("mbias", moved, tmp_path / "out", **{"make-plots": False})
    assert "the level moves by up to 15." in caplog.text  # 12 ADU of 1.25 electrons


def test_a_flat_whose_slit_has_moved_is_said(made, tmp_path, caplog):
    base = made["VIS"]
    flats = base.frames("flat_qth")

    def shift(hdu: fits.PrimaryHDU) -> None:
        hdu.data = np.roll(hdu.data, 1, axis=1)

    with caplog.at_level(logging.WARNING):
        _, path, _ = base.run(
            "mflat", [*flats[:4], copied(flats[4], tmp_path, shift), base.order_table, base.masters["mbias"]], tmp_path / "out",
            **{"make-plots": False},
        )  # fmt: skip
    assert "changed_VIS_flat_qth_4.fits: " in caplog.text
    assert "as if the image of the slit had moved; it is left out" in caplog.text
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


def gathered(base: Made, files: list[Path], folder: Path) -> Any:
    """What the flat recipe takes of a set."""
    with small_detectors():
        return reduction("mflat").gather([str(path) for path in files], {"workspace-root-dir": str(folder)}).inputs


def test_lamp_off_frames_come_before_a_dark(made, tmp_path):
    # they hold the warm light of the room, a dark does not; the reference takes the dark
    base = made["NIR"]
    inputs = gathered(base, [*base.inputs("mflat"), base.masters["mdark"]], tmp_path)
    assert inputs.master is None
    assert len(inputs.off) == 5


@pytest.mark.parametrize("kind", ["LAMP,FLAT", "FLAT,LAMP"])
def test_lamp_off_frames_are_found_in_both_spellings(made, tmp_path, kind):
    base = made["NIR"]
    flats = [copied(path, tmp_path, with_cards({"ESO DPR TYPE": kind})) for path in base.frames("flat")]
    inputs = gathered(base, [*flats, base.order_table], tmp_path)
    assert (len(inputs.raw), len(inputs.off)) == (5, 5)


def test_vis_flats_with_a_dark_in_the_set_are_calibrated_with_the_bias(made, tmp_path):
    # the reference ends with an exception
    base = made["VIS"]
    _, dark, _ = base.run("mdark", None, tmp_path / "dark", **{"make-plots": False})
    _, flat, _ = base.run("mflat", [*base.inputs("mflat"), dark], tmp_path / "flat", **{"make-plots": False})
    with fits.open(flat) as hdus, fits.open(base.masters["mflat"]) as plain:
        sound = (hdus["QUAL"].data == 0) & (plain["QUAL"].data == 0)  # the dark knows pixels that the bias does not
        np.testing.assert_allclose(hdus["FLUX"].data[sound], plain["FLUX"].data[sound], rtol=1e-3)


def test_cards_of_an_order_do_not_hide_the_global_one(made):
    header = fits.getheader(made["NIR"].masters["mflat"])
    by_order = [header[name] for name in header if name.startswith("ESO QC ORDEXP50 O")]
    assert len(by_order) == 3
    assert min(by_order) < header["ESO QC ORDEXP50"] < max(by_order)


BETTER: Mapping[str, Mapping[str, list[str]]] = yaml.safe_load(Path(__file__).with_name("do_better.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted({name for lines in BETTER.values() for names in lines.values() for name in names}))
def test_where_the_reference_is_wrong_a_test_shows_better(name):
    path, _, function = name.partition("::")
    assert f"def {function}(" in (Path(__file__).parents[1] / path).read_text(encoding="utf-8")
