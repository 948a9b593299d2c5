"""How well a response rests on its bins, in the names of release 0.19 of the reference."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.spectrum import ResponseCurve

BANDS_NM = ((350, 450), (450, 550), (550, 680), (680, 800), (850, 930), (990, 1090), (1180, 1300), (1500, 1750), (2050, 2300))
"""Between the telluric bands; those that a response does not reach have no value."""
LEAST_BINS = 5
"""A median of fewer bins of a band says little; no measurement is recorded."""


def measure_response(response: ResponseCurve | None) -> tuple[Metric, ...]:
    """RESP BIN CLIP FRAC, RESP MAX GAP, and RESP SELFCAL RES by band: standard flux-calibrated by its own response over the library, less 1."""
    if response is None or response.bins_nm.size < 2 or not response.is_sampled:
        return ()
    used = response.bins_used
    kept = response.bins_nm[used]
    gap = float(np.max(np.diff(kept))) if kept.size > 1 else None
    return (
        Metric(name="RESP BIN CLIP FRAC", value=float(np.mean(~used)), comment="Bins left out of the response"),
        Metric(name="RESP MAX GAP", value=gap, unit="nm", comment="Largest step between bins used"),
        *(
            Metric(name=f"RESP SELFCAL RES {low}-{high}", value=value, comment="Standard by its own response over library, less 1")
            for low, high in BANDS_NM
            if (value := _residual(response, low, high)) is not None
        ),
    )


def _residual(response: ResponseCurve, low: float, high: float) -> float | None:
    """Median of curve over bins, less 1; None where there are few bins."""
    here = response.bins_used & (response.bins_nm >= low) & (response.bins_nm < high) & (response.bins_value > 0)
    if np.count_nonzero(here) < LEAST_BINS:
        return None
    curve = np.interp(response.bins_nm[here], response.wavelength_nm, response.response)
    return float(np.median(curve / response.bins_value[here])) - 1.0
