"""Every effect of real frames at three times its real size, alone: what it does to the flux, and whether the user is told.

    python benchmarks/threefold.py FOLDER [SCENE ...] [--seed 6000] [--times 3] [--keep]

An effect is silent if the flux of the arm is off by more than 1 %, or chi above 1.1, and neither a warning nor a metric out of its range
says so.  Columns as `accuracy.py` prints them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accuracy import run_scene

BASE: dict[str, Any] = {"target": "supernova", "airmass": 1.3, "offset_arcsec": -0.9, "seeing_arcsec": 0.85, "exptime_s": 300}
MAGNITUDES = {"NIR": 16.5, "VIS": 17.0}
Effect = Mapping[str, Any]
EFFECTS: dict[str, tuple[str, Effect, Effect]] = {
    # name: arm, what grows with the factor (its size on sky), what comes with it
    "clean_nir": ("NIR", {}, {}),
    "clean_vis": ("VIS", {}, {}),
    "orders_apart": ("NIR", {"flexure_dispersion_order_px": {10: 2.6, 11: 2.2}, "flexure_tilt_px": 0.04}, {}),
    "bent_order": ("NIR", {"flexure_bend_px": {10: 1.2}}, {}),
    "slit_nir": ("NIR", {"flexure_slit_px": 3.0}, {"slit_edge_blur_px": 0.2}),
    "slit_vis": ("VIS", {"flexure_slit_px": 3.6}, {"slit_edge_blur_px": 0.2}),
    "slit_turn": ("NIR", {"flexure_slit_turn_px": 0.5}, {}),
    "map_error": ("NIR", {"map_error_px": 0.1}, {}),
    "line_width": ("NIR", {"lsf_width_gradient": 0.15}, {}),
    "line_width_vis": ("VIS", {"lsf_width_gradient": 0.15}, {}),
    "line_wings": ("NIR", {"lsf_wings": 0.05}, {}),
    "line_skew": ("NIR", {"lsf_skew_px": 0.3}, {}),
    "gas": ("VIS", {"nebular_flux": 4e-16, "nebular_gradient": 0.12, "nebular_curvature": 0.03}, {}),
    "off_star": ("NIR", {}, {"off_frame": True, "off_star_ab_mag": 16.0, "ab_mag": 17.5}),
    "ghost": ("NIR", {"ghost_share": 0.004}, {}),
    "ghost_vis": ("VIS", {"ghost_share": 0.004}, {}),
    "flat_error": ("NIR", {"flat_error": 0.01}, {"ab_mag": 15.0}),
    "fringes": ("VIS", {"fringes": 0.02}, {"ab_mag": 15.5}),
    "drift": ("VIS", {"drift_arcsec": [0.0, 0.3, 0.6]}, {"exposures": 3}),
    "cloud": ("VIS", {}, {"exposures": 3, "transparency": [1.0, 0.3, 0.03]}),
    "seeing_jumps": ("VIS", {}, {"exposures": 3, "seeing_arcsec": [0.7, 2.1, 1.0]}),
    "oh_changes": ("NIR", {}, {"exposures": 3, "oh_change": [1.0, 3.0, 0.33]}),
    "read_noise": ("NIR", {"read_noise_e": 15.0}, {"header_read_noise_e": 0.0}),
    "channels": ("NIR", {"channel_offsets_e": 10.0, "stripes_e": 3.0}, {}),
    "odd_even": ("NIR", {"odd_even_e": 5.0}, {}),
    "trail": ("VIS", {"image_trail_arcsec": 1.3}, {}),
    "tail": ("VIS", {"image_tail_arcsec": 0.3}, {}),
    "hump": ("NIR", {"image_hump_arcsec": 0.8}, {"image_hump_share": 0.3}),
    "persistence": ("NIR", {"persistence": 0.01}, {"exposures": 3, "ab_mag": 14.5}),
    "nonlinear": ("NIR", {"nonlinearity": 0.03}, {"ab_mag": 12.5}),
    "coupling": ("NIR", {"coupling": 0.01}, {}),
    "scattered_nir": ("NIR", {"scattered_light": 0.03}, {}),
    "scattered_vis": ("VIS", {"scattered_light": 0.03}, {}),
    "illumination": ("NIR", {"slit_illumination": 0.05, "slit_illumination_curvature": -0.03}, {}),
    "illumination_vis": ("VIS", {"slit_illumination": 0.05, "slit_illumination_curvature": -0.03}, {}),
    "oh_strength": ("NIR", {"oh_strength": 1.5}, {}),
    "cosmic_rays": ("VIS", {"cosmic_ray_rate": 2.5}, {}),
    "prnu": ("VIS", {"prnu": 0.01}, {"with_flat": False}),
    "hot_pixels": ("NIR", {"hot_pixels": 0.01, "dead_pixels": 0.005}, {}),
    "bad_columns": ("VIS", {"bad_columns": 4}, {"bad_column_on_trace": True}),
    "dark_level": ("NIR", {"bias_adu": 10.0}, {"exptime_s": 600, "dark_exptime_s": 200, "dark_e_per_s": 0.0}),
    "dark_rate": ("NIR", {"dark_e_per_s": 0.03}, {"exptime_s": 600, "dark_exptime_s": 200}),
    "moon": ("VIS", {}, {"sky_ab_mag": 17.5}),
    "full_wells": ("NIR", {}, {"ab_mag": 9.5, "saturation_e": 40000.0, "slope": -2.0, "target": "power_law"}),
    "slit_edge": ("NIR", {}, {"offset_arcsec": 4.8}),
    "horns": ("NIR", {"slit_horns": 0.1}, {"slit_width_arcsec": 5.0}),
    "horns_vis": ("VIS", {"slit_horns": 0.1}, {"slit_width_arcsec": 5.0}),
    "host": ("VIS", {}, {"host_ab_mag": 17.5, "host_fwhm_arcsec": 3.5}),
    "beta": ("VIS", {}, {"moffat_beta": 1.8}),
}
"""Sizes as they were seen on sky, where they were (`instrument_facts`), else as the other tables have them."""
LARGEST = {"lsf_width_gradient": 0.3, "read_noise_e": 50.0, "hot_pixels": 0.05, "nebular_curvature": 0.1, "nebular_gradient": 0.15}
"""Ends of a field's range, and a gradient that leaves no point of the slit without light."""


