"""Masters of simulated raw frames against their truth and against the clock: ``python benchmarks/cascade.py [--seeds 8] [--arms NIR VIS] [--case plain] [--instrument SOXS] [--speed [3 5 10]]``.

Whole detectors.  Every seed is a set of raw frames of its own (bias or darks of 60 s, flats with the delivered order table of the same scene),
reduced through the classes; figures are printed as a table with the worst seed beside the mean.  Other cases than the plain one: `CASES`.
"""

from __future__ import annotations

import argparse
import logging
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from soxspipe.io.simulated import write_data_set
from soxspipe.io.simulated_calibrations import read_calibration_truth, write_calibration_set
from soxspipe.io.simulated_facts import make_scene, make_scene_of, read_facts
from soxspipe.recipes import soxs_mbias, soxs_mdark, soxs_mflat
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibration_truth import CalibrationTruth
from soxspipe.simulate.calibrations import make_calibration_set
from soxspipe.simulate.observe import simulate

LOG = logging.getLogger("benchmark")
TARGETS = {
    "noise / ideal, bias or dark": "<= 1.02",
    "pull, bias or dark": "0.97 to 1.03",
    "read noise / truth": "0.99 to 1.01",
    "hot pixels above 6 sigma found": ">= 0.98",
    "good pixels flagged, %": "<= 0.05",
    "flat noise / ideal": "<= 1.01",
    "pull, flat": "0.97 to 1.03",
    "flat, systematic, % (95 % of 25 x 25 px)": "<= 0.1",
    "order edges, px rms": "<= 0.05",
    "order edges, worst offset, px": "<= 0.1",
    "cold pixels found": "",
}
FLAT_S = 20.0
"""Exposure time of a simulated flat."""

CASES: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "deuterium": {"d2_frames": 4, "lamp_drift": 0.2},
    "reversed": {"dpr_type_order": "lamp_last"},
    "drift": {"bias_drift_e": 40.0},
    "strong scattered light": {"scattered_light": 0.05},
    "binned 2x1": {"binning": [2, 1], "lamp_electrons": 22000.0},
    "binned 2x2": {"binning": [2, 2], "lamp_electrons": 11000.0},
}
"""What a scene has beside the geometry: unequal levels and both lamps, the other spelling of DPR TYPE, a level that drifts by ten read noises; binned
flats of as much light as others in a pixel of the frame."""


def make_set(folder: Path, arm: str, seed: int, **values: object) -> tuple[list[Path], Path]:
    """Raw frames with truth, and an order table of the same geometry."""
    geometry = {"geometry_shift_px": [1.2, -0.8], "geometry_rotation_deg": 0.02, "seed": seed, "arm": arm}
    scene = make_scene_of(CalibrationScene, {"dark_times_s": [60.0] if arm == "NIR" else [], **geometry, **values})
    files = write_calibration_set(make_calibration_set(scene, read_facts(scene)), folder / "cal")
    shared = {name: values[name] for name in ("instrument", "binning") if name in values}
    observation = make_scene({**geometry, **shared, "target": "empty", "exptime_s": 1.0})
    kit = write_data_set(simulate(observation, read_facts(observation)), observation, folder / "sci")
    return files, next(path for path in kit if path.name.startswith("order_table"))


def run(recipe: type, frames: list[Path], output: Path, **settings: object) -> Path:
    """Path of the product."""
    files = [str(path) for path in frames]
    path, _ = recipe(LOG, settings={"workspace-root-dir": str(output), **settings}, inputFrames=files, overwrite=True).produce_product()
    return Path(path)


def named(files: list[Path], *parts: str) -> list[Path]:
    return [path for path in files if path.suffix == ".fits" and any(part in path.name for part in parts)]


