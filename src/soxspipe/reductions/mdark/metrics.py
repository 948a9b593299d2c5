"""Metrics of a dark run: which values go into which measurement."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.metric import Metric
from soxspipe.qc import masters
from soxspipe.reductions.mdark.context import MdarkContext
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]


def level(context: MdarkContext) -> Metrics:
    """Level of the frames of the main exposure time, its drift, and level and rate of several times."""
    master = context.result.master
    frames = master.frames[0]
    kept = list(frames.kept)
    line: Metrics = ()
    if master.line is not None:
        good = master.reasons == 0
        line = (
            Metric(
                name="DARK LEVEL", value=float(np.median(master.line.level_e[good][::17])), unit="electrons", comment="At no exposure time"
            ),
            Metric(
                name="DARK RATE",
                value=float(np.median(master.line.rate_e_per_s[good][::17])),
                unit="electrons/s",
                comment="Growth of the dark",
            ),
            Metric(name="DARK TIMES", value=len(master.line.times_s), comment="Exposure times behind level and rate"),
        )
    return (
        *masters.level_metrics("MDARK", frames.level_e[kept], frames.offset_e[kept], frames.drift_within_e),
        *masters.border_metrics(frames.border_level_e, frames.border_noise_e, frames.border_drift_e[kept]),
        *line,
    )


def noise(context: MdarkContext) -> Metrics:
    """Read noise of a frame and of the master."""
    master = context.result.master
    frames = master.frames[0]
    comment = "Read noise, dark charge taken out" if master.charge_known else "Noise of a raw dark, with that of its dark charge"
    return (
        *masters.noise_metrics(
            master.read_noise_e, frames.quadrant_noise_e, master.electrons, master.reasons, master.n_frames, comment=comment
        ),
        Metric(
            name="RAW NOISE",
            value=frames.noise_e,
            unit="electrons",
            comment="Noise of one raw dark in ordinary pixels, dark charge included",
        ),
    )


def defects(context: MdarkContext) -> Metrics:
    """Bad pixels, together and by reason."""
    master = context.result.master
    rejected = tuple(entry for frames in master.frames for entry in frames.rejected)
    kept = tuple(entry for frames in master.frames for entry in frames.kept)
    return (*masters.bad_pixel_metrics("HOTPIX", master.reasons), *masters.frame_metrics(kept, rejected, master.n_rejected))


def temperatures(context: MdarkContext) -> Metrics:
    """Of detector and common path."""
    return header_temperatures(context.inputs.arm, context.provenance.header)
