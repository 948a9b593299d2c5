"""Arcs as they should not be, through the geometry recipes: ``python benchmarks/attack_arcs.py [--arms NIR VIS] [--cases CASE ...] [--seed 31] [--instrument SOXS]
[--plain DIR]``.

Whole detectors of `soxspipe simulate`.  For every case raw bias, arcs, pinhole flat and flats are made and given to the recipes; the map, the lines
and the order centres are held against the truth, and what the user is told is printed below the table.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from soxspipe.errors import SoxspipeError
from soxspipe.io.simulated_calibrations import read_calibration_truth, write_calibration_set
from soxspipe.io.simulated_facts import make_scene_of, read_facts
from soxspipe.recipes import soxs_disp_solution, soxs_mbias, soxs_mflat, soxs_order_centres, soxs_spatial_solution
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibration_truth import CalibrationTruth
from soxspipe.simulate.calibrations import make_calibration_set

LOG = logging.getLogger("attack_arcs")
GEOMETRY = {"geometry_shift_px": [1.2, -0.8], "geometry_rotation_deg": 0.02, "geometry_ripple_px": 0.03}
HALF_PX = {"NIR": 1024.0, "VIS": 2048.0, "UVB": 1500.0}
"""Half of the longer side, by which a rotation or a stretch is told in pixels."""
DETECTABLE = 7.0
"""Significance above which an image counts as detectable."""
MASK_KEYS = {"mask_offset_pinholes", "pinhole_share", "pinhole_share_orders"}
"""What changes the mask alone; keys that begin with ``arc_`` change arcs alone.  The other frames, and what was made of them, are the plain case's."""
HALF_SLIT_ARCSEC = 5.8
"""The slit is 12 arcsec long; pixels within two tenths of its ends are lit in part."""
STRONG = 8.0
"""Times the light of a typical line, of lines of no list beside listed ones."""


def end_lines(arm: str) -> list[tuple[float, float]]:
    """Strong lines of no list beside the first line of one order and a middle line of another: 1.2 and 1.8 px from them."""
    facts = read_facts(make_scene_of(CalibrationScene, {"arm": arm}))
    lines, found = np.sort(facts.arc_line_nm), []
    for limits, apart_px, share in zip(facts.spectral_format.orders[1:3], (1.2, 1.8), (0.0, 0.5), strict=True):
        low, high = limits.full_nm
        inside = lines[(lines > low + 0.02 * (high - low)) & (lines < high)]
        scale = (high - low) / (2 * HALF_PX[arm])
        found.append((float(inside[int(share * inside.size)] + apart_px * scale), STRONG * 20000.0))
    return found


def pair(arm: str) -> list[tuple[float, float]]:
    """The two listed lines of an order that are nearest to each other, but 1 px apart or more, both made bright: a blend."""
    facts = read_facts(make_scene_of(CalibrationScene, {"arm": arm}))
    lines, pairs = np.unique(facts.arc_line_nm), []
    for limits in facts.spectral_format.orders:
        low, high = limits.full_nm
        scale = (high - low) / (2 * HALF_PX[arm])
        inside = lines[(lines > low) & (lines < high)]
        apart = np.diff(inside) / scale
        pairs += [(apart[k], float(inside[k]), float(inside[k + 1])) for k in np.flatnonzero(apart > 1.0)]
    _, first, second = min(pairs)
    return [(first, 80000.0), (second, 50000.0)]


