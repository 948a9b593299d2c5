"""Single orders of near-infrared exposures moved by up to 8 px: which are measured, whose errors are honest, and what is believed by chance.

    python benchmarks/moved_orders.py [--scenes n300 n60_faint ...] [--seed 91000]

A scene is simulated and solved once.  Then the listed lines of its orders are moved in the sky spectra, which is the same as moving the order against
its map: each order alone, two or five at random, and all together with a tilt while three stand apart.  Last, lists that do not belong to the sky:
moved beyond the search range, mirrored, stretched, drawn at random; whatever is believed there is so by chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from wavelengths import compared, rms, solved

from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances, join_orders
from soxspipe.algorithms.sky.wavelengths.measure import choose_line_shape, measure_order
from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit
from soxspipe.algorithms.sky.wavelengths.place_error import line_tilt, place_errors
from soxspipe.algorithms.sky.wavelengths.sky_spectrum import LineShape, SkySpectrum, sky_spectrum
from soxspipe.datamodel.models import OrderShift
from soxspipe.reductions.stare.wavelengths import circumstances

SCENES: dict[str, dict[str, Any]] = {
    "n300": {"exptime_s": 300, "ab_mag": 17.0},
    "n900": {"exptime_s": 900, "ab_mag": 19.0},
    "n60": {"exptime_s": 60, "ab_mag": 14.0},
    "n60_faint": {"exptime_s": 60, "ab_mag": 11.0, "oh_strength": 0.3},
    "n60_fainter": {"exptime_s": 60, "ab_mag": 9.5, "oh_strength": 0.1},
    "n300_slit15": {"exptime_s": 300, "ab_mag": 16.0, "slit_width_arcsec": 1.5},
    "n60_slit5": {"exptime_s": 60, "ab_mag": 11.0, "slit_width_arcsec": 5.0},
    "n300_slit5": {"exptime_s": 300, "ab_mag": 13.0, "slit_width_arcsec": 5.0, "slit_horns": 0.15},
}
"""Usual and faint sky lines, faint and bright stars, three slits."""
ALONE_PX = np.arange(-8.0, 8.0) + 0.13
"""Not on the grid of the search."""
WRONG_PX = (-77.7, -52.1, -36.6, -27.3, -19.9, -14.3, 14.9, 20.6, 28.8, 38.2, 55.5, 81.2)
"""Beyond the search range."""
DRAWS = 40
UNSAID_SIGMA, UNSAID_PX = 5.0, 0.1
"""An error beyond both is one that nothing told of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """What a solved scene leaves: sky spectra, line shape, error of the object's place, circumstances, and where the orders truly lie (px)."""

    spectra: Mapping[int, SkySpectrum]
    shape: LineShape
    place_px: Mapping[int, float]
    known: Circumstances
    true_px: Mapping[int, float]


def solve(made: Mapping[str, Any]) -> Solved:
    """Simulate and solve a scene."""
    solution, gathered, truth = solved({"arm": "NIR", "target": "supernova", "airmass": 1.2, "cosmic_ray_rate": 0.0} | dict(made))
    inputs, trace = gathered.inputs, solution.solved.trace
    fits = {order.sky_fit.data.window.order: order.sky_fit for order in solution.solved.orders if order.sky_fit is not None}
    cut = {order: sky_spectrum(fit, inputs.sky_lines, float(np.median(trace.orders[order].slit_arcsec))) for order, fit in fits.items()}
    spectra = {order: spectrum for order, spectrum in cut.items() if spectrum is not None}
    known = circumstances(inputs)
    return Solved(
        spectra=spectra,
        shape=choose_line_shape(list(spectra.values()), inputs.observation.slit_width_arcsec, known.dispersion_binning),
        place_px={
            order: error * line_tilt(fits[order].data.window) for order, error in place_errors(trace.samples).items() if order in fits
        },
        known=known,
        true_px={one.order: one.without_px for one in compared(solution, truth)},
    )


@cache
def measured(scene: Solved, order: int, moved_px: float) -> OrderFit | None:
    """An order whose features lie further up by some pixels."""
    spectrum = scene.spectra[order]
    return measure_order(replace(spectrum, position=spectrum.position - moved_px), scene.shape, scene.place_px.get(order, 0.0))


