"""Wavelength shifts of many simulated exposures: errors of the orders, their pulls, and what the flexure law is worth in u and g.

``python benchmarks/wavelengths.py [--arms NIR VIS] [--seeds 30] [--first 5000]`` prints the table of `benchmarks/accuracy.md`.  Each seed has its own
flexure, rotator, object and seeing; one exposure is simulated, its sky and object are solved, and the wavelengths of each order held against the truth.
No product is written.

``python benchmarks/wavelengths.py --law [--seeds 30]`` takes r and i as measured to 0.005 px, as whole frames give them, and draws the rest: what u and g are worth
by the law without a line of their own.  Flexure as in those scenes (2 px), of a good night (0.3 px, rotator within 20 degrees), and of a night that no law
describes (scatter five times as large).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from soxspipe.algorithms.extraction.solve_orders import NO_OTHERS
from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances, join_orders
from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit
from soxspipe.instruments.registry import arm
from soxspipe.io.simulated import read_truth
from soxspipe.reductions.simulate import simulate_dataset
from soxspipe.reductions.stare.exposures import plan_exposures
from soxspipe.reductions.stare.gather import StareGathered, gather
from soxspipe.reductions.stare.prepared import prepare_set
from soxspipe.reductions.stare.solution import StackSolution
from soxspipe.reductions.stare.solve_stack import solve_stack
from soxspipe.simulate.flexure import dispersion_flexure
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.truth import Truth

MEASURED_PX = 0.005
"""Error of r and i in whole reductions."""
LAWFUL = {"VIS": (2, 3), "NIR": ()}
"""Orders that follow a law where they have no lines: u and g."""


class One(NamedTuple):
    """Order of an exposure: its shift and that shift's error, what they rest on, and the error of its wavelengths with and without it (px)."""

    order: int
    source: str
    applied: bool
    shift_px: float
    error_px: float
    with_px: float
    without_px: float

    @property
    def pull(self) -> float:
        """Error of the measured shift in units of its own, applied or not."""
        return (self.without_px - self.shift_px) / self.error_px


def scene(arm_name: str, seed: int) -> dict[str, Any]:
    """A scene with flexure of its own: of every order in the near infrared, by the published law in UV-VIS."""
    draw = np.random.default_rng(seed)
    plain = {
        "arm": arm_name, "target": "supernova", "airmass": 1.2, "seed": seed, "exptime_s": float(draw.uniform(200, 600)), "ab_mag": float(draw.uniform(16, 18)),
        "offset_arcsec": float(draw.uniform(-3, 3)), "seeing_arcsec": float(draw.uniform(0.7, 1.3)), "flexure_slit_px": float(draw.uniform(-2, 2)),
        "rotator_deg": float(draw.uniform(-180, 180)), "flexure_dispersion_px": float(draw.uniform(-2, 2)), "cosmic_ray_rate": 0.0,
    }  # fmt: skip
    if arm_name == "VIS":
        return plain | {"flexure_by_law": True}
    apart = {order: plain["flexure_dispersion_px"] + float(draw.uniform(2, 5)) for order in (10, 11)}
    return plain | {"flexure_dispersion_order_px": apart, "flexure_tilt_px": float(draw.uniform(-0.06, 0.06))}


def solved(made: Mapping[str, Any]) -> tuple[StackSolution, StareGathered, Truth]:
    """Simulate one exposure and solve its sky and object."""
    with tempfile.TemporaryDirectory() as folder:
        files = simulate_dataset(made, folder)
        gathered, truth = gather(files[0], None), read_truth(files[-1])
        ready = prepare_set(gathered.inputs)
    plan = plan_exposures(ready)
    return solve_stack(plan.groups[0], ready, plan, gathered.settings, lambda step, note: None, NO_OTHERS), gathered, truth


def orders_of(made: Mapping[str, Any]) -> Iterator[One]:
    """Simulate one exposure, solve it, and hold every order against the truth."""
    solution, _, truth = solved(made)
    yield from compared(solution, truth)


