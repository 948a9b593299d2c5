"""Accuracy and cost of the geometry from lamps, on simulated frames whose truth is no polynomial.

``python benchmarks/geometry.py [--seeds 8] [--arms NIR VIS]`` prints the table of `benchmarks/results.md`.  Each seed has its own geometry (0.5 to
3 px of shift, rotation and stretch against the prediction, 0.03 px of waves), 5 per cent of the lines missing, 10 per cent more that are in no list,
and one lamp out (NIR).
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the painter of pinholes
from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.fit_dispersion import DispersionFit
from soxspipe.algorithms.calibration.predict_lines import candidate_lines
from soxspipe.algorithms.calibration.solve_arc import ArcSolution, solve_arc
from soxspipe.algorithms.calibration.trace_orders import trace_orders
from soxspipe.algorithms.calibration.trace_settings import TraceSettings
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.io.simulated_facts import read_optics
from soxspipe.simulate.optics import OpticalModel
from support.pinholes import ArcTruth, PinholeScene, arc_lines, light_places, paint_images, pinhole_flat

READ_NOISE_E = {"NIR": 7.3, "VIS": 3.8}
RIPPLE_PX = 0.03
OUT = ("Xe", "Ne", "Hg")
"""Lamps that are out in turn; without argon no order is held from end to end."""
DETECTABLE = 7.0
"""Significance above which an image counts as detectable."""
HALF_SLIT = 5.8
PIXEL_RESPONSE = 0.01
"""Scatter of the pixels' response, as `soxspipe simulate` has it; arcs are not flattened."""


def geometry(arm: str, seed: int) -> OpticalModel:
    """An alignment of its own for each seed."""
    draw = np.random.default_rng(100 + seed)
    size = draw.uniform(0.5, 3.0)
    shift = tuple(float(value) for value in size * draw.choice([-1, 1], 2) * draw.uniform(0.5, 1.0, 2))
    optics = read_optics("SOXS", arm)
    longest = max(optics.shape) / 2
    rotation, stretch = np.degrees(draw.uniform(-1, 1) * 1.5 / longest), draw.uniform(-1, 1) * 1.5 / longest
    return optics.realigned((shift[0], shift[1]), float(rotation), float(stretch)).rippled(RIPPLE_PX, draw)


def frame(image: np.ndarray, arm: str, seed: int) -> ArcImage:
    """Light as pixels of unequal response see it, with its noise."""
    draw, noise = np.random.default_rng(seed), READ_NOISE_E[arm]
    image = image * (1.0 + PIXEL_RESPONSE * draw.normal(size=image.shape))
    return ArcImage(
        electrons=draw.poisson(image) + draw.normal(0.0, noise, image.shape), variance=np.full(image.shape, noise**2),
        good=np.ones(image.shape, dtype=bool), saturated=np.zeros(image.shape, dtype=bool),
    )  # fmt: skip


def map_errors(arm: str, optics: OpticalModel, fit: DispersionFit, ranges: dict[int, tuple[float, float]]) -> dict[str, object]:
    """Errors along dispersion and slit (px) on a grid that fills the orders on the detector, and pulls."""
    orders, errors, slit_errors, pulls = [], [], [], []
    for order, (low, high) in ranges.items():
        wave, slit = (v.ravel() for v in np.meshgrid(np.linspace(low, high, 90), np.linspace(-HALF_SLIT, HALF_SLIT, 13), indexing="ij"))
        x, y = light_places(optics, order, wave, slit)
        inside = (x > -0.5) & (x < optics.shape[1] - 0.5) & (y > -0.5) & (y < optics.shape[0] - 0.5)
        number = np.full(int(inside.sum()), order)
        at = fit.pixels(number, wave[inside], slit[inside])
        sigma = fit.errors(number, wave[inside], slit[inside])
        dx, dy = at[0] - x[inside], at[1] - y[inside]
        along, across = (dx, dy) if arm == "NIR" else (dy, dx)
        orders.append(number), errors.append(along), slit_errors.append(across)
        pulls.append(along / sigma[0 if arm == "NIR" else 1])
    order, error = np.concatenate(orders), np.concatenate(errors)
    worst = max(float(np.sqrt(np.mean(error[order == k] ** 2))) for k in np.unique(order))
    scale = 12.0 / (36.0 if arm == "NIR" else 44.0)
    return {
        "rms": float(np.sqrt(np.mean(error**2))), "worst": worst, "slit": scale * float(np.sqrt(np.mean(np.concatenate(slit_errors) ** 2))),
        "pull": float(np.std(np.concatenate(pulls))),
    }  # fmt: skip