def scene_of(name: str, times: float, seed: int) -> dict[str, Any]:
    """A scene with one effect at so many times its size."""
    arm, grows, rest = EFFECTS[name]
    plain = {**BASE, "arm": arm, "ab_mag": MAGNITUDES[arm], "seed": seed}
    return {**plain, **rest, **{key: _grown(key, size, times) for key, size in grows.items()}}


def _grown(key: str, size: Any, times: float) -> Any:
    if isinstance(size, dict):
        return {order: one * times for order, one in size.items()}
    if isinstance(size, list):
        return [one * times for one in size]
    grown = min(size * times, LARGEST.get(key, float("inf")))
    return round(grown) if isinstance(size, int) else grown


def told(out: Path) -> tuple[list[str], list[str]]:
    """Warnings of a reduction, and its metrics out of range."""
    quality = json.loads(next(out.rglob("*_QC.json")).read_text(encoding="utf-8"))
    outside = [f"{row['name']} {row['value']:.3g}" for row in quality["metrics"] if row["flag"] == "fail"]
    return quality["warnings"], outside


def main() -> int:
    """Run the effects asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("effects", nargs="*", metavar="SCENE")
    parser.add_argument("--seed", type=int, default=6000)
    parser.add_argument("--times", type=float, default=3.0)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.effects or EFFECTS:
        scene = scene_of(name, arguments.times, arguments.seed + list(EFFECTS).index(name))
        if run_scene(name, scene, arguments.folder, None):
            warnings, outside = told(arguments.folder / name / "out")
            print("   out of range:", ", ".join(outside) or "-", *(f"\n   said: {line}" for line in warnings), flush=True)
        if not arguments.keep:
            shutil.rmtree(arguments.folder / name, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
