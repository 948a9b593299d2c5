"""Where the slit's image lies in a science frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderSlit:
    """Motion of the slit's image in one order (px, along the slit axis) with its error, and the flat's lit edges (arcsec)."""

    px: float
    error_px: float
    edges_arcsec: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitOffset:
    """Motion of the slit's image along the slit axis of the detector, science minus flat and map.

    Attributes
    ----------
    px, error_px : float
        Common to the arm; NaN if nothing was seen.
    applied : bool
        Whether slit positions were corrected and rows not lit in both left out.
    orders : mapping of int to OrderSlit
        Orders in which an edge was seen.
    arcsec : mapping of int to float
        What was taken off the slit positions of the map, of every order; empty if nothing was.
    """

    px: float = float("nan")
    error_px: float = float("nan")
    applied: bool = False
    orders: Mapping[int, OrderSlit] = field(default_factory=dict)
    arcsec: Mapping[int, float] = field(default_factory=dict)

    def of(self, order: int) -> float:
        """Motion in an order, px; that of the arm where the order itself says nothing."""
        return self.orders[order].px if order in self.orders else self.px

    def edges_of(self, order: int, half_slit_arcsec: float) -> tuple[float, float]:
        """Lit edges of the flat in an order, in slit positions of the map."""
        return self.orders[order].edges_arcsec if order in self.orders else (-half_slit_arcsec, half_slit_arcsec)
