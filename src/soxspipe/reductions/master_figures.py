"""What the figures and reports of the bias and the dark recipe share; what draws is imported when the first is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from soxspipe.algorithms.calibration.frame_noise import FrameNoise
from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image
from soxspipe.reductions.calibration_report import SHEET_PX, report_of
from soxspipe.reductions.gathered import Context
from soxspipe.reductions.spec import Contents

if TYPE_CHECKING:
    from soxspipe.report.calibration import Sheet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownMaster:
    """A master of frames without light, as it is shown.

    Attributes
    ----------
    title : str
        What it is.
    electrons, variance : ndarray, shape (ny, nx)
        Of the master.
    reasons : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits.
    frames : FrameNoise
        Levels and noise of the frames that it was made from.
    n_frames : int
        Their number.
    read_noise_e : float
        As the report quotes it.
    """

    title: str
    electrons: Image
    variance: Image
    reasons: FlagArray
    frames: FrameNoise
    n_frames: int
    read_noise_e: float

    @property
    def master_noise_e(self) -> float:
        """Noise of the mean of the frames."""
        return float(self.frames.noise_e / np.sqrt(self.n_frames))


def master_overview(context: Context[Any, Any, Any], shown: ShownMaster) -> Contents:
    """Level, structure and histogram, as a PDF."""
    from soxspipe.plots.masters import MasterFigure, plot_master
    from soxspipe.plots.pdf import figure_as_pdf

    content = MasterFigure(
        title=shown.title,
        subtitle=context.provenance.sof_name,
        image=shown.electrons,
        good=shown.reasons == 0,
        raw=context.inputs.raw[0].electrons(0, min(64, shown.electrons.shape[0])).ravel(),
        noise_e=shown.frames.noise_e,
        facts=(
            f"{shown.n_frames} frames combined, noise of one raw frame {shown.frames.noise_e:.2f} electrons, "
            f"of the master {shown.master_noise_e:.2f} electrons",
            f"{np.count_nonzero(shown.reasons)} bad pixels of {shown.reasons.size}",
        ),
    )
    return [figure_as_pdf(plot_master(content))]


def master_report(context: Context[Any, Any, Any], shown: ShownMaster, more_sheets: Sequence[Sheet] = ()) -> Contents:
    """The report, which lists every other file; with figures of the recipe's own."""
    from soxspipe.report.calibration import Curve

    good, kept = shown.reasons == 0, list(shown.frames.kept)
    numbers = np.arange(1, len(kept) + 1, dtype=np.float64)
    return report_of(
        context,
        title=shown.title,
        summary=f"{shown.n_frames} frames combined; read noise {shown.read_noise_e:.2f} electrons; {np.count_nonzero(shown.reasons)} bad pixels.",
        tiles=(
            ("read noise", f"{shown.read_noise_e:.2f} e⁻"),
            ("frames", str(shown.n_frames)),
            ("noise of the master", f"{shown.master_noise_e:.2f} e⁻"),
            ("bad pixels", f"{np.mean(shown.reasons > 0):.3%}"),
        ),
        sheets=[*_sheets(shown), *more_sheets],
        curves=(
            Curve(title="Mean of columns", x="x (px)", y="electrons", lines=(_means(shown.electrons, good, 0),)),
            Curve(title="Mean of rows", x="y (px)", y="electrons", lines=(_means(shown.electrons, good, 1),)),
            Curve(title="Level of the frames", x="frame", y="electrons against the mean", lines=((numbers, shown.frames.offset_e[kept]),)),
        ),
    )


def _sheets(shown: ShownMaster) -> list[Sheet]:
    """Figures of level, error and bad pixels."""
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration import Sheet

    level, noise = thumbnail(shown.electrons, SHEET_PX), shown.frames.noise_e
    low, high = float(np.median(level)) - noise, float(np.median(level)) + noise
    error = np.sqrt(thumbnail(shown.variance, SHEET_PX))
    most = 2 * float(np.median(error))
    share = thumbnail((shown.reasons > 0).astype(np.float32), SHEET_PX)
    return [
        Sheet(title="Level", caption=f"White {low:.1f}, black {high:.1f} electrons", image=level, low=low, high=high),
        Sheet(title="Error", caption=f"White 0, black {most:.2f} electrons", image=error, low=0.0, high=most),
        Sheet(title="Bad pixels", caption="Share of bad pixels, black one in ten", image=share, low=0.0, high=0.1),
    ]


def _means(image: Image, good: BoolImage, axis: int) -> tuple[FloatArray, FloatArray]:
    """Mean of the good pixels along an axis, every few pixels."""
    mean = np.where(good, image, 0.0).sum(axis=axis) / np.maximum(good.sum(axis=axis), 1)
    step = max(1, mean.size // 400)
    return np.arange(mean.size, dtype=np.float64)[::step], mean[::step].astype(np.float64)
