"""The map image of the spatial solution."""

from __future__ import annotations

from soxspipe.errors import ProductError
from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.geometry_products import map_hdus
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spatial_solution.context import SpatialSolutionContext
from soxspipe.reductions.spec import Contents


def map_image(context: SpatialSolutionContext) -> Contents:
    """WAVELENGTH, SLIT and ORDER of every pixel of the unbinned frame, with error of the wavelength."""
    solved = context.result.solved_map
    if solved is None:
        raise ProductError("this run has made no map")
    unbinned = () if context.inputs.detector.binning == (1, 1) else (("ESO DET BINX", 1, "unbinned"), ("ESO DET BINY", 1, "unbinned"))
    return fits_chunks(map_hdus(calibration_cards(context, "DISP_IMAGE", "IMAGE", extra=unbinned), solved))
