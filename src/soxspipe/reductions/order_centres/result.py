"""What comes out of the order-centres recipe's algorithm."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.trace_orders import OrderCentres


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderCentresResult:
    """Light of the pinhole flat, the centres (in unbinned pixels), and what the user should know."""

    image: ArcImage
    centres: OrderCentres
    warnings: tuple[str, ...] = ()
