"""Numbers as metrics hold them."""

from __future__ import annotations

import math


def finite_or_none(value: float) -> float | None:
    """The value as a Python number; None where nothing was measured."""
    return float(value) if math.isfinite(value) else None