def lines_used(solution: ArcSolution, truth: ArcTruth, arm: str, shape: tuple[int, int]) -> tuple[float, int, float]:
    """Share of the detectable images of the list that are used, wrong ones among the used, and pull of the centroids."""
    noise = READ_NOISE_E[arm]
    places = {
        (int(o), round(float(w), 4), round(float(s), 3)): k
        for k, (o, w, s) in enumerate(zip(truth.order, truth.wavelength_nm, truth.slit_arcsec, strict=True))
        if truth.listed[k]
    }
    detectable = used = wrong = 0
    pulls = []
    for i in range(solution.shape[0]):
        for j in range(solution.shape[1]):
            k = places.get(
                (int(solution.lines.order[i]), round(float(solution.lines.wavelength_nm[i]), 4), round(float(solution.slit_arcsec[j]), 3))
            )
            if k is None:
                wrong += int(solution.used[i, j])
                continue
            inside = 1 < truth.x[k] < shape[1] - 2 and 1 < truth.y[k] < shape[0] - 2
            seen = truth.electrons[k] / np.sqrt(truth.electrons[k] + 16 * noise**2) > DETECTABLE and inside
            detectable += int(seen)
            used += int(seen and solution.used[i, j])
            if solution.used[i, j]:
                dx = solution.pinholes.x.reshape(solution.shape)[i, j] - truth.x[k]
                wrong += int(abs(dx) > 1.0)
                pulls.append(dx / solution.judged.x_error[i, j])
    spread = float(1.4826 * np.median(np.abs(np.array(pulls) - np.median(pulls))))
    return used / max(detectable, 1), wrong, spread


def one(arm: str, seed: int) -> dict[str, object]:
    """One seed: single-pinhole arc, multi-pinhole arc, pinhole flat."""
    prediction = read_arc_prediction("SOXS", arm)
    optics = geometry(arm, seed)
    ranges = dict(prediction.ranges_nm)
    out = (OUT[seed % 3],) if arm == "NIR" else ()
    elements = {"Ar", "Ne", "Hg", "Xe"} - set(out) if arm == "NIR" else {"ThAr"}
    scene = PinholeScene(off_elements=out)
    known = (
        prediction.lines.wavelength_nm,
        tuple("UNK" if ion == "UNK" else ion.rstrip("IV") if ion != "ThAr" else ion for ion in prediction.lines.ion),
    )
    lines, axis = candidate_lines(prediction, elements, optics.shape), "x" if arm == "NIR" else "y"
    result: dict[str, object] = {"arm": arm, "seed": seed}
    start = None
    for holes, name in ((np.zeros(1), "single"), (prediction.mask_arcsec, "multi")):
        truth = arc_lines(scene, optics, ranges, known, holes, seed)
        image = frame(paint_images(optics.shape, truth.x, truth.y, truth.electrons, scene.sigma_px), arm, 10 * seed + holes.size)
        began = time.process_time()
        solution = solve_arc(image, prediction, lines, holes, ArcSettings(), dispersion_axis=axis, start=start)
        result[f"{name} cpu"] = time.process_time() - began
        if name == "single":
            start = (solution.fit.x_polynomial, solution.fit.y_polynomial)
            flat = frame(pinhole_flat(optics, ranges, 4000.0, scene.sigma_px), arm, 10 * seed + 5)
            began = time.process_time()
            centres = trace_orders(flat, *start, ranges, axis, TraceSettings())
            result["centres cpu"] = time.process_time() - began
            result["centres"] = centre_error(arm, optics, ranges, centres)
    result |= map_errors(arm, optics, solution.fit, ranges)
    result["used"], result["wrong"], result["centroid pull"] = lines_used(solution, truth, arm, optics.shape)
    result["degrees"] = f"{solution.fit.x.degrees} {solution.fit.y.degrees}"
    return result


def centre_error(arm: str, optics: OpticalModel, ranges: dict[int, tuple[float, float]], centres: object) -> float:
    """Rms error of the order table's polynomial, px."""
    errors = []
    for order, (low, high) in ranges.items():
        wave = np.linspace(low, high, 300)
        x, y = light_places(optics, order, wave, np.zeros(300))
        b, a = (x, y) if arm == "NIR" else (y, x)
        inside = (b > 0) & (b < optics.n_dispersion - 1)
        errors.append(centres.centre(order, b[inside]) - a[inside])
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--arms", nargs="+", default=["NIR", "VIS"])
    asked = parser.parse_args()
    keys = ("rms", "worst", "slit", "centres", "used", "wrong", "pull", "centroid pull", "single cpu", "multi cpu", "centres cpu")
    print("| arm, seed | " + " | ".join(keys) + " |\n|" + "---|" * (len(keys) + 1))
    for arm in asked.arms:
        rows = []
        for seed in range(asked.seeds):
            row = one(arm, seed)
            rows.append(row)
            print(f"| {arm} {seed} | " + " | ".join(f"{row[key]:.3g}" for key in keys) + f" | {row['degrees']}", flush=True)
        print(f"| **{arm}, mean** | " + " | ".join(f"{np.mean([row[key] for row in rows]):.3g}" for key in keys) + " |")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