def joined(scene: Solved, moved_px: Mapping[int, float]) -> Iterator[tuple[int, OrderShift, float]]:
    """Every order with what was found and where it truly lies."""
    fits = {order: measured(scene, order, moved_px.get(order, 0.0)) for order in scene.spectra}
    sound = {order: fit for order, fit in fits.items() if fit is not None}
    for order, found in join_orders(sorted(scene.true_px), sound, scene.known, apply=True).orders.items():
        yield order, found, scene.true_px[order] + moved_px.get(order, 0.0)


def motions(orders: list[int], draw: np.random.Generator) -> Iterator[tuple[str, dict[int, float]]]:
    """Orders moved alone, by twos and fives, and together with a tilt."""
    for order in orders:
        yield from (("alone", {order: float(px)}) for px in ALONE_PX)
    for k in range(DRAWS):
        chosen = draw.choice(orders, 2 if k % 2 else 5, replace=False)
        yield "two or five", {int(order): float(draw.uniform(-8.0, 8.0)) for order in chosen}
        common, tilt = draw.uniform(-5.0, 5.0), draw.uniform(-0.06, 0.06)
        together = {order: float(common + tilt * (order - 17)) for order in orders}
        apart = {int(order): together[int(order)] + float(draw.uniform(-3.0, 3.0)) for order in draw.choice(orders, 3, replace=False)}
        yield "all, three apart", together | apart


def wrong_lists(spectrum: SkySpectrum, draw: np.random.Generator) -> Iterator[SkySpectrum]:
    """The spectrum with lines where its sky has none."""
    low, high = spectrum.ends
    yield from (replace(spectrum, position=spectrum.position - px) for px in WRONG_PX)
    yield replace(spectrum, position=low + high - spectrum.position)
    yield from (replace(spectrum, position=low + (spectrum.position - low) * stretch) for stretch in (0.93, 1.08))
    yield from (replace(spectrum, position=np.sort(draw.uniform(low, high, spectrum.position.size))) for _ in range(6))


def report(name: str, rows: list[tuple[OrderShift, float]]) -> None:
    """Print number, rms error of the corrected wavelengths, pulls, and what was off unsaid, by what the shift rests on."""
    for source in sorted({found.source for found, _ in rows}):
        of = [(found, true) for found, true in rows if found.source == source]
        left = [true - (found.shift_px if found.applied else 0.0) for found, true in of]
        pulls = [(true - found.shift_px) / found.error_px for found, true in of if found.tied]
        unsaid = sum(abs(pull) > UNSAID_SIGMA and abs(px) > UNSAID_PX for pull, px in zip(pulls, left, strict=False))
        print(f"  {name:<17} {source:<20} n {len(of):5d}  rms {rms(left):.3f} px  pulls {rms(pulls):.2f}  unsaid {unsaid}")


def main() -> None:
    """Run the scenes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", default=list(SCENES), choices=list(SCENES))
    parser.add_argument("--seed", type=int, default=91000)
    arguments = parser.parse_args()
    for name in arguments.scenes:
        number = arguments.seed + list(SCENES).index(name)
        scene, draw = solve(SCENES[name] | {"seed": number}), np.random.default_rng(number)
        rows: dict[str, list[tuple[OrderShift, float]]] = {}
        for kind, moved_px in motions(sorted(scene.spectra), draw):
            counted = moved_px if kind == "alone" else scene.true_px
            rows.setdefault(kind, []).extend((found, true) for order, found, true in joined(scene, moved_px) if order in counted)
        print(name, flush=True)
        for kind, of in rows.items():
            report(kind, of)
        wrong = [measure_order(other, scene.shape) for spectrum in scene.spectra.values() for other in wrong_lists(spectrum, draw)]
        believed = [fit.n_lines for fit in wrong if fit is not None and fit.sure]
        print(
            f"  wrong lists {len(wrong)}: believed with two lines {sum(n < 3 for n in believed)}, with more {sum(n >= 3 for n in believed)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
