"""Full-size scenes that stress the pipeline: simulate, reduce, validate, and write one table.

    python benchmarks/accuracy.py FOLDER [SCENE ...] [--workers 2] [--table FILE.md] [--json FILE] [--keep] [--list]
    python benchmarks/accuracy.py FOLDER --effects --fresh 1000 --no-response --table FILE.md

Each arm's standard is reduced first and its response used for the scenes of that arm.  Needs the installed package.  The second line makes
the table of real effects, each alone and all together, with seeds that no one has looked at.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from soxspipe.reductions.validate import validate

STANDARDS: dict[str, dict[str, Any]] = {
    "NIR": {"arm": "NIR", "target": "standard", "exptime_s": 120, "airmass": 1.15, "seed": 901},
    "VIS": {"arm": "VIS", "target": "standard", "exptime_s": 120, "airmass": 1.15, "seed": 902},
}
_SN = {"target": "supernova", "airmass": 1.3, "offset_arcsec": -0.9, "seeing_arcsec": 0.85}
SCENES: dict[str, dict[str, Any]] = {
    "nir_bright": {**_SN, "arm": "NIR", "ab_mag": 14.0, "exptime_s": 120, "seed": 1},
    "nir_17": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 300, "exposures": 3, "seed": 2},
    "nir_faint": {**_SN, "arm": "NIR", "ab_mag": 19.5, "exptime_s": 600, "exposures": 2, "seed": 3},
    "nir_flexure": {
        **_SN,
        "arm": "NIR",
        "ab_mag": 17.5,
        "exptime_s": 600,
        "flexure_dispersion_px": 1.0,
        "flexure_slit_px": -0.8,
        "seed": 4,
    },
    "nir_strong_oh": {**_SN, "arm": "NIR", "ab_mag": 17.5, "exptime_s": 900, "oh_strength": 3.0, "seed": 5},
    "nir_edge": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "offset_arcsec": 4.8, "seed": 6},
    "nir_two": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "second_offset_arcsec": 3.0, "second_ab_mag": 17.5, "seed": 7},
    "nir_host": {**_SN, "arm": "NIR", "ab_mag": 17.5, "exptime_s": 600, "host_ab_mag": 18.0, "host_fwhm_arcsec": 4.0, "seed": 8},
    "nir_bad_seeing": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "seeing_arcsec": 1.8, "seed": 9},
    "nir_wide_slit": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 300, "slit_width_arcsec": 5.0, "seed": 10},
    "nir_changing": {
        **_SN,
        "arm": "NIR",
        "ab_mag": 17.0,
        "exptime_s": 300,
        "exposures": 4,
        "seeing_arcsec": [0.7, 1.0, 1.5, 0.9],
        "transparency": [1.0, 0.8, 0.5, 0.9],
        "seed": 11,
    },
    "nir_curved_illumination": {**_SN, "arm": "NIR", "ab_mag": 17.5, "exptime_s": 600, "slit_illumination_curvature": -0.03, "seed": 12},
    "nir_no_flat": {**_SN, "arm": "NIR", "ab_mag": 16.0, "exptime_s": 300, "with_flat": False, "seed": 13},
    "nir_no_dark": {**_SN, "arm": "NIR", "ab_mag": 16.0, "exptime_s": 300, "with_dark": False, "seed": 14},
    "nir_empty": {"arm": "NIR", "target": "empty", "exptime_s": 300, "seed": 15},
    "nir_lines": {"arm": "NIR", "target": "lines", "line_flux": 1e-15, "exptime_s": 600, "seed": 16},
    "vis_bright": {**_SN, "arm": "VIS", "ab_mag": 14.0, "exptime_s": 120, "seed": 21},
    "vis_18": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "seed": 22},
    "vis_faint": {**_SN, "arm": "VIS", "ab_mag": 20.0, "exptime_s": 900, "exposures": 2, "seed": 23},
    "vis_flexure": {
        **_SN,
        "arm": "VIS",
        "ab_mag": 18.0,
        "exptime_s": 900,
        "flexure_dispersion_px": 1.0,
        "flexure_slit_px": 0.8,
        "seed": 24,
    },
    "vis_2x1": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "binning": [2, 1], "seed": 25},
    "vis_2x2": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "binning": [2, 2], "seed": 26},
    "vis_dark": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "with_dark": True, "dark_exptime_s": 600, "seed": 27},
    "vis_two": {**_SN, "arm": "VIS", "ab_mag": 17.0, "exptime_s": 600, "second_offset_arcsec": 3.0, "second_ab_mag": 17.5, "seed": 28},
    "vis_bad_column": {**_SN, "arm": "VIS", "ab_mag": 17.0, "exptime_s": 600, "bad_column_on_trace": True, "seed": 29},
    "vis_edge": {**_SN, "arm": "VIS", "ab_mag": 17.0, "exptime_s": 600, "offset_arcsec": -5.0, "seed": 30},
    "nir_sharp_seeing": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "seeing_arcsec": 0.5, "seed": 41},
    "nir_worst_seeing": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "seeing_arcsec": 2.0, "seed": 42},
    "nir_ab21": {**_SN, "arm": "NIR", "ab_mag": 21.0, "exptime_s": 900, "exposures": 5, "seed": 43},
    "nir_bad_map": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "map_error_px": 0.1, "flexure_dispersion_px": -1.5, "seed": 44},
    "nir_noisy": {**_SN, "arm": "NIR", "ab_mag": 17.5, "exptime_s": 600, "read_noise_e": 16.0, "seed": 45},
    "nir_scattered": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 600, "scattered_light": 0.05, "slit_illumination": 0.1, "seed": 46},
    "nir_two_exposures": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 300, "exposures": 2, "seed": 47},
    "nir_bright_lines": {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 1200, "oh_strength": 4.0, "seed": 48},
    "vis_sharp_seeing": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "seeing_arcsec": 0.5, "seed": 51},
    "vis_worst_seeing": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "seeing_arcsec": 2.0, "seed": 52},
    "vis_ab21": {**_SN, "arm": "VIS", "ab_mag": 21.0, "exptime_s": 900, "exposures": 3, "seed": 53},
    "vis_noisy": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "read_noise_e": 8.0, "map_error_px": 0.1, "seed": 54},
    "vis_scattered": {**_SN, "arm": "VIS", "ab_mag": 17.0, "exptime_s": 900, "scattered_light": 0.05, "slit_illumination": 0.1, "seed": 55},
    "vis_host": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 900, "host_ab_mag": 18.5, "host_fwhm_arcsec": 4.0, "seed": 56},
    "vis_lines": {"arm": "VIS", "target": "lines", "line_flux": 1e-15, "exptime_s": 900, "seed": 57},
    "vis_three": {**_SN, "arm": "VIS", "ab_mag": 18.0, "exptime_s": 300, "exposures": 3, "seeing_arcsec": [0.8, 1.2, 0.9], "seed": 58},
}
for _name, _arm, _scene in (
    ("nir_bright_emission", "NIR", {"target": "lines", "line_flux": 2e-14, "exptime_s": 600, "offset_arcsec": 1.5}),
    ("vis_bright_emission", "VIS", {"target": "lines", "line_flux": 2e-14, "exptime_s": 900, "offset_arcsec": 1.5}),
    ("nir_emission", "NIR", {"target": "lines", "line_flux": 5e-15, "exptime_s": 900, "offset_arcsec": -1.5}),
    ("vis_emission", "VIS", {"target": "lines", "line_flux": 3e-15, "exptime_s": 900, "offset_arcsec": -1.5}),
    ("nir_standard_hot", "NIR", {"target": "standard", "name": "GD71", "ab_mag": 13.5, "exptime_s": 120, "seeing_arcsec": 0.7}),
    ("vis_standard_hot", "VIS", {"target": "standard", "name": "GD71", "ab_mag": 13.0, "exptime_s": 120, "seeing_arcsec": 0.7}),
    ("nir_standard_faint", "NIR", {"target": "standard", "name": "FEIGE110", "exptime_s": 60, "seeing_arcsec": 1.4, "read_noise_e": 12.0}),
    ("vis_standard_faint", "VIS", {"target": "standard", "name": "FEIGE110", "exptime_s": 60, "seeing_arcsec": 1.4, "offset_arcsec": -3.0}),
    ("nir_standard_bright", "NIR", {"target": "standard", "name": "EG274", "exptime_s": 300, "seeing_arcsec": 0.6, "airmass": 1.6}),
    ("vis_standard_bright", "VIS", {"target": "standard", "name": "EG274", "exptime_s": 300, "seeing_arcsec": 0.6, "airmass": 1.6}),
):
    SCENES[_name] = {"arm": _arm, "seed": 100 + len(SCENES), **_scene}
_APART = {
    "flexure_dispersion_px": 1.3,
    "flexure_tilt_px": 0.057,
    "flexure_dispersion_order_px": {10: 4.5, 11: 3.8},
    "flexure_bend_px": {10: 1.2},
}
_EIGHT = {
    order: (-1) ** order * shift
    for order, shift in zip(range(10, 25), (7.5, 6, 3, 7.8, 5, 2, 6.6, 4, 0.5, 7.9, 7, 2.2, 5.5, 4.1, 3.3), strict=True)
}
_SHAPE = {"lsf_wings": 0.05, "lsf_skew_px": 0.3}
_GAS = {"nebular_flux": 4e-16, "nebular_gradient": 0.12, "nebular_curvature": 0.03}
for _name, _arm, _scene in (
    ("nir_orders_apart", "NIR", {"ab_mag": 17.0, "exptime_s": 300, **_APART}),
    ("nir_shift_8", "NIR", {"ab_mag": 17.0, "exptime_s": 300, "flexure_dispersion_order_px": _EIGHT}),
    ("vis_law", "VIS", {"ab_mag": 18.0, "exptime_s": 600, "flexure_dispersion_px": 1.4, "flexure_by_law": True, "rotator_deg": 60.0}),
    ("vis_shift_8", "VIS", {"ab_mag": 18.0, "exptime_s": 600, "flexure_dispersion_order_px": {1: 7.6, 2: 3.0, 3: -4.0, 4: -7.1}}),
    ("nir_line_width", "NIR", {"ab_mag": 17.0, "exptime_s": 300, "lsf_width_gradient": 0.15}),
    ("nir_line_shape", "NIR", {"ab_mag": 17.0, "exptime_s": 300, **_SHAPE}),
    ("vis_gas", "VIS", {"ab_mag": 17.5, "exptime_s": 600, **_GAS}),
    ("nir_off_star", "NIR", {"ab_mag": 18.0, "exptime_s": 300, "off_frame": True, "off_star_ab_mag": 17.5}),
    ("nir_ghost", "NIR", {"ab_mag": 17.0, "exptime_s": 300, "ghost_share": 0.004}),
    ("nir_flat_error", "NIR", {"ab_mag": 15.0, "exptime_s": 300, "flat_error": 0.01}),
    ("vis_fringes", "VIS", {"ab_mag": 15.0, "exptime_s": 300, "fringes": 0.02}),
    ("nir_all_waves", "NIR", {"ab_mag": 17.0, "exptime_s": 300, **_APART, **_SHAPE, "lsf_width_gradient": 0.1, "ghost_share": 0.002}),
    ("vis_all_waves", "VIS", {"ab_mag": 17.5, "exptime_s": 600, **_GAS, **_SHAPE, "flexure_dispersion_px": 1.4, "flexure_by_law": True}),
):
    SCENES[_name] = {**_SN, "arm": _arm, "seed": 300 + len(SCENES), **_scene}
_VIS_SN = {**_SN, "arm": "VIS", "ab_mag": 17.0, "exptime_s": 600, "exposures": 3}
_NIR_SN = {**_SN, "arm": "NIR", "ab_mag": 17.0, "exptime_s": 300}
for _name, _scene in (
    ("vis_drift", {**_VIS_SN, "drift_arcsec": [0.0, 0.6, 1.2]}),
    ("vis_jump", {**_VIS_SN, "drift_arcsec": [0.0, 0.0, 1.5]}),
    ("vis_dither", {**_VIS_SN, "exposures": 2, "offset_arcsec": 0.0, "drift_arcsec": [-3.0, 3.0]}),
    ("vis_cloud", {**_VIS_SN, "transparency": [1.0, 1.0, 0.03]}),
    ("vis_unequal", {**_VIS_SN, "ab_mag": 18.0, "exposures": 2, "exposure_times_s": [900.0, 60.0]}),
    ("nir_drift", {**_NIR_SN, "exposures": 3, "drift_arcsec": [0.0, 0.6, 1.2], "oh_change": [1.0, 1.3, 0.8]}),
    ("nir_integrations", {**_NIR_SN, "exptime_s": 900, "integrations": 4}),
    ("nir_dark_level", {**_NIR_SN, "exptime_s": 900, "dark_exptime_s": 300, "dark_e_per_s": 0.0, "bias_adu": 13.5}),
    ("nir_read_noise", {**_NIR_SN, "exptime_s": 600, "read_noise_e": 15.0, "header_read_noise_e": 0.0}),
    ("vis_read_noise", {**_VIS_SN, "exposures": 1, "read_noise_e": 8.0, "header_read_noise_e": 3.3}),
    ("nir_channels", {**_NIR_SN, "exptime_s": 600, "channel_offsets_e": 10.0, "stripes_e": 3.0}),
    ("nir_full_wells", {**_NIR_SN, "target": "power_law", "ab_mag": 8.0, "exptime_s": 120}),
    ("nir_full_and_short", {**_NIR_SN, "ab_mag": 8.0, "exptime_s": 120, "exposures": 2, "exposure_times_s": [120.0, 5.0]}),
    ("vis_full_and_short", {**_VIS_SN, "ab_mag": 9.5, "exptime_s": 300, "exposures": 2, "exposure_times_s": [300.0, 10.0]}),
):
    SCENES[_name] = {"seed": 100 + len(SCENES), **_scene}

# light of a point source and of hosts, and the slit's image off the flat's: each effect alone at its real size, and all together
_LIGHT = {"target": "supernova", "airmass": 1.3, "offset_arcsec": -0.9, "seeing_arcsec": 0.9, "moffat_beta": 2.7}
_VIS, _NIR = {**_LIGHT, "arm": "VIS", "ab_mag": 16.5, "exptime_s": 600}, {**_LIGHT, "arm": "NIR", "ab_mag": 16.0, "exptime_s": 300}
_HOST = {"host_fwhm_arcsec": 3.5, "exptime_s": 1200}
for _arm, _plain, _brighter in (("vis", _VIS, 16.5), ("nir", _NIR, 16.0)):
    _hosted = {**_plain, **_HOST, "ab_mag": _brighter + 1.5}
    SCENES |= {
        f"{_arm}_beta_2_0": {**_plain, "moffat_beta": 2.0, "seeing_arcsec": 1.0, "seed": 301},
        f"{_arm}_beta_2_4": {**_plain, "moffat_beta": 2.4, "seeing_arcsec": 1.5, "seed": 302},
        f"{_arm}_beta_changes": {**_plain, "moffat_beta": 2.2, "moffat_beta_red": 3.5, "seed": 303},
        f"{_arm}_lopsided": {**_plain, "image_tail_arcsec": 0.5, "seeing_arcsec": 0.8, "seed": 304},
        f"{_arm}_doubled": {**_plain, "image_hump_arcsec": 1.2, "image_hump_share": 0.3, "seeing_arcsec": 0.8, "seed": 305},
        f"{_arm}_drawn_out": {**_plain, "image_trail_arcsec": 2.0, "seeing_arcsec": 0.8, "seed": 306},
        f"{_arm}_host_gaussian": {**_hosted, "host_ab_mag": _brighter + 1.6, "seed": 307},
        f"{_arm}_host_disc": {**_hosted, "host_ab_mag": _brighter + 1.6, "host_shape": "exponential", "seed": 308},
        f"{_arm}_host_aside": {
            **_hosted,
            "host_ab_mag": _brighter + 1.3,
            "host_shape": "exponential",
            "host_offset_arcsec": 1.5,
            "host_slope": 1.0,
            "seed": 309,
        },
        f"{_arm}_companion": {**_plain, "second_offset_arcsec": 2.5, "second_ab_mag": _brighter + 2.5, "seed": 310},
        f"{_arm}_slit_offset": {**_plain, "flexure_slit_px": 3.6, "slit_edge_blur_px": 0.2, "seed": 311},
        f"{_arm}_slit_far": {**_plain, "flexure_slit_px": -9.0, "slit_edge_blur_px": 0.2, "seed": 312},
        f"{_arm}_light_together": {
            **_plain,
            "moffat_beta": 2.5,
            "image_tail_arcsec": 0.3,
            "flexure_slit_px": -5.0,
            "slit_edge_blur_px": 0.2,
            "flexure_dispersion_px": 0.7,
            "second_offset_arcsec": 2.5,
            "second_ab_mag": _brighter + 3.0,
            "seed": 313,
        },
    }


def everything(arm: str, seed: int) -> dict[str, Any]:
    """A scene with every effect at once, each at a size drawn up to what was seen on the sky."""
    draw = np.random.default_rng(seed)
    n, magnitude = int(draw.integers(1, 4)), float(draw.uniform(16.5, 18.0))

    def between(low: float, high: float) -> float:
        return float(draw.uniform(low, high))

    def one_each(low: float, high: float) -> list[float]:
        return [between(low, high) for _ in range(n)]

    scene = {
        **_SN, "arm": arm, "ab_mag": magnitude, "exptime_s": between(300, 900), "exposures": n, "offset_arcsec": between(-2.5, 2.5),
        "seeing_arcsec": one_each(0.6, 1.5), "drift_arcsec": one_each(-0.8, 0.8), "transparency": one_each(0.3, 1.0), "oh_change": one_each(0.7, 1.4),
        "moffat_beta": between(2.3, 4.0), "image_tail_arcsec": between(-0.3, 0.3), "flexure_slit_px": between(-6, 6), "slit_edge_blur_px": 0.2,
        "flexure_dispersion_px": between(-3, 3), "lsf_wings": between(0, 0.05), "lsf_skew_px": between(-0.3, 0.3), "lsf_width_gradient": between(0, 0.15),
        "ghost_share": between(0, 0.004), "flat_error": between(0, 0.01), "fringes": between(0, 0.02), "seed": seed,
    }  # fmt: skip
    if draw.random() < 0.5:
        host = {"host_ab_mag": magnitude + between(0.5, 2.0), "host_fwhm_arcsec": between(3, 5), "host_offset_arcsec": between(-1, 1)}
        scene |= host | {"host_shape": str(draw.choice(["gaussian", "exponential"]))}
    else:
        scene |= {"second_offset_arcsec": scene["offset_arcsec"] - math.copysign(between(2.5, 3.5), scene["offset_arcsec"])}
        scene |= {"second_ab_mag": magnitude + between(0.5, 3.0)}
    if arm == "VIS":
        return scene | {
            "flexure_by_law": True,
            "rotator_deg": between(-180, 180),
            "nebular_flux": between(0, 4e-16),
            "nebular_gradient": 0.12,
        }
    apart = {10: scene["flexure_dispersion_px"] + 5.0, 11: scene["flexure_dispersion_px"] + 4.0}
    pattern = {"channel_offsets_e": between(0, 12), "stripes_e": between(0, 3), "odd_even_e": between(-3, 3)}
    return scene | pattern | {"flexure_dispersion_order_px": apart, "integrations": int(draw.integers(1, 3))}


SCENES |= {f"{arm.lower()}_all_{k}": everything(arm, 7000 + 100 * (arm == "NIR") + k) for arm in ("VIS", "NIR") for k in range(1, 6)}
SCENES |= {
    "nir_persistence": {**_NIR_SN, "ab_mag": 14.5, "exposures": 3, "persistence": 0.01, "seed": 401},
    "nir_nonlinear": {**_NIR_SN, "ab_mag": 12.5, "nonlinearity": 0.03, "seed": 402},
    "nir_coupling": {**_NIR_SN, "ab_mag": 15.0, "coupling": 0.01, "seed": 403},
    "nir_line_width_long": {**_NIR_SN, "ab_mag": 17.5, "exptime_s": 900, "oh_strength": 3.0, "lsf_width_gradient": 0.225, "seed": 404},
}
_FAINT = {**_SN, "arm": "VIS", "ab_mag": 18.5, "exptime_s": 600}
SCENES |= {
    "vis_odd_rows": {**_FAINT, "odd_even_e": 8.0, "seed": 411},
    "vis_odd_columns": {**_FAINT, "odd_even_columns_e": -10.0, "seed": 412},
    "vis_rows": {**_FAINT, "row_levels_e": 4.0, "seed": 413},
    "vis_stripes": {**_FAINT, "stripes_e": 4.0, "odd_even_e": -5.0, "seed": 414},
    "vis_noisy_rows": {**_FAINT, "noisy_rows": 0.1, "noisy_rows_factor": 5.0, "seed": 415},
    "vis_step": {**_FAINT, "step_e": 8.0, "step_from": [0.62, 0.0], "seed": 416},
    "vis_step_rows": {**_FAINT, "step_e": 6.0, "step_from": [0.0, 0.55], "seed": 417},
    "vis_step_part": {**_FAINT, "step_e": -7.0, "step_from": [0.35, 0.4], "seed": 418},
    "vis_readout_all": {
        **_FAINT, "odd_even_e": 4.0, "odd_even_columns_e": 3.0, "row_levels_e": 2.0, "noisy_rows": 0.05, "step_e": 5.0, "step_from": [0.3, 0.0], "seed": 419,
    },
}  # fmt: skip
EFFECTS = (
    "nir_orders_apart", "nir_shift_8", "vis_law", "vis_shift_8", "nir_line_width", "nir_line_shape", "vis_gas", "nir_off_star", "nir_ghost",
    "nir_flat_error", "vis_fringes", "nir_all_waves", "vis_all_waves", "vis_drift", "vis_cloud", "nir_integrations", "nir_read_noise", "nir_channels",
    "vis_beta_2_4", "nir_beta_2_0", "vis_drawn_out", "vis_host_disc", "nir_host_aside", "vis_slit_far", "nir_slit_offset", "vis_light_together",
    "nir_light_together", "vis_dither", "nir_drift", "nir_dark_level", "nir_line_width_long", "nir_persistence", "nir_nonlinear", "nir_coupling",
    "vis_odd_rows", "vis_odd_columns", "vis_rows", "vis_stripes", "vis_noisy_rows", "vis_step", "vis_step_rows", "vis_step_part", "vis_readout_all",
    *(f"{arm}_all_{k}" for arm in ("vis", "nir") for k in range(1, 6)),
)  # fmt: skip
"""Scenes of the effects that real frames have: alone at their real size, and together."""
SAID = (
    ("host", "host"), ("more than one object", "companions"), ("slit's image", "slit"), ("flexure law", "law"), ("not tied", "untied"),
    ("structure of the flat", "flat"), ("do not agree", "exposures"), ("of the light of a clear", "cloud"), ("change along the slit", "lines"),
    ("off-frame", "off-frame"), ("read noise of", "read noise"), ("as unlit pixels show", "channels"), ("show a step in level", "step"), ("differ from its profile", "profile"),
    ("is seen again", "persistence"), ("bad guiding", "smeared"), ("rows that cannot be used", "lost rows"), ("half of a full well", "wells"),
)  # fmt: skip
"""Words of a warning, and what stands for it in the table."""
UNRESPONSIVE = {"nir_no_flat", "vis_2x1", "vis_2x2", "nir_wide_slit"}
"""Scenes for which the arm's response does not hold: another flat, binning or slit."""

