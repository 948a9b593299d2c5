"""Metrics of a bias run: which values go into which measurement."""

from __future__ import annotations

from soxspipe.datamodel.metric import Metric
from soxspipe.qc import masters
from soxspipe.reductions.mbias.context import MbiasContext
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]


def level(context: MbiasContext) -> Metrics:
    """Level of the frames, and its drift."""
    frames = context.result.master.frames
    kept = list(frames.kept)
    return (
        *masters.level_metrics("MBIAS", frames.level_e[kept], frames.offset_e[kept], frames.drift_within_e),
        *masters.border_metrics(frames.border_level_e, frames.border_noise_e, frames.border_drift_e[kept]),
    )


def noise(context: MbiasContext) -> Metrics:
    """Read noise of a frame and of the master."""
    master = context.result.master
    return masters.noise_metrics(
        master.frames.noise_e, master.frames.quadrant_noise_e, master.electrons, master.reasons, len(master.frame_names)
    )


def structure(context: MbiasContext) -> Metrics:
    """Pattern and slopes."""
    master = context.result.master
    ny, nx = master.electrons.shape
    return (
        Metric(name="FPN FRACMAX", value=master.pattern, comment="Largest ratio of scatter to typical size in the Fourier transform"),
        Metric(name="STRUCTX", value=master.slope_x, unit="electrons/px", comment="Slope along x of the means of columns"),
        Metric(name="STRUCTY", value=master.slope_y, unit="electrons/px", comment="Slope along y of the means of rows"),
        Metric(name="STRUCTX SUM", value=master.slope_x * ny, unit="electrons/px", comment="Slope along x of the sums over columns"),
        Metric(name="STRUCTY SUM", value=master.slope_y * nx, unit="electrons/px", comment="Slope along y of the sums over rows"),
    )


def defects(context: MbiasContext) -> Metrics:
    """Bad pixels, together and by reason."""
    master = context.result.master
    return (
        *masters.bad_pixel_metrics("BADPIX", master.reasons),
        *masters.frame_metrics(master.frames.kept, master.frames.rejected, master.n_rejected),
    )


def temperatures(context: MbiasContext) -> Metrics:
    """Of detector and common path."""
    return header_temperatures(context.inputs.arm, context.provenance.header)
