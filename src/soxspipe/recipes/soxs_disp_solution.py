"""The recipe ``soxs_disp_solution`` of the public API."""

from __future__ import annotations

from typing import ClassVar

from soxspipe.recipes.geometry_recipe import geometry_recipe


class soxs_disp_solution(geometry_recipe):
    """Solve single-pinhole arcs: wavelength at the slit's centre of every order.

    `polyOrders` are 4 digits: order x, order y, wavelength x, wavelength y.
    """

    _verb: ClassVar[str] = "disp_solution"
    _degrees: ClassVar[int] = 4
