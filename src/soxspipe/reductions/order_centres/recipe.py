"""The order-centres recipe, put together."""

from __future__ import annotations

from soxspipe.reductions.engine import Reduction
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.order_centres.gather import describe, gather
from soxspipe.reductions.order_centres.result import OrderCentresResult
from soxspipe.reductions.order_centres.spec import ORDER_CENTRES
from soxspipe.reductions.progress import Done
from soxspipe.settings.order_centres import OrderCentresSettings

__all__ = ["REDUCTION"]


def _reduce(inputs: LampInputs, settings: OrderCentresSettings, done: Done) -> OrderCentresResult:
    """The algorithm, imported when it is needed: wrong inputs are reported in a fraction of the time."""
    from soxspipe.reductions.order_centres import reduce

    return reduce.reduce_order_centres(inputs, settings, done)


REDUCTION = Reduction(spec=ORDER_CENTRES, gather=gather, reduce=_reduce, describe=describe)
