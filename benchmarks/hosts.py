"""Stars with hosts of all kinds and without: what becomes of the star's flux, and what the user is told.

    python benchmarks/hosts.py FOLDER [--first 0] [--number 24] [--stars] [--table FILE.md]

Scenes are drawn at random from their number: both arms in turn, AB 16 to 20 (NIR: 19), one exposure or two alike, seeing 0.6 to 1.8 arcsec,
exponents 2.2 to 4.5; hosts 1.5 to 8 arcsec wide, a tenth to three times as bright as the star in the slit, discs and de Vaucouleurs' law, up to 3
arcsec aside, with a colour, a break and lines of their own.  Needs the installed package.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import run_scene

from soxspipe.simulate.atmosphere import moffat_alpha, seeing_fwhm, slit_share
from soxspipe.simulate.slit_images import sersic_through_slit

HALF_SLIT_ARCSEC = 0.5
REFERENCE_NM = {"VIS": 550.0, "NIR": 1250.0}
FAINTEST = {"VIS": 20.0, "NIR": 19.0}
FIRST_SEED, STARS_FROM = 913000, 5000
"""Of the draws: scenes of hosts, and those of stars alone."""


def star(number: int, draw: np.random.Generator) -> dict[str, Any]:
    """A star of a number, without a host."""

    def between(low: float, high: float) -> float:
        return float(draw.uniform(low, high))

    arm = "VIS" if number % 2 == 0 else "NIR"
    return {
        "arm": arm, "target": "supernova" if number % 3 else "power_law", "slope": between(-3, -0.5), "ab_mag": between(16, FAINTEST[arm]),
        "exptime_s": between(400, 1500), "airmass": between(1, 1.6), "offset_arcsec": between(-2.5, 2.5), "seeing_arcsec": between(0.6, 1.8),
        "moffat_beta": between(2.2, 4.5), "image_tail_arcsec": between(-0.15, 0.15), "flexure_slit_px": between(-2, 2),
        "slit_edge_blur_px": 0.2, "exposures": 2 if number % 6 == 4 else 1, "redshift": 0.02,
    }  # fmt: skip


def scene(number: int, *, hosted: bool) -> tuple[dict[str, Any], float]:
    """The scene of a number, and the light of its host over the star's in the slit at the arm's reference wavelength."""
    draw = np.random.default_rng(FIRST_SEED + number + (0 if hosted else STARS_FROM))
    alone = star(number, draw) | {"seed": 91300 + number + (0 if hosted else 500)}
    if not hosted:
        return alone, 0.0
    share, width = (math.exp(draw.uniform(math.log(low), math.log(high))) for low, high in ((0.1, 3.0), (1.5, 8.0)))
    kind = number // 2 % 3
    host = {
        "host_shape": "sersic" if kind == 1 else "exponential", "host_sersic_index": 4.0, "host_fwhm_arcsec": width,
        "host_offset_arcsec": float(draw.uniform(-1, 1)) * (3.0 if kind == 2 else 0.5), "host_slope": float(draw.uniform(-2, 1.5)),
        "host_break": float(draw.uniform(0, 0.6)),
    }  # fmt: skip
    magnitude = alone["ab_mag"] - 2.5 * math.log10(share * _passed_star(alone) / _passed_host(alone, host))
    equivalent_width = float(draw.uniform(0, 30))  # angstrom, of the strongest line in the continuum at the reference wavelength
    nm = REFERENCE_NM[alone["arm"]]
    continuum = 10 ** (-0.4 * (magnitude + 48.6)) * 2.998e18 / (10.0 * nm) ** 2
    return alone | host | {"host_ab_mag": magnitude, "host_line_flux": continuum * equivalent_width}, share


def _seeing(of: dict[str, Any]) -> float:
    return float(seeing_fwhm(np.array([REFERENCE_NM[of["arm"]]]), of["seeing_arcsec"])[0])


def _passed_star(of: dict[str, Any]) -> float:
    """Part of the star's light that the slit lets through."""
    core = float(moffat_alpha(np.array([_seeing(of)]), of["moffat_beta"])[0])
    return slit_share(HALF_SLIT_ARCSEC / core, of["moffat_beta"])


def _passed_host(of: dict[str, Any], host: dict[str, Any]) -> float:
    """Part of the host's light that the slit lets through."""
    index = 4.0 if host["host_shape"] == "sersic" else 1.0
    return sersic_through_slit(HALF_SLIT_ARCSEC, 0.5 * host["host_fwhm_arcsec"], index, _seeing(of), of["moffat_beta"]).passed


def described(of: dict[str, Any], share: float) -> str:
    """Arm, star and host in words of a table."""
    shown = f'{of["arm"]} AB {of["ab_mag"]:.1f}, {of["seeing_arcsec"]:.2f}", {of["moffat_beta"]:.1f}'
    if not share:
        return f"{shown} | no host"
    kind = "de Vaucouleurs" if of["host_shape"] == "sersic" else "disc"
    return f'{shown} | {kind}, {of["host_fwhm_arcsec"]:.1f}" wide, {of["host_offset_arcsec"]:+.1f}", {100 * share:.0f} %'


def main() -> int:
    """Run the scenes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=24)
    parser.add_argument("--stars", action="store_true", help="stars without a host")
    parser.add_argument("--table", type=Path, help="write the table as Markdown")
    arguments = parser.parse_args()
    lines = [
        "| number | star | host, light over the star's | bias % | host taken off % | said % |",
        "| ---: | --- | --- | ---: | ---: | ---: |",
    ]
    for number in range(arguments.first, arguments.first + arguments.number):
        made, share = scene(number, hosted=not arguments.stars)
        name = f"{'star' if arguments.stars else 'host'}_{number}"
        result = run_scene(name, made, arguments.folder, None)
        if result is not None:
            metrics = _metrics(arguments.folder / name / "out")
            cells = [result["orders"]["bias_pct"], 100.0 * metrics["HOST SHARE"], 100.0 * metrics["HOST DOUBT"]]
            lines.append(f"| {number} | {described(made, share)} | " + " | ".join(f"{cell:+.1f}" for cell in cells) + " |")
            print(lines[-1], flush=True)
        shutil.rmtree(arguments.folder / name, ignore_errors=True)
    if arguments.table:
        arguments.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _metrics(out: Path) -> dict[str, float]:
    """Values of the metrics of a whole reduction by name."""
    metrics = json.loads(next(out.rglob("*_QC.json")).read_text(encoding="utf-8"))["metrics"]
    return {metric["name"]: metric["value"] or 0.0 for metric in metrics if metric["order"] == "-1"}


if __name__ == "__main__":
    sys.exit(main())