SIMULATE = (
    "import json, sys; from soxspipe.reductions.simulate import simulate_dataset; "
    "print(*simulate_dataset(json.loads(sys.argv[1]), sys.argv[2]), sep='\\n')"
)

ORDER_COLUMNS = (
    ("snr", "orders/snr_ratio", ".3f"),
    ("rms", "orders/snr_ratio_rms", ".3f"),
    ("bias%", "orders/bias_pct", "+.2f"),
    ("worst", "orders/bias_pct_worst_order", "+.2f"),
    ("chi", "orders/chi_std", ".3f"),
)
EFFECT_COLUMNS = (
    *ORDER_COLUMNS,
    ("wave", "worst_wavelength_px", ".2f"),
    ("said", "said", ""),
)
COLUMNS = (
    *ORDER_COLUMNS,
    ("out", "orders/outliers_per_1000", ".2f"),
    ("wave", "orders/wavelength_error_px", "+.3f"),
    ("trace", "orders/trace_error_rms_px", ".3f"),
    ("sky", "sky/beside/robust", ".3f"),
    ("lines", "sky/bright_lines/robust", ".3f"),
    ("u.lines", "sky/under_bright_lines/robust", ".3f"),
    ("cr", "sky/cosmic_rays_flagged", ".2f"),
    ("1nm", "merged/chi_std_1nm", ".3f"),
    ("shift", "merged/wavelength_shift_px", "+.3f"),
    ("flux%", "flux/clear_lines_removed/median_abs_pct", ".2f"),
    ("f95%", "flux/clear_lines_removed/p95_abs_pct", ".1f"),
)


