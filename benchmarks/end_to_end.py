"""A small night reduced with calibrations of its own and with exact ones: ``python benchmarks/end_to_end.py [--arms NIR VIS] [--seed 1] [--keep DIR]``.

Whole detectors.  For each arm the raw calibrations, a standard and a target of one `simulate --night` are made; the six calibration recipes are
run, then `stare_std` and `stare`, once with what they made and once with the delivered calibrations of the same scene (exact geometry, flat without
error).  Every figure of `soxspipe validate` is printed in both, with a mark where it misses its target.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from astropy.io import fits

from soxspipe.io.simulated import write_data_set
from soxspipe.io.simulated_calibrations import write_calibration_set
from soxspipe.io.simulated_facts import read_facts
from soxspipe.recipes import (
    soxs_disp_solution,
    soxs_mbias,
    soxs_mdark,
    soxs_mflat,
    soxs_order_centres,
    soxs_spatial_solution,
    soxs_stare,
)
from soxspipe.reductions.validate import Figure, validate
from soxspipe.simulate.calibrations import make_calibration_set
from soxspipe.simulate.night_scene import NightScene, afternoons, visits
from soxspipe.simulate.observe import simulate
from soxspipe.simulate.scene import Scene

LOG = logging.getLogger("end_to_end")
CASES = ("std", "sci")
LAMP_K = {"NIR": 2800.0, "VIS": 4500.0}
"""Lamps of the delivered flats.  Numbers of frames are those behind the delivered masters as well: figures are judged by the noise of these."""


class Arm:
    """Raw frames of one arm in a folder, and what the recipes made of them."""

    def __init__(self, folder: Path, arm: str, seed: int) -> None:
        self.folder, self.arm = folder, arm
        night = NightScene(seed=seed, arms=(arm,), standards=1, targets=1, standard_slit_arcsec=1.0, bias_frames=10, dark_frames=5)
        (afternoon,) = afternoons(night, arm)
        scene = afternoon.scene.model_copy(update={"qth_temperature_k": LAMP_K[arm]})
        self.raw = write_calibration_set(make_calibration_set(scene, read_facts(scene)), folder / "raw")
        self.kits = {case: _kit(visit.scene, folder / case) for case, visit in zip(CASES, visits(night, arm), strict=True)}

    def frames(self, *stems: str) -> list[Path]:
        """Raw calibration frames whose names begin so."""
        return [path for path in self.raw if path.suffix == ".fits" and path.name.startswith(tuple(f"{self.arm}_{stem}" for stem in stems))]

    def run(self, recipe: type, files: Sequence[Path], name: str) -> Path:
        """Folder of the products of a recipe."""
        output = self.folder / name
        paths = [str(path) for path in files]
        recipe(LOG, settings={"workspace-root-dir": str(output), "make-plots": False}, inputFrames=paths, overwrite=True).produce_product()
        return output

    def calibrate(self) -> list[Path]:
        """The six recipes; what the stare recipe takes of their products."""
        if self.arm == "VIS":
            master = self.run(soxs_mbias, self.frames("bias"), "mbias")
            darks, behind = [], of_kind(master, "MASTER_BIAS")
        else:
            darks = [self.run(soxs_mdark, self.frames(f"dark{seconds}"), f"mdark{seconds}") for seconds in self.dark_times()]
            behind = of_kind(darks[0], "MASTER_DARK")
        first = of_kind(self.run(soxs_disp_solution, [*self.frames("pinhole_arc"), *behind], "disp"), "DISP_TAB")
        centres = of_kind(self.run(soxs_order_centres, [*self.frames("pinhole_flat"), *first, *behind], "centres"), "ORDER_TAB")
        known = of_kind(darks[0], "BP_MAP") if darks else []
        flats = self.run(soxs_mflat, [*self.frames("flat_"), *centres, *known, *([] if darks else behind)], "mflat")
        table = of_kind(flats, "ORDER_TAB")
        spatial = self.run(
            soxs_spatial_solution, [*self.frames("multi_pinhole_arc"), *first, *table, *([] if darks else behind)], "spatial"
        )
        shared = [
            *of_kind(flats, "MASTER_FLAT_"), *table, *of_kind(flats, "BP_MAP"), *of_kind(spatial, "DISP_IMAGE"), *of_kind(spatial, "DISP_TAB")
        ]  # fmt: skip
        return [*shared, *(behind if not darks else [path for dark in darks for path in of_kind(dark, "MASTER_DARK")])]

    def dark_times(self) -> list[int]:
        """Exposure times of the raw darks."""
        return sorted({int(path.name.split("_")[1].removeprefix("dark")) for path in self.frames("dark")})

    def score(self, calibrations: Sequence[Path] | None, name: str) -> dict[str, dict[Figure, float]]:
        """Figures of standard and target with given calibrations, or with the delivered ones."""
        figures, response = {}, []
        for case in CASES:
            own = None if calibrations is None else self.chosen(calibrations, case)
            files = [*self.kits[case]["raw"], *(self.kits[case]["delivered"] if own is None else own), *response]
            output = self.run(soxs_stare, files, f"{name}_{case}")
            standard = self.folder / "std" / "truth.fits" if case == "sci" else None
            figures[case] = dict(validate(output, self.folder / case / "truth.fits", standard_truth=standard).lines)
            response = of_kind(output, "RESP_TAB")
        return figures

    def chosen(self, calibrations: Sequence[Path], case: str) -> list[Path]:
        """Of several darks that of the case's exposure time."""
        seconds = float(fits.getheader(self.kits[case]["raw"][0])["EXPTIME"])
        return [
            path for path in calibrations
            if not is_kind(path, "MASTER_DARK") or abs(float(fits.getheader(path)["EXPTIME"]) - seconds) < 0.5
        ]  # fmt: skip