def cases(arm: str) -> Mapping[str, Mapping[str, Any]]:
    """What each case has beside the plain one."""
    half = HALF_PX[arm]
    turned, stretched = float(np.degrees(5.0 / half)), 5.0 / half
    one_order = {"NIR": 17, "VIS": 3}[arm]
    every: dict[str, Mapping[str, Any]] = {
        "plain": {},
        "mask +1": {"mask_offset_pinholes": 1},
        "mask -1": {"mask_offset_pinholes": -1},
        "one end dark": {"pinhole_share": {8: 0.0}},
        "both ends dark": {"pinhole_share": {0: 0.0, 8: 0.0}},
        "both ends dim": {"pinhole_share": {0: 0.1, 8: 0.05}},
        "8 pinholes in an order": {"pinhole_share": {8: 0.0}, "pinhole_share_orders": [one_order]},
        "shift 5 px": {"geometry_shift_px": [4.0, -3.0]},
        "rotation 5 px": {"geometry_rotation_deg": turned},
        "stretch 5 px": {"geometry_rotation_deg": 0.0, "geometry_stretch": -stretched},
        "all three, 5 px": {"geometry_shift_px": [-3.0, 4.0], "geometry_rotation_deg": -turned / 2, "geometry_stretch": stretched / 2},
        "lamp out": {"arc_lamps_out": ["Xe"] if arm == "NIR" else ["ThAr"]},
        "two lamps out": {"arc_lamps_out": ["Xe", "Ne"]},
        "strong lines beside": {"arc_extra_lines": end_lines(arm)},
        "30 % unlisted": {"arc_unlisted": 0.3},
        "30 % missing": {"arc_missing": 0.3},
        "blend of two": {"arc_extra_lines": pair(arm)},
        "saturated": {"arc_electrons": 500000.0},
        "faint": {"arc_electrons": 1500.0},
        "binned 2x1": {"binning": [2, 1]},
        "binned 2x2": {"binning": [2, 2]},
    }
    gone = ("binned 2x1", "binned 2x2") if arm == "NIR" else ("two lamps out",)
    return {name: values for name, values in every.items() if name not in gone}


def kinds_of(arm: str, changes: Mapping[str, Any]) -> list[str]:
    """Kinds of frames that a case has of its own."""
    if changes and MASK_KEYS.issuperset(changes):
        return ["multi_pinhole_arc"]
    if changes and all(key.startswith("arc_") for key in changes):
        return ["pinhole_arc", "multi_pinhole_arc"]
    return ["pinhole_arc", "pinhole_flat", "flat", "multi_pinhole_arc", *(["bias"] if arm != "NIR" else [])]


class Attack:
    """Raw frames of one case, and what the recipes made of them; `made` is a plain case in whose folder the rest is found."""

    def __init__(self, folder: Path, instrument: str, arm: str, seed: int, changes: Mapping[str, Any], made: Path | None = None) -> None:
        self.folder, self.arm, self.made = folder, arm, made
        self.kinds = kinds_of(arm, changes)
        few = {"bias_frames": 3, "flat_frames": 2, "off_frames": 2, "d2_frames": 2 if arm == "UVB" else 0}
        keys = {"instrument": instrument, "arm": arm, "seed": seed, "kinds": self.kinds, **few, **GEOMETRY, **changes}
        self.scene = make_scene_of(CalibrationScene, keys)
        self.raw = write_calibration_set(make_calibration_set(self.scene, read_facts(self.scene)), folder / "raw")

    def frames(self, stem: str) -> list[Path]:
        return [path for path in self.raw if path.suffix == ".fits" and path.name.startswith(f"{self.arm}_{stem}")]

    def run(self, recipe: type, name: str, *files: Path) -> Path:
        """Folder of the products."""
        output = self.folder / name
        paths = [str(path) for path in files]
        recipe(LOG, settings={"workspace-root-dir": str(output), "make-plots": False}, inputFrames=paths, overwrite=True).produce_product()
        return output

    def of(self, kind: str, recipe: type, name: str, *files: Path) -> Path:
        """Folder of a recipe's products: the plain case's where this case has no frames of that kind."""
        if kind in self.kinds or self.made is None:
            return self.run(recipe, name, *files)
        return self.made / name

    def solve(self) -> dict[str, Path]:
        """The recipes in turn."""
        bias = [found(self.of("bias", soxs_mbias, "mbias", *self.frames("bias")), "MASTER_BIAS")] if self.arm != "NIR" else []
        disp = self.of("pinhole_arc", soxs_disp_solution, "disp", *self.frames("pinhole_arc"), *bias)
        first = found(disp, "DISP_TAB")
        centres = self.of("pinhole_flat", soxs_order_centres, "centres", *self.frames("pinhole_flat"), first, *bias)
        flat = self.of("flat", soxs_mflat, "mflat", *self.frames("flat"), found(centres, "ORDER_TAB"), *bias)
        spatial = self.run(soxs_spatial_solution, "spatial", *self.frames("multi_pinhole_arc"), first, found(flat, "ORDER_TAB"), *bias)
        return {"disp": disp, "centres": centres, "spatial": spatial}


def found(folder: Path, category: str) -> Path:
    """The product of a category."""
    return next(p for p in sorted(folder.rglob("*.fits")) if str(fits.getheader(p).get("ESO PRO CATG", "")).startswith(category))


