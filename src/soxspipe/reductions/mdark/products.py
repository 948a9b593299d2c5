"""Contents of the dark recipe's data files."""

from __future__ import annotations

from soxspipe.io.fits_writer import Pixels, fits_chunks
from soxspipe.io.master_products import bad_pixel_hdus, master_hdus, root_of
from soxspipe.reductions.mdark.context import MdarkContext
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spec import Contents


def master(context: MdarkContext) -> Contents:
    """FLUX, QUAL and ERRS in electrons of EXPTIME; LEVEL (electrons) and RATE (electrons per second) with errors where several times were given."""
    made = context.result.master
    cards = calibration_cards(
        context,
        "MASTER_DARK",
        "IMAGE",
        extra=(
            ("ESO PRO DATANCOM", made.n_frames, "number of raw exposures combined"),
            ("EXPTIME", made.exptime_s, "[s] exposure time that the counts stand for"),
        ),
    )
    line: list[tuple[str, Pixels, str]] = []
    if made.line is not None:
        line = [
            ("LEVEL", made.line.level_e, "electron"),
            ("LEVEL_ERRS", root_of(made.line.level_variance), "electron"),
            ("RATE", made.line.rate_e_per_s, "electron/s"),
            ("RATE_ERRS", root_of(made.line.rate_variance), "electron/s"),
        ]
    return fits_chunks(master_hdus(cards, made.electrons, made.reasons, made.variance, unit="electron", more=line))


def bad_pixel_map(context: MdarkContext) -> Contents:
    """Bad pixels with their reasons."""
    return fits_chunks(bad_pixel_hdus(calibration_cards(context, "BP_MAP", "IMAGE"), context.result.master.reasons))
