"""The recipe ``soxs_order_centres`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.geometry_recipe import geometry_recipe


class soxs_order_centres(geometry_recipe):
    """Trace the centres of the orders in pinhole flats.

    `polyOrders` are 2 digits: order, dispersion axis.
    """

    _verb: ClassVar[str] = "order_centres"
    _degrees: ClassVar[int] = 2