def _kit(scene: Scene, folder: Path) -> Mapping[str, list[Path]]:
    """Raw frames of an observation, and the calibrations that are delivered with it."""
    files = [path for path in write_data_set(simulate(scene, read_facts(scene)), scene, folder) if path.suffix == ".fits"]
    raw = [path for path in files if "raw" in path.name]
    return {"raw": raw, "delivered": [path for path in files if path not in raw and path.name != "truth.fits"]}


def is_kind(path: Path, category: str) -> bool:
    """Whether a file's PRO CATG begins so."""
    return str(fits.getheader(path).get("ESO PRO CATG", "")).startswith(category)


def of_kind(folder: Path, category: str) -> list[Path]:
    """Products of a category below a folder."""
    return [path for path in sorted(folder.rglob("*.fits")) if is_kind(path, category)]


def table(arm: str, case: str, delivered: Mapping[Figure, float], own: Mapping[Figure, float]) -> str:
    """One table: figure, with delivered and with own calibrations, target."""
    exact = {figure.label: value for figure, value in delivered.items()}  # targets that follow the noise make figures unequal
    rows = [f"\n{arm} {case}\n\n| figure | delivered | own | target |\n|---|---|---|---|"]
    for figure, value in own.items():
        shown = [f"{one:.{figure.digits}f}{' !' if figure.meets(one) is False else ''}" for one in (exact[figure.label], value)]
        rows.append(f"| {figure.label} | {shown[0]} | {shown[1]} | {figure.target} |")
    return "\n".join(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", nargs="+", default=["NIR", "VIS"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder in which everything is left")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as place:
        for name in chosen.arms:
            arm = Arm((chosen.keep or Path(place)) / name, name, chosen.seed)
            delivered, own = arm.score(None, "delivered"), arm.score(arm.calibrate(), "own")
            for case in CASES:
                print(table(name, case, delivered[case], own[case]), flush=True)


if __name__ == "__main__":
    main()
