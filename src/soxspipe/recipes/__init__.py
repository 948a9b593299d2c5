"""The recipes of the public API."""

from soxspipe.recipes.soxs_stare import soxs_stare

__all__ = ["soxs_stare"]
