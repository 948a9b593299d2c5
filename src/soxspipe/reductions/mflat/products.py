"""Contents of the flat recipe's data files."""

from __future__ import annotations

from soxspipe.algorithms.calibration.master_flat import flat_factor
from soxspipe.io.fits_writer import Hdu, fits_chunks
from soxspipe.io.master_products import bad_pixel_hdus, master_hdus, order_table_hdus
from soxspipe.reductions.mflat.context import MflatContext
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spec import Contents


def master(context: MflatContext) -> Contents:
    """FLUX, QUAL and ERRS, relative; RESPONSE of the pixels, ILLUMINATION of the slit and BLAZE (times lamp) apart."""
    made, axis = context.result.master, context.inputs.arm.dispersion_axis
    cards = calibration_cards(
        context,
        "MASTER_FLAT",
        "IMAGE",
        extra=(
            ("ESO PRO DATANCOM", len(made.lamps[0].frame_names), "number of raw exposures of the main lamp"),
            ("SOXS FLAT NORM", made.norm_e, "[e-] of one frame at 1"),
        ),
    )
    factors = tuple(
        (name, flat_factor(made, axis, factor), "")
        for name, factor in (("RESPONSE", "response"), ("ILLUMINATION", "illumination"), ("BLAZE", "blaze"))
    )
    return fits_chunks(master_hdus(cards, made.value, made.reasons, made.variance, unit="", more=factors))


def order_location(context: MflatContext) -> Contents:
    """Order table with edges."""
    made, arm = context.result.master, context.inputs.arm
    binning = context.inputs.detector.binning
    binning_b, binning_a = binning if arm.dispersion_axis == "x" else binning[::-1]
    ny, nx = made.value.shape
    traces = {
        number: (
            (order.edges.b_px + 0.5) * binning_b - 0.5,
            (order.edges.centre + 0.5) * binning_a - 0.5,
            (order.edges.low + 0.5) * binning_a - 0.5,
            (order.edges.high + 0.5) * binning_a - 0.5,
        )
        for number, order in made.orders.items()
    }
    cards = calibration_cards(context, "ORDER_TAB", "ECHELLE,SLIT", is_image=False)
    length = (nx if arm.dispersion_axis == "x" else ny) * binning_b
    return fits_chunks(order_table_hdus(cards, made.order_table, length, traces))


def background(context: MflatContext) -> Contents:
    """Scattered light on the scale of the flat, under a category of its own so that nobody divides by it."""
    image = context.result.master.background
    if image is None:
        raise ValueError("this run has no model of scattered light")
    return fits_chunks((Hdu(name="FLUX", cards=calibration_cards(context, "MFLAT_BKG", "IMAGE"), data=image),))


def bad_pixel_map(context: MflatContext) -> Contents:
    """Bad pixels with their reasons, those of darks and masters among them."""
    return fits_chunks(bad_pixel_hdus(calibration_cards(context, "BP_MAP", "IMAGE"), context.result.master.reasons))


def order_location_name(sof_name: str) -> str:
    """Name of the order table: in capitals, OLOC for MFLAT; never that of the flat, whatever the set is called."""
    upper = sof_name.upper()
    return upper.replace("MFLAT", "OLOC") if "MFLAT" in upper else f"{upper}_OLOC"
