"""Figures and report of a bias run, as bytes."""

from __future__ import annotations

from soxspipe.reductions.master_figures import ShownMaster, master_overview, master_report
from soxspipe.reductions.mbias.context import MbiasContext
from soxspipe.reductions.spec import Contents


def overview(context: MbiasContext) -> Contents:
    """Level, structure and histogram."""
    return master_overview(context, _shown(context))


def report(context: MbiasContext) -> Contents:
    """The report, which lists every other file."""
    return master_report(context, _shown(context))


def _shown(context: MbiasContext) -> ShownMaster:
    made = context.result.master
    return ShownMaster(
        title="Master bias", electrons=made.electrons, variance=made.variance, reasons=made.reasons, frames=made.frames,
        n_frames=len(made.frame_names), read_noise_e=made.frames.noise_e,
    )  # fmt: skip
