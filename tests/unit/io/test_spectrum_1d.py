"""The spectrum as one self-describing row."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.io.spectrum_1d import as_spectrum_1d
from support.results import make_run


def test_light_in_doubt_is_part_of_the_error_of_the_scale() -> None:
    """Errors of response and host are independent: their squares add."""
    result = make_run("VIS").result
    sure, unsure = (as_spectrum_1d(result.merged, result.fluxed, result.response, doubt).scale_error for doubt in (0.0, 0.08))
    assert sure is not None
    assert sure > 0
    assert unsure == pytest.approx(np.hypot(sure, 0.08))


def test_counts_have_no_scale() -> None:
    result = make_run("VIS").result
    assert as_spectrum_1d(result.merged, None, result.response, 0.08).scale_error is None
