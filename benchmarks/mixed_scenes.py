"""Scenes drawn at random, with one to four effects of real frames each: what becomes of the flux, and whether the user is told.

    python benchmarks/mixed_scenes.py FOLDER [--first 0] [--number 20] [--keep] [--table FILE.md]

A star of AB 13 to 19.5 (NIR: 18.5) is drawn as in `hosts.py` from the scene's number, and effects of `threefold.py` at 0.3 to 1.5 times their
real size.  A scene is silent if the flux of the arm is off by more than 1 % and by more than twice the share that is said to be uncertain, or chi
is above 1.15, and neither a warning nor a metric out of its range says so.  Needs the installed package.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import run_scene
from hosts import star
from threefold import EFFECTS, scene_of, told

from soxspipe.io.counts import read_counts

FIRST_SEED = 927000
BRIGHTEST, FAINTEST = 13.0, {"VIS": 19.5, "NIR": 18.5}
LEFT_TO_OTHERS = {"clean_nir", "clean_vis", "host", "beta", "full_wells", "horns", "horns_vis", "moon", "cloud", "persistence"}
"""Effects that make the scene another one: other tables have them."""


def scene(number: int) -> tuple[dict[str, Any], str]:
    """The scene of a number, and its effects in words."""
    draw = np.random.default_rng(FIRST_SEED + number)
    alone = star(number, draw)
    arm = alone["arm"]
    alone |= {"ab_mag": float(draw.uniform(BRIGHTEST, FAINTEST[arm])), "seed": FIRST_SEED + number}
    alone["exptime_s"] = min(alone["exptime_s"], 10.0 ** (0.4 * (alone["ab_mag"] - 9.0)))  # no full wells
    possible = [name for name, (whose, _, _) in EFFECTS.items() if whose == arm and name not in LEFT_TO_OTHERS]
    drawn = draw.choice(possible, size=int(draw.integers(1, 5)), replace=False)
    sizes = np.exp(draw.uniform(math.log(0.3), math.log(1.5), drawn.size))
    for name, times in zip(drawn, sizes, strict=True):
        plain, made = scene_of("clean_nir", 1.0, 0), scene_of(str(name), float(times), 0)
        alone |= {key: value for key, value in made.items() if plain.get(key) != value and key not in ("arm", "ab_mag", "exptime_s")}
    if "exposures" in alone and alone["exposures"] < max((len(v) for v in alone.values() if isinstance(v, list)), default=1):
        alone["exposures"] = max(len(v) for v in alone.values() if isinstance(v, list))
    return alone, ", ".join(f"{name} {times:.1f}" for name, times in zip(drawn, sizes, strict=True))


def doubt(out: Path) -> float:
    """Share of all fluxes that the product says is uncertain."""
    return read_counts(next(out.rglob("*_EXTRACTED_MERGED.fits"))).in_doubt


def is_silent(result: dict[str, Any], said_percent: float, *, warned: bool) -> bool:
    """Whether a figure is wrong beyond what is said of it."""
    orders = result["orders"]
    off = abs(orders["bias_pct"]) > max(1.0, 2.0 * said_percent)
    return off or (orders["chi_std"] > 1.15 and not warned)


def main() -> int:
    """Run the scenes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=20)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--table", type=Path, help="write the table as Markdown")
    arguments = parser.parse_args()
    lines = [
        "| number | star | effects | snr | bias % | worst % | chi | doubt % | said | |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for number in range(arguments.first, arguments.first + arguments.number):
        made, effects = scene(number)
        here = arguments.folder / f"mixed_{number}"
        result = run_scene(here.name, made, arguments.folder, None)
        if result is not None:
            warnings, outside = told(here / "out")
            lines.append(
                f"| {number} | {_star(made)} | {effects} | {_figures(result, doubt(here / 'out'), warned=bool(warnings or outside))} |"
            )
            print(lines[-1], *(f"\n     {line}" for line in [*warnings, *outside]), flush=True)
        if not arguments.keep:
            shutil.rmtree(here, ignore_errors=True)
    if arguments.table:
        arguments.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _star(made: dict[str, Any]) -> str:
    """Arm, magnitude, seeing and exponent in words of a table."""
    seeing = made["seeing_arcsec"]
    shown = "changing" if isinstance(seeing, list) else f'{seeing:.2f}"'
    return f"{made['arm']} AB {made['ab_mag']:.1f}, {shown}, {made['moffat_beta']:.1f}"


def _figures(result: dict[str, Any], uncertain: float, *, warned: bool) -> str:
    """Cells of the table from the signal-to-noise on."""
    orders = result["orders"]
    cells = [
        f"{orders['snr_ratio']:.3f}", f"{orders['bias_pct']:+.2f}", f"{orders['bias_pct_worst_order']:+.2f}", f"{orders['chi_std']:.2f}",
        f"{100.0 * uncertain:.1f}", result["said"], "silent" if is_silent(result, 100.0 * uncertain, warned=warned) else "",
    ]  # fmt: skip
    return " | ".join(cells)


if __name__ == "__main__":
    sys.exit(main())