def main() -> int:
    """Run the scenes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scenes", nargs="*", metavar="SCENE")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", type=Path, help="write the table as Markdown")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep the data of every scene")
    parser.add_argument("--reuse", action="store_true", help="reduce data kept by an earlier run again; implies --keep")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--effects", action="store_true", help="the scenes of real effects, with what the user is told")
    parser.add_argument("--fresh", type=int, default=0, help="add this to every scene's seed")
    parser.add_argument("--no-response", action="store_true", help="do not reduce a standard first")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(SCENES))
        return 0
    names = arguments.scenes or list(EFFECTS if arguments.effects else SCENES)
    columns = EFFECT_COLUMNS if arguments.effects else COLUMNS
    unknown = set(names) - set(SCENES)
    if unknown:
        parser.error(f"no such scene: {', '.join(sorted(unknown))}")
    print(f"{'scene':<20}{'s':>6}" + "".join(f"{name:>9}" for name, _, _ in COLUMNS), flush=True)
    arms = [] if arguments.no_response else sorted({SCENES[name]["arm"] for name in names})
    with ThreadPoolExecutor(arguments.workers) as pool:
        responses = dict(zip(arms, pool.map(lambda arm: run_standard(arm, arguments.folder, arguments.reuse), arms), strict=True))

        def run(name: str) -> dict[str, Any] | None:
            scene = {**SCENES[name], "seed": SCENES[name]["seed"] + arguments.fresh}
            response = None if name in UNRESPONSIVE else responses.get(scene["arm"])
            result = run_scene(name, scene, arguments.folder, response, reuse=arguments.reuse)
            if not (arguments.keep or arguments.reuse):
                shutil.rmtree(arguments.folder / name, ignore_errors=True)
            return result

        scores = dict(zip(names, pool.map(run, names), strict=True))
    if arguments.json:
        arguments.json.write_text(json.dumps(scores, indent=1, default=str), encoding="utf-8")
    if arguments.table:
        arguments.table.write_text(markdown(scores, columns), encoding="utf-8")
    return 0


def markdown(scores: dict[str, Any], columns: tuple[tuple[str, str, str], ...] = COLUMNS) -> str:
    """The table of all scenes in Markdown."""
    head = ["scene", *(name for name, _, _ in columns)]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---", *("---:" for _ in columns)]) + " |"]
    for name, score in scores.items():
        cells = [_cell(score, path, form).strip() for _, path, form in columns] if score else ["refused", *("" for _ in columns[1:])]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"


def run_standard(arm: str, folder: Path, reuse: bool) -> tuple[Path, Path] | None:
    """Reduce an arm's standard; returns its response table and truth."""
    name = f"standard_{arm}"
    run_scene(name, STANDARDS[arm], folder, None, reuse=reuse)
    found = sorted((folder / name / "out").rglob("*_RESP.fits"))
    return (found[0], folder / name / "data" / "truth.fits") if found else None