def map_figures(folder: Path, truth: CalibrationTruth) -> dict[str, float]:
    """Errors of the map along dispersion (px) and slit (arcsec); unbinned frames alone have a true map of as many pixels."""
    with fits.open(found(folder, "DISP_IMAGE")) as hdus:
        wave, slit, order, error = (hdus[k].data.astype(float) for k in range(4))
    true = {name: truth.images[name] for name in ("WAVE", "SLIT", "ORDER")}
    if true["WAVE"].shape != wave.shape:
        return {}
    inside = np.isfinite(true["WAVE"]) & (np.abs(true["SLIT"]) < HALF_SLIT_ARCSEC) & (order == true["ORDER"])
    centres = truth.tables["CENTRES"]
    for number in np.unique(centres["ORDER"]):
        limits = centres["WAVE"][centres["ORDER"] == number]
        inside &= (order != number) | ((true["WAVE"] > limits.min()) & (true["WAVE"] < limits.max()))
    difference, scale = wave - true["WAVE"], np.abs(np.gradient(true["WAVE"], axis=1 if truth.header["DISPAX"] == "x" else 0))
    inside &= np.isfinite(difference) & np.isfinite(scale) & (scale > 0)
    px = difference / np.where(inside, scale, 1.0)
    by_order = [float(np.sqrt(np.mean(px[inside & (order == number)] ** 2))) for number in np.unique(order[inside])]
    return {
        "map": float(np.sqrt(np.mean(px[inside] ** 2))), "worst": max(by_order),
        "slit": float(np.sqrt(np.mean((slit - true["SLIT"])[inside] ** 2))), "pull": float(np.std((difference / error)[inside])),
    }  # fmt: skip


def line_figures(folder: Path, truth: CalibrationTruth, scene: CalibrationScene) -> dict[str, float]:
    """Wrong images among the used, and share used of those that can be detected."""
    table = Table.read(next(folder.rglob("*FITTED_LINES.fits")), hdu=1)
    used = table[np.array([str(state).strip() == "GOOD" for state in table["state"]])]
    lines = truth.tables["LINES"]
    bx, by = scene.binning
    true = {
        image_key(lines["ORDER"][k], lines["WAVELENGTH"][k], lines["SLIT"][k]): k
        for k in np.flatnonzero((lines["LISTED"] > 0) & (lines["MISSING"] == 0))
    }
    wrong, right = 0, set()
    for row in used:
        k = true.get(image_key(row["order"], row["wavelength"], row["slit_position"]))
        apart = np.inf
        if k is not None:
            x, y = (lines["X"][k] + 0.5) / bx - 0.5, (lines["Y"][k] + 0.5) / by - 0.5
            apart = np.hypot(row["observed_x"] - x, row["observed_y"] - y)
        wrong += int(apart > 1.0)
        if k is not None:
            right.add(k)
    noise = float(truth.header["RON"])
    nx, ny = (int(truth.images["WAVE"].shape[1]) * bx, int(truth.images["WAVE"].shape[0]) * by)
    seen = [
        k for k in true.values()
        if 1 < lines["X"][k] < nx - 2 and 1 < lines["Y"][k] < ny - 2
        and lines["ELECTRONS"][k] / np.sqrt(lines["ELECTRONS"][k] + 16 * noise**2) > DETECTABLE
    ]  # fmt: skip
    return {"wrong": wrong, "used": sum(k in right for k in seen) / max(len(seen), 1)}


def image_key(order: float, wavelength_nm: float, slit_arcsec: float) -> tuple[int, float, float]:
    """What an image is called in both tables; its pinhole by where it is on the slit, since a mask may be off."""
    return int(order), round(float(wavelength_nm), 3), round(float(slit_arcsec), 1) + 0.0


def first_figures(folder: Path, truth: CalibrationTruth) -> dict[str, float]:
    """Error of the first solution along the dispersion at the slit's centre, px rms."""
    return {"first": float(np.sqrt(np.mean(centre_errors(found(folder, "DISP_TAB"), truth) ** 2)))}


