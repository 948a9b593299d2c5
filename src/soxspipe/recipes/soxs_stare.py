"""The recipe ``soxs_stare`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.published_recipe import published_recipe


class soxs_stare(published_recipe):
    """Reduce SOXS and X-shooter data taken in stare mode.

    Examples
    --------
    >>> from soxspipe.recipes import soxs_stare
    >>> recipe = soxs_stare(log=log, settings=settings, inputFrames=fileList)  # doctest: +SKIP
    >>> stareFrame = recipe.produce_product()  # doctest: +SKIP
    """

    _verb: ClassVar[str] = "stare"

    @property
    def generateReponseCurve(self) -> bool:
        """Whether a response is made from these frames (spelled as published)."""
        return bool(self._gathered.inputs.makes_response)
