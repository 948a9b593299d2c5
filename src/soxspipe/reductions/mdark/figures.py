"""Figures and report of a dark run, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soxspipe.reductions.calibration_report import SHEET_PX
from soxspipe.reductions.master_figures import ShownMaster, master_overview, master_report
from soxspipe.reductions.mdark.context import MdarkContext
from soxspipe.reductions.spec import Contents

if TYPE_CHECKING:
    from soxspipe.datamodel.arrays import Image
    from soxspipe.report.calibration import Sheet


def overview(context: MdarkContext) -> Contents:
    """Level, structure and histogram."""
    return master_overview(context, _shown(context))


def report(context: MdarkContext) -> Contents:
    """The report, which lists every other file; with the rate where several exposure times tell it."""
    line = context.result.master.line
    return master_report(context, _shown(context), [] if line is None else [_rate_sheet(line.rate_e_per_s)])


def _shown(context: MdarkContext) -> ShownMaster:
    made = context.result.master
    return ShownMaster(
        title="Master dark", electrons=made.electrons, variance=made.variance, reasons=made.reasons, frames=made.frames[0],
        n_frames=made.n_frames, read_noise_e=made.read_noise_e,
    )  # fmt: skip


def _rate_sheet(rate_e_per_s: Image) -> Sheet:
    """Figure of the dark current."""
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration import Sheet

    rate = thumbnail(rate_e_per_s, SHEET_PX)
    middle = float(np.median(rate))
    spread = float(np.median(np.abs(rate - middle))) * 5.0 or 1.0
    low, high = middle - spread, middle + spread
    return Sheet(title="Rate", caption=f"Electrons per second, white {low:.3g} to black {high:.3g}", image=rate, low=low, high=high)