def centre_errors(path: Path, truth: CalibrationTruth) -> np.ndarray:
    """Dispersion pixel by the table at the wavelengths of the true order centres, less the truth."""
    centres = truth.tables["CENTRES"]
    with fits.open(path) as hdus:
        rows = hdus[1].data
        row = next(row for row in rows if str(row["axis"]).strip() == truth.header["DISPAX"])
        at = np.zeros(len(centres["WAVE"]), dtype=np.longdouble)
        for name in (name for name in rows.columns.names if name[0] == "c" and name[1:].isdigit()):
            i, j, k = (int(digit) for digit in name[1:])
            if k == 0 and np.isfinite(row[name]):
                at += np.longdouble(row[name]) * centres["ORDER"].astype(np.longdouble) ** i * centres["WAVE"].astype(np.longdouble) ** j
    return np.asarray(at - centres["DISP_PIX"], dtype=float)


def trace_figures(folder: Path, truth: CalibrationTruth) -> dict[str, float]:
    """Error of the order table's centres, px rms."""
    centres = truth.tables["CENTRES"]
    with fits.open(found(folder, "ORDER_TAB")) as hdus:
        row = hdus[1].data[0]
        names = [name for name in hdus[1].columns.names if name.startswith("cent_") and name[5:].isdigit()]
        at = np.zeros(len(centres["CENTRE"]), dtype=np.longdouble)
        for name in names:
            i, j = int(name[5]), int(name[6])
            at += np.longdouble(row[name]) * centres["ORDER"].astype(np.longdouble) ** i * centres["DISP_PIX"].astype(np.longdouble) ** j
    return {"centres": float(np.sqrt(np.mean(np.asarray(at - centres["CENTRE"], dtype=float) ** 2)))}


def said(folder: Path) -> list[str]:
    """Verdict and warnings of a recipe."""
    path = next(folder.rglob("*_QC.json"), None)
    if path is None:
        return []
    judged = json.loads(path.read_text(encoding="utf-8"))
    failing = [f"{row['name']} {row['value']:.3g} not in {row['low']}..{row['high']}" for row in judged["metrics"] if row["flag"] == "fail"]
    return [judged["verdict"], *judged["warnings"], *failing]


def measure(attack: Attack) -> tuple[dict[str, float], list[str]]:
    """Figures of one case, and what the user is told."""
    try:
        folders = attack.solve()
    except SoxspipeError as refused:
        told = [f"{name}: {text}" for name in ("disp", "centres") for text in said(attack.folder / name)]
        return {}, [*told, f"refused: {refused}"]
    truth = read_calibration_truth(attack.folder / "raw" / "truth_cal.fits")
    figures = first_figures(folders["disp"], truth) | trace_figures(folders["centres"], truth)
    figures |= map_figures(folders["spatial"], truth) | line_figures(folders["spatial"], truth, attack.scene)
    figures["solution"] = float(np.sqrt(np.mean(centre_errors(found(folders["spatial"], "DISP_TAB"), truth) ** 2)))
    return figures, [f"{name}: {text}" for name, folder in folders.items() for text in said(folder)]


COLUMNS = {"first": 4, "centres": 4, "solution": 4, "map": 4, "worst": 4, "slit": 4, "pull": 2, "wrong": 0, "used": 3}
"""Figures with their digits."""


def main() -> None:
    """Print a table, and below each row what was said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", nargs="+", default=["NIR", "VIS"])
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--instrument", choices=("SOXS", "XSHOOTER"), default="SOXS", help="the other one: the plain case alone")
    parser.add_argument("--plain", type=Path, help="folder of plain cases, by arm: made where it has none, and used again")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print("| arm, case | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    with tempfile.TemporaryDirectory() as place:
        for arm in given.arms:
            plain = (given.plain or Path(place)) / arm
            every = cases(arm) if given.instrument == "SOXS" else {"plain": {}}
            if not plain.exists() or given.cases is None or "plain" in given.cases:
                show(f"{arm}, plain", Attack(plain, given.instrument, arm, given.seed, {}))
            for number, (case, changes) in enumerate(every.items()):
                if case != "plain" and (given.cases is None or case in given.cases):
                    folder = Path(place) / f"{arm}_{number}"
                    show(f"{arm}, {case}", Attack(folder, given.instrument, arm, given.seed, changes, plain))
                    shutil.rmtree(folder)


def show(title: str, attack: Attack) -> None:
    """A row of the table, and what the user hears."""
    figures, told = measure(attack)
    shown = [f"{figures[name]:.{digits}f}" if name in figures else "-" for name, digits in COLUMNS.items()]
    print(f"| {title} | " + " | ".join(shown) + " |")
    print("\n".join(f"    {text}" for text in told), flush=True)


if __name__ == "__main__":
    main()
