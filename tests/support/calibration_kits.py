"""Sets of the calibration recipes on small detectors: raw frames, and the masters that are delivered for them."""

from __future__ import annotations

from pathlib import Path

from support.raw_calibrations import write_small_set
from support.small import Kit, write_small

ARMS = {"mbias": "VIS", "mdark": "NIR", "mflat": "VIS", "disp_solution": "VIS", "order_centres": "VIS", "spat_solution": "VIS"}
RAW = {
    "mbias": "bias", "mdark": "dark60", "mflat": "flat_qth", "disp_solution": "pinhole_arc_on", "order_centres": "pinhole_flat_on",
    "spat_solution": "multi_pinhole_arc_on",
}  # fmt: skip
MASTERS = {
    "mbias": (), "mdark": (), "mflat": ("bias", "order_table"), "disp_solution": ("bias",), "order_centres": ("bias", "disp_table"),
    "spat_solution": ("bias", "disp_table", "order_table"),
}  # fmt: skip
KINDS = ("bias", "dark", "flat", "pinhole_arc", "pinhole_flat", "multi_pinhole_arc")


def make_kit(verb: str, folder: Path) -> Kit:
    """Raw frames of a recipe on the small detector, with the masters that are delivered for it."""
    arm = ARMS[verb]
    raw = write_small_set(
        folder / "raw",
        arm,
        seed=3,
        kinds=KINDS,
        bias_frames=3,
        dark_frames=3,
        dark_times_s=[60.0] if arm == "NIR" else [],
        flat_frames=3,
        d2_frames=0,
    )
    delivered = write_small(folder / "kit", arm=arm, seed=3, target="empty")
    (folder / "set").mkdir()
    named = [path for path in raw if path.suffix == ".fits" and path.name.startswith(f"{arm}_{RAW[verb]}")]
    sources = {f"raw{number}": path for number, path in enumerate(named)} | {role: delivered.files[role] for role in MASTERS[verb]}
    files = {role: folder / "set" / source.name for role, source in sources.items()}
    for role, path in files.items():
        path.hardlink_to(sources[role])
    kit = Kit(folder / "set", folder / "set" / f"{verb}.sof", files)
    kit.write_sof()
    return kit
