"""Measures of master calibrations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.datamodel.arrays import FlagArray, FloatArray, Image
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.numerics.medians import quick_mad_sigma

THINNING = 5
"""Every fifth pixel gives the scatter of a detector to 0.1 %."""


def noise_metrics(
    noise_e: float,
    quadrants_e: FloatArray,
    master: Image,
    reasons: FlagArray,
    n_frames: int,
    *,
    comment: str = "Read noise, from differences of frames",
) -> tuple[Metric, ...]:
    """Read noise of one frame, by quarters of the detector too, and scatter of the master's sound pixels.

    Parameters
    ----------
    noise_e : float
        Of one frame.
    quadrants_e : ndarray, shape (2, 2)
        The same by quarters.
    master : ndarray, shape (ny, nx)
        Electrons.
    reasons : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits.
    n_frames : int
        Frames combined.
    comment : str
        What the read noise stands for.
    """
    sound = master.ravel()[::THINNING][reasons.ravel()[::THINNING] == 0]
    scatter = quick_mad_sigma(sound.astype(np.float64)) if sound.size else float("nan")
    return (
        Metric(name="RAW RON", value=noise_e, unit="electrons", comment=comment),
        Metric(name="MASTER RON", value=scatter, unit="electrons", comment="Scatter of the master's sound pixels, structure included"),
        Metric(name="MASTER NOISE", value=noise_e / np.sqrt(n_frames), unit="electrons", comment="Read noise of the master"),
        *(
            Metric(
                name=f"RAW RON {'TB'[1 - row]}{'LR'[column]}",
                value=float(quadrants_e[row, column]),
                unit="electrons",
                comment=f"In the {('bottom', 'top')[row]} {('left', 'right')[column]} quarter",
            )
            for row in (0, 1)
            for column in (0, 1)
        ),
    )


def level_metrics(name: str, level_e: FloatArray, offset_e: FloatArray, within_e: float) -> tuple[Metric, ...]:
    """Median of the frames' levels under the recipe's name, their range, and the largest range within one of them; electrons, shapes (n_frames,)."""
    return (
        Metric(name=f"{name} MEDIAN", value=float(np.median(level_e)), unit="electrons", comment="Median level of the frames"),
        Metric(name="LEVEL DRIFT", value=float(np.ptp(offset_e)), unit="electrons", comment="Range of the frames' levels"),
        Metric(
            name="LEVEL DRIFT ROWS", value=within_e, unit="electrons", comment="Largest range of the level within a frame, 0 if it stays"
        ),
    )


def border_metrics(level_e: float, noise_e: float, drift_e: FloatArray) -> tuple[Metric, ...]:
    """Level, noise and drift of the columns beside the science area; None where there are none that live."""
    known = bool(np.isfinite(level_e))
    return (
        Metric(
            name="OVERSCAN LEVEL", value=level_e if known else None, unit="electrons", comment="Mean of the columns beside the science area"
        ),
        Metric(name="OVERSCAN RON", value=noise_e if known else None, unit="electrons", comment="Their read noise"),
        Metric(
            name="OVERSCAN DRIFT",
            value=float(np.ptp(drift_e)) if known else None,
            unit="electrons",
            comment="Range of their levels from frame to frame",
        ),
    )


def bad_pixel_metrics(name: str, reasons: FlagArray) -> tuple[Metric, ...]:
    """Number and share of bad pixels under the recipe's name for them, and the number of each reason."""
    bad = int(np.count_nonzero(reasons))
    counts = np.bincount(reasons.ravel(), minlength=256)
    each = [(reason, int(counts[(np.arange(256) & int(reason)) > 0].sum())) for reason in BadPixel]
    return (
        Metric(name=f"{name} NUM", value=bad, comment="Bad pixels of the master, whatever the reason"),
        Metric(name=f"{name} FRAC", value=bad / reasons.size, comment="The same as a share of all"),
        *(
            Metric(name=f"N {reason.name.replace('_', ' ')}", value=number, comment="Pixels bad for this reason")
            for reason, number in each
            if reason.name
        ),
    )


def frame_metrics(kept: Sequence[object], rejected: Sequence[object], n_clipped: int) -> tuple[Metric, ...]:
    """How many frames and pixels of frames took part."""
    return (
        Metric(name="N FRAMES", value=len(kept), comment="Frames combined"),
        Metric(name="N FRAMES REJECTED", value=len(rejected), comment="Frames that disagree with the others"),
        Metric(name="N CLIPPED", value=n_clipped, comment="Pixels of single frames left out"),
    )