def robust(values: np.ndarray) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def measure_pedestal(path: Path, truth: CalibrationTruth, n: int, seconds: float) -> dict[str, float]:
    """Figures of a master bias or dark."""
    images = truth.images
    with fits.open(path) as hdus:
        value, bad, error, ron = hdus["FLUX"].data, hdus["QUAL"].data > 0, hdus["ERRS"].data, hdus[0].header["ESO QC RAW RON"]
    good = (images["HOT"] + images["COLD"] + images["UNSTABLE"]) == 0
    residual = value - images["PEDESTAL"] - seconds * images["DARKRATE"]
    use = good & ~bad
    residual = residual - residual[use].mean()
    above = seconds * (images["DARKRATE"] - np.median(images["DARKRATE"])) / np.median(error)
    hot = (images["HOT"] > 0) & (above > 6)
    noise = float(truth.header["RON"]) ** 2 + float(np.median(images["DARKRATE"])) * seconds
    return {
        "noise / ideal, bias or dark": float(residual[use].std() / np.sqrt(noise / n)),
        "pull, bias or dark": float((residual / error)[use].std()),
        "read noise / truth": ron / float(truth.header["RON"]),
        **({"hot pixels above 6 sigma found": float(bad[hot].mean())} if hot.any() else {}),
        "good pixels flagged, %": float(100 * bad[good].mean()),
    }


