"""The recipes of the public API."""

from soxspipe.recipes.soxs_disp_solution import soxs_disp_solution
from soxspipe.recipes.soxs_mbias import soxs_mbias
from soxspipe.recipes.soxs_mdark import soxs_mdark
from soxspipe.recipes.soxs_mflat import soxs_mflat
from soxspipe.recipes.soxs_order_centres import soxs_order_centres
from soxspipe.recipes.soxs_spatial_solution import soxs_spatial_solution
from soxspipe.recipes.soxs_stare import soxs_stare

__all__ = ["soxs_disp_solution", "soxs_mbias", "soxs_mdark", "soxs_mflat", "soxs_order_centres", "soxs_spatial_solution", "soxs_stare"]