def compared(solution: StackSolution, truth: Truth) -> Iterator[One]:
    """Every order of a solution against the truth."""
    for extracted in solution.extracted:
        spectrum = extracted.spectrum
        found, here = solution.shift.orders[spectrum.order], truth.orders["ORDER"] == spectrum.order
        pixel = truth.orders["DISP_PIX"][here]
        at, step = (np.interp(spectrum.b_px, pixel, truth.orders[name][here]) for name in ("WAVE", "PIXSCALE_NM"))
        left = float(np.nanmedian((spectrum.wavelength_nm - at) / step))
        yield One(
            spectrum.order,
            found.source,
            found.applied,
            found.shift_px,
            found.error_px,
            left,
            left + (found.shift_px if found.applied else 0.0),
        )


NIGHTS: dict[str, dict[str, Any]] = {
    "flexure of 2 px": {},
    "a good night": {"flexure_dispersion_px": 0.3, "rotator_deg": 20.0},
    "a night of its own": {"flexure_law_scatter": 5.0},
}


def lawful(night: Mapping[str, Any], seed: int) -> Iterator[One]:
    """The bands u and g of an exposure whose r and i were measured: no frame is made."""
    drawn, draw = scene("VIS", seed), np.random.default_rng(seed + 1_000_000)
    limits = {key: value for key, value in night.items() if key in drawn}
    night = dict(night) | {key: float(draw.uniform(-value, value)) for key, value in limits.items()}
    made = Scene(**drawn | night)
    true = dispersion_flexure(made, (1, 2, 3, 4))
    fits = {order: fit_of(order, true[order] + MEASURED_PX * float(draw.normal())) for order in (1, 4)}
    angle = np.radians(made.rotator_deg or 0.0)
    known = Circumstances(flexure=arm("SOXS", "VIS").flexure, turned=(float(np.cos(angle)) - 1.0, float(np.sin(angle))))
    for order in LAWFUL["VIS"]:
        found = join_orders((1, 2, 3, 4), fits, known, apply=True).orders[order]
        left = true[order] - (found.shift_px if found.applied else 0.0)
        yield One(order, found.source, found.applied, found.shift_px, found.error_px, left, true[order])


def fit_of(order: int, shift_px: float) -> OrderFit:
    """An order that its own lines hold well."""
    coefficients, covariance = np.array([shift_px, 0.0, 0.0]), np.diag(np.full(3, MEASURED_PX**2))
    return OrderFit(
        order=order, coefficients=coefficients, covariance=covariance, n_lines=40, n_expected=50, snr=300.0, second_snr=80.0,
        scatter_px=0.01, n_strong=50,
    )  # fmt: skip


def rms(values: list[float]) -> float:
    """Root of the mean square; NaN of none."""
    return float(np.sqrt(np.mean(np.square(values)))) if values else float("nan")


def report(arm_name: str, found: list[One]) -> None:
    """Print pulls and errors by source, and each lawful order with and without its shift."""
    for source in sorted({one.source for one in found}):
        of = [one for one in found if one.source == source]
        errors, pulls = [one.with_px for one in of], [one.pull for one in of if np.isfinite(one.pull)]
        robust = 1.4826 * float(np.median(np.abs(np.array(pulls) - np.median(pulls)))) if pulls else float("nan")
        print(
            f"{arm_name}  {source:<20} n {len(of):4d}  rms {rms(errors):.4f} px  largest {max(map(abs, errors)):.3f} px"
            f"  pulls: rms {rms(pulls):.2f}  robust {robust:.2f}"
        )
    for order in LAWFUL[arm_name]:
        of = [one for one in found if one.order == order]
        moved = [one for one in of if one.applied]
        print(
            f"{arm_name}  order {order}: n {len(of)}  rms with {rms([one.with_px for one in of]):.2f} px, without {rms([one.without_px for one in of]):.2f} px;"
            f" moved {len(moved)}: with {rms([one.with_px for one in moved]):.2f}, without {rms([one.without_px for one in moved]):.2f}"
        )


def main() -> None:
    """Run the seeds asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=["VIS", "NIR"])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=5000)
    parser.add_argument("--law", action="store_true", help="the flexure law alone, without frames")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    for name, night in NIGHTS.items() if arguments.law else ():
        print(name)
        report("VIS", [one for seed in seeds for one in lawful(night, seed)])
    if arguments.law:
        return
    for arm_name in arguments.arms:
        found: list[One] = []
        for seed in seeds:
            found += (now := list(orders_of(scene(arm_name, seed))))
            print(seed, *(f"{one.order}:{one.source}:{one.with_px:+.3f}({one.pull:+.1f})" for one in now), flush=True)
        report(arm_name, found)


if __name__ == "__main__":
    main()