def make_scene(scene: dict[str, Any], here: Path, *, reuse: bool) -> list[Path]:
    """Simulate a scene unless its data are there and may be used again; returns SOF ... truth, nothing if the simulation failed."""
    listing = here / "files.json"
    if reuse and listing.exists():
        return [Path(name) for name in json.loads(listing.read_text(encoding="utf-8"))]
    shutil.rmtree(here, ignore_errors=True)
    made = [sys.executable, "-c", SIMULATE, json.dumps(scene), str(here / "data")]
    listed = subprocess.run(made, capture_output=True, text=True, check=False)
    if listed.returncode:
        print(f"{here.name:<20}  not simulated: {listed.stderr.strip().splitlines()[-1:]}", flush=True)
        return []
    files = [line for line in listed.stdout.split("\n") if line]
    listing.write_text(json.dumps(files), encoding="utf-8")
    return [Path(name) for name in files]


def run_scene(
    name: str, scene: dict[str, Any], folder: Path, response: tuple[Path, Path] | None, *, reuse: bool = False
) -> dict[str, Any] | None:
    """Simulate, reduce and score one scene; prints its line."""
    here = folder / name
    files = make_scene(scene, here, reuse=reuse)
    if not files:
        return None
    shutil.rmtree(here / "out", ignore_errors=True)
    sof = files[0]
    lines = [line for line in sof.read_text(encoding="utf-8").splitlines() if "RESP_TAB" not in line]
    lines += [f"{response[0]} RESP_TAB_{scene['arm']}"] if response is not None else []
    sof.write_text("\n".join(lines) + "\n", encoding="utf-8")
    start = time.perf_counter()
    verb = "stare_std" if scene["target"] == "standard" else "stare"
    program = "import sys; from soxspipe.cli.app import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, verb, str(sof), "-x", "-o", str(here / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    (here / "console.log").write_text(ended.stdout + ended.stderr, encoding="utf-8")
    seconds = time.perf_counter() - start
    if ended.returncode not in (0, 3):
        last = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        print(f"{name:<20}{seconds:>6.1f}  exit {ended.returncode}: {' '.join(last)}", flush=True)
        return None
    result = validate(here / "out", files[-1], standard_truth=response[1] if response else None, json_file=here / "score.json").score
    result |= {"worst_wavelength_px": _worst_wavelength(result), "said": _said(here / "out")}
    print(
        f"{name:<20}{seconds:>6.1f}" + "".join(_cell(result, path, form) for _, path, form in COLUMNS) + f"  {result['said']}", flush=True
    )
    return result


def _worst_wavelength(score: dict[str, Any]) -> float:
    """Largest mean wavelength error of an order, px."""
    errors = [entry.get("wavelength_error_px", math.nan) for entry in score["orders"].get("per_order", {}).values()]
    return max((abs(error) for error in errors if math.isfinite(error)), default=math.nan)


def _said(out: Path) -> str:
    """What the warnings of a reduction speak of."""
    warnings = " ".join(json.loads(next(out.rglob("*_QC.json")).read_text(encoding="utf-8"))["warnings"])
    return ", ".join(short for words, short in SAID if words in warnings) or "nothing"


def _cell(tree: Any, path: str, form: str) -> str:
    for key in path.split("/"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(tree, str):
        return tree
    shown = format(tree, form) if isinstance(tree, int | float) and math.isfinite(tree) else "-"
    return f"{shown:>9}"


if __name__ == "__main__":
    sys.exit(main())
