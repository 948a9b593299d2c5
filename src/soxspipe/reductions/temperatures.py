"""Temperatures that headers give, a metric of every recipe."""

from __future__ import annotations

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card
from soxspipe.instruments.registry import find_instrument
from soxspipe.qc import metrics


def header_temperatures(arm: Arm, header: tuple[Card, ...]) -> tuple[Metric, ...]:
    """Temperatures of the detector and the common path, where the instrument has keywords for them and the header has values."""
    instrument = find_instrument(arm.instrument)
    detector_keyword, path_keyword = instrument.arms[arm.name].temperature_keyword, instrument.keywords.common_path_temperature
    return metrics.temperature_metrics(_number(header, detector_keyword), _number(header, path_keyword))


def _number(header: tuple[Card, ...], keyword: str | None) -> float | None:
    value = next((value for name, value, _ in header if name == keyword), None)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
