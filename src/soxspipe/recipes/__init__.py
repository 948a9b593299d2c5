"""The recipes of the public API."""

from soxspipe.recipes.soxs_mbias import soxs_mbias
from soxspipe.recipes.soxs_mdark import soxs_mdark
from soxspipe.recipes.soxs_mflat import soxs_mflat
from soxspipe.recipes.soxs_stare import soxs_stare

__all__ = ["soxs_mbias", "soxs_mdark", "soxs_mflat", "soxs_stare"]
