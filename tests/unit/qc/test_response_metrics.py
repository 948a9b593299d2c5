"""How well the response describes its bins."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.spectrum import ResponseCurve
from soxspipe.qc.response_metrics import measure_response


def values(found: tuple[Metric, ...]) -> dict[str, object]:
    return {metric.name: metric.value for metric in found}


def test_response_against_its_bins() -> None:
    """Bins 2 % below the curve in one band, one of ten left out, and a gap of 20 nm."""
    bins = np.concatenate([np.arange(460.0, 500.0, 5.0), np.arange(515.0, 545.0, 5.0)])
    used = np.ones(bins.size, dtype=bool)
    used[-1] = False
    curve = np.linspace(400.0, 600.0, 50)
    response = ResponseCurve(
        polynomial=np.zeros(1), wavelength_nm=curve, response=np.full(50, 1e-17), error=np.full(50, 1e-19), valid_nm=(460.0, 540.0),
        bins_nm=bins, bins_value=np.full(bins.size, 0.98e-17), bins_error=np.full(bins.size, 1e-19), bins_used=used,
    )  # fmt: skip
    found = values(measure_response(response))
    assert found["RESP BIN CLIP FRAC"] == pytest.approx(1 / bins.size)
    assert found["RESP MAX GAP"] == 20.0
    assert found["RESP SELFCAL RES 450-550"] == pytest.approx(1 / 0.98 - 1)
    assert "RESP SELFCAL RES 350-450" not in found
    assert measure_response(None) == ()
