"""Names of sets-of-files, as the reference pipeline's organiser makes them, and where their calibrations come to lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from soxspipe.instruments.registry import find_instrument
from soxspipe.io.file_names import file_name, reduced_folder, safe_name
from soxspipe.night.frame_row import FrameRow
from soxspipe.night.frame_set import FrameSet
from soxspipe.night.rules import SetRule

SOF_FOLDER = "sof"

PRODUCTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "bias": ("soxs-mbias", {"MASTER_BIAS": ".fits"}),
    "dark": ("soxs-mdark", {"MASTER_DARK": ".fits", "BP_MAP": "_BPM.fits"}),
    "pinhole arc": ("soxs-disp-solution", {"DISP_TAB": ".fits"}),
    "pinhole flat": ("soxs-order-centres", {"ORDER_TAB": ".fits"}),
    "slit flat": ("soxs-mflat", {"MASTER_FLAT": ".fits", "ORDER_TAB": "MFLAT>OLOC.fits", "BP_MAP": "_BPM.fits"}),
    "multi-pinhole arc": ("soxs-spat-solution", {"DISP_TAB": ".fits", "DISP_IMAGE": "_IMAGE.fits"}),
    "flux standard": ("soxs-stare-std", {"RESP_TAB": "_RESP.fits"}),
}
"""Folder, and file suffix of each calibration, of the kinds of set that make some; ``MFLAT>OLOC`` replaces that part of the name."""


def set_name(rule: SetRule, frames: Sequence[FrameRow]) -> str:
    """Name of a set-of-files.

    Parameters
    ----------
    rule : SetRule
        Of the set.
    frames : sequence of FrameRow
        In order of time.

    Returns
    -------
    str
        ``<DATE-OBS>_<ARM>_<binning>_<read-out>_<recipe>_<lamp>_<slit>_<exposure time>S_<instrument>[_<object>]``, parts that are not
        known left out; without ``.sof``.
    """
    first = frames[0]
    shown = next((row for row in frames if row.lamp == "QTH"), first)
    facts = find_instrument(first.instrument).arms[first.arm]
    parts = [
        re.sub(r"[^0-9T]", "", first.date_obs[:19]),
        first.arm,
        first.binning if facts.binnable else "",
        first.readout,
        rule.label,
        shown.lamp if rule.label in ("OLOC", "MFLAT") else "",
        shown.slit if rule.mask else "",
        "" if rule.kind == "bias" else f"{float(shown.exptime_s or 0.0):.1f}S",
        first.instrument,
    ]
    name = "_".join(part for part in parts if part).upper().replace(".", "_").replace(" ", "")
    target = first.target.replace(" ", "") if rule.is_target else ""
    return safe_name("_".join(part for part in (name, target) if part))


def sof_path(output: Path, name: str) -> Path:
    """Where a set-of-files is written."""
    return output / SOF_FOLDER / f"{safe_name(name)}.sof"


def calibration_paths(output: Path, made: FrameSet) -> dict[str, Path]:
    """Where the calibrations that a set makes come to lie, by category."""
    if made.rule.kind not in PRODUCTS:
        return {}
    recipe, suffixes = PRODUCTS[made.rule.kind]
    folder = reduced_folder(output, made.night, recipe)
    return {category: folder / _file(made.name, suffix) for category, suffix in suffixes.items()}


def _file(name: str, suffix: str) -> str:
    part, _, ending = suffix.rpartition(">")
    if not part:
        return file_name(name, suffix)
    new = re.match(r"[A-Z]+", ending)
    return file_name(name.replace(part, new.group() if new else part), ending[new.end() :] if new else ending)