def block_means(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An unbinned image in the pixels of a binned frame of `shape`."""
    y, x = image.shape[0] // shape[0], image.shape[1] // shape[1]
    return image[: y * shape[0], : x * shape[1]].reshape(shape[0], y, shape[1], x).astype(float).mean(axis=(1, 3))


def measure_flat(path: Path, table: Path, truth: CalibrationTruth, n: int) -> dict[str, float]:
    """Figures of a master flat and its order table."""
    from scipy.ndimage import uniform_filter

    images = truth.images
    with fits.open(path) as hdus:
        value, bad, error = hdus["FLUX"].data.astype(float), hdus["QUAL"].data > 0, hdus["ERRS"].data.astype(float)
    light = images["FLAT_QTH"].astype(float)
    slit, order, wave = (block_means(images[name], light.shape) for name in ("SLIT", "ORDER", "WAVE"))
    defects = (images["HOT"] + images["COLD"] + images["UNSTABLE"]) > 0
    core = np.isfinite(slit) & (np.abs(slit) < 5.0) & ~defects & (light > 300)
    centres = truth.tables["CENTRES"]
    for number in np.unique(centres["ORDER"]):
        limits = centres["WAVE"][centres["ORDER"] == number]
        core &= ~((order == number) & ((wave < limits.min()) | (wave > limits.max())))
    soxs, nir = "_SOXS" in path.stem, truth.header["ARM"] == "NIR"
    core &= (order != 2) if soxs and not nir else True  # quartz has little light in u
    use = core & ~bad
    error = np.where(error > 0, error, np.inf)  # between the orders
    scale = np.ones(value.shape)
    for number in np.unique(order[use]):
        scale[order == number] = np.median((value[use & (order == number)]) / light[use & (order == number)])
    behind = float(truth.header["RON"]) ** 2 + FLAT_S * (images["DARKRATE"] + images.get("THERMAL", 0.0))
    ideal = np.sqrt((light + images["SCATTER_QTH"] + (2 if nir else 1) * behind) / n)
    ratio = value / np.where(light > 0, light * scale, np.nan) - 1
    counted = uniform_filter(use.astype(float), 25)
    smooth = uniform_filter(np.where(use, ratio, 0.0), 25)[use & (counted > 0.3)] / counted[use & (counted > 0.3)]
    rms, offset = edge_errors(table, centres, str(truth.header["DISPAX"]))
    cold = (images["COLD"] > 0) & np.isfinite(slit) & (np.abs(slit) < 5)
    return {
        "flat noise / ideal": robust((ratio * light / ideal)[use]),
        "pull, flat": robust(((value - light * scale) / error)[use]),
        "flat, systematic, % (95 % of 25 x 25 px)": float(100 * np.percentile(np.abs(smooth), 95)),
        "order edges, px rms": rms,
        "order edges, worst offset, px": offset,
        "cold pixels found": float(bad[cold].mean()),
    }


def edge_errors(table: Path, centres: Mapping[str, np.ndarray], b: str) -> tuple[float, float]:
    """Root mean square about the mean of each order's edge, and the largest such mean; `b` is the dispersion axis."""
    with fits.open(table) as hdus:
        row = hdus[1].data[0]
        scatter, offsets = [], []
        for name, column in (("edgelow", "EDGE_LOW"), ("edgeup", "EDGE_UP")):
            degrees = int(row[f"degorder_{name}"]), int(row[f"deg{b}_{name}"])
            for number in np.unique(centres["ORDER"]):
                mine = centres["ORDER"] == number
                at = centres["DISP_PIX"][mine].astype(float)
                fitted = sum(
                    float(row[f"{name}_c{i}{j}"]) * float(number) ** i * at**j for i in range(degrees[0] + 1) for j in range(degrees[1] + 1)
                )
                error = fitted - centres[column][mine]
                scatter.append(error.std())
                offsets.append(abs(error.mean()))
    return float(np.sqrt(np.mean(np.square(scatter)))), float(max(offsets))


def accuracy(arm: str, seed: int, case: str, instrument: str) -> dict[str, float]:
    """Figures of one set."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files, table = make_set(folder, arm, seed, instrument=instrument, **CASES[case])
        truth = read_calibration_truth(folder / "cal" / "truth_cal.fits")
        quiet = {"make-plots": False}
        if arm == "NIR":
            master = run(soxs_mdark, named(files, "_dark60_"), folder / "out", **quiet)
        else:
            master = run(soxs_mbias, named(files, "_bias_"), folder / "out", **quiet)
        figures = measure_pedestal(master, truth, 5, 60.0 if arm == "NIR" else 0.0)
        both = case == "deuterium" or (instrument, arm) == ("XSHOOTER", "UVB")
        lamps = named(files, "_flat_on_", "_flat_off_", "_flat_qth_", *(["_flat_d2_"] if both else []))
        flat = run(soxs_mflat, [*lamps, table, master], folder / "out", **quiet)
        location = next(path for path in flat.parent.glob("*OLOC*.fits"))
        return figures | measure_flat(flat, location, truth, 5)


def apart(function: Callable[..., Any], *values: object, **named_values: object) -> Any:
    """Result of a function in a process of its own, whose memory is its own as well."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *values, **named_values).result()


def warm(verb: str, frames: list[Path], output: Path) -> tuple[float, float]:
    """Processor seconds of a warm reduction, all products, plots and report (the least of three after the first), and peak memory (MB)."""
    logging.disable(logging.CRITICAL)
    took = []
    for _ in range(4):
        began = time.process_time()
        run({"mdark": soxs_mdark, "mflat": soxs_mflat}[verb], frames, output)
        took.append(time.process_time() - began)
    return min(took[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed(numbers: Sequence[int]) -> dict[str, float]:
    """Processor seconds and peak memory of NIR darks and flats by the number of frames (of flats as many with the lamp off)."""
    figures = {}
    most = max(numbers)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files, table = apart(make_set, folder, "NIR", 1, dark_frames=most, flat_frames=most, off_frames=most)
        for n in numbers:
            some = [path for path in files if path.suffix == ".fits" and path.stem.rpartition("_")[2] in map(str, range(n))]
            sets = {"mdark": named(some, "_dark60_"), "mflat": [*named(some, "_flat_on_", "_flat_off_"), table]}
            for verb, frames in sets.items():
                seconds, megabytes = apart(warm, verb, frames, folder / "out")
                figures |= {f"{verb}, {n} frames NIR, CPU s": seconds, f"{verb}, {n} frames NIR, peak MB": megabytes}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--arms", nargs="+", default=["NIR", "VIS"])
    parser.add_argument("--case", choices=tuple(CASES), default="plain")
    parser.add_argument("--instrument", choices=("SOXS", "XSHOOTER"), default="SOXS")
    parser.add_argument("--speed", type=int, nargs="*", metavar="FRAMES", help="CPU and memory instead, for so many frames (5)")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if chosen.speed is not None:
        for name, value in speed(chosen.speed or [5]).items():
            print(f"| {name} | {value:.2f} |")
        return
    for arm in chosen.arms:
        found = [accuracy(arm, seed, chosen.case, chosen.instrument) for seed in range(11, 11 + chosen.seeds)]
        print(
            f"\n{chosen.instrument} {arm}, {chosen.case}, {chosen.seeds} seeds\n\n| figure | mean | lowest | highest | target |\n|---|---|---|---|---|"
        )
        for name, target in TARGETS.items():
            values = [figures[name] for figures in found if name in figures]
            if values:
                print(f"| {name} | {np.mean(values):.4f} | {min(values):.4f} | {max(values):.4f} | {target} |")


if __name__ == "__main__":
    main()
