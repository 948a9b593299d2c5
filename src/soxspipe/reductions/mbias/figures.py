"""Figures and report of a bias run, as bytes; matplotlib is imported when the first is drawn."""

from __future__ import annotations

import numpy as np

from soxspipe.reductions.calibration_report import SHEET_PX, report_of
from soxspipe.reductions.mbias.context import MbiasContext
from soxspipe.reductions.spec import Contents


def overview(context: MbiasContext) -> Contents:
    """Level, structure and histogram."""
    from soxspipe.io.figures import figure_as_pdf
    from soxspipe.plots.masters import MasterFigure, plot_master

    made = context.result.master
    noise = made.frames.noise_e
    raw = context.inputs.raw[0].electrons(0, min(64, made.electrons.shape[0])).ravel()
    content = MasterFigure(
        title="Master bias",
        subtitle=context.provenance.sof_name,
        image=made.electrons,
        good=made.reasons == 0,
        raw=raw,
        noise_e=noise,
        facts=(
            f"{len(made.names)} frames combined, noise of one raw frame {noise:.2f} electrons, of the master {noise / np.sqrt(len(made.names)):.2f} electrons",
            f"{np.count_nonzero(made.reasons)} bad pixels of {made.reasons.size}",
        ),
    )
    return [figure_as_pdf(plot_master(content))]


def report(context: MbiasContext) -> Contents:
    """The report, which lists every other file."""
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration_page import Curve, Sheet

    made = context.result.master
    noise = made.frames.noise_e
    level = thumbnail(made.electrons, SHEET_PX)
    middle = float(np.median(level))
    error = np.sqrt(thumbnail(made.variance, SHEET_PX))
    typical = float(np.median(error))
    share = thumbnail((made.reasons > 0).astype(np.float32), SHEET_PX)
    sheets = [
        Sheet(
            title="Level",
            caption=f"White {middle - noise:.1f}, black {middle + noise:.1f} electrons",
            image=level,
            low=middle - noise,
            high=middle + noise,
        ),
        Sheet(title="Error", caption=f"White 0, black {2 * typical:.2f} electrons", image=error, low=0.0, high=2 * typical),
        Sheet(title="Bad pixels", caption="Share of bad pixels, black one in ten", image=share, low=0.0, high=0.1),
    ]
    frames = np.arange(1, len(made.frames.kept) + 1, dtype=np.float64)
    curves = (
        Curve(title="Mean of columns", x="x (px)", y="electrons", lines=(_means(made.electrons, made.reasons == 0, 0),)),
        Curve(title="Mean of rows", x="y (px)", y="electrons", lines=(_means(made.electrons, made.reasons == 0, 1),)),
        Curve(
            title="Level of the frames",
            x="frame",
            y="electrons against the mean",
            lines=((frames, made.frames.offset_e[list(made.frames.kept)]),),
        ),
    )
    return report_of(
        context,
        title="Master bias",
        summary=f"{len(made.names)} frames combined; read noise {made.frames.noise_e:.2f} electrons; {np.count_nonzero(made.reasons)} bad pixels.",
        tiles=(
            ("read noise", f"{made.frames.noise_e:.2f} e⁻"),
            ("frames", str(len(made.names))),
            ("noise of the master", f"{noise / np.sqrt(len(made.names)):.2f} e⁻"),
            ("bad pixels", f"{np.mean(made.reasons > 0):.3%}"),
        ),
        sheets=sheets,
        curves=curves,
    )


def _means(image: np.ndarray, good: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the good pixels along an axis, every few pixels."""
    mean = np.where(good, image, 0.0).sum(axis=axis) / np.maximum(good.sum(axis=axis), 1)
    step = max(1, mean.size // 400)
    return np.arange(mean.size, dtype=np.float64)[::step], mean[::step].astype(np.float64)
