"""One run of the order centres and its circumstances, from which products, figures and metrics are made."""

from __future__ import annotations

from typing import TypeAlias

from soxspipe.reductions.gathered import Context, Gathered
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.order_centres.result import OrderCentresResult
from soxspipe.settings.order_centres import OrderCentresSettings

OrderCentresContext: TypeAlias = Context[LampInputs, OrderCentresResult, OrderCentresSettings]
OrderCentresGathered: TypeAlias = Gathered[LampInputs, OrderCentresSettings]
