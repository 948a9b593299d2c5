"""Contents of the bias recipe's data files."""

from __future__ import annotations

from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.master_products import master_hdus
from soxspipe.reductions.mbias.context import MbiasContext
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spec import Contents


def master(context: MbiasContext) -> Contents:
    """FLUX, QUAL and ERRS in electrons."""
    made = context.result.master
    cards = calibration_cards(
        context, "MASTER_BIAS", "IMAGE", extra=(("ESO PRO DATANCOM", len(made.frame_names), "number of raw exposures combined"),)
    )
    return fits_chunks(master_hdus(cards, made.electrons, made.reasons, made.variance, unit="electron"))
