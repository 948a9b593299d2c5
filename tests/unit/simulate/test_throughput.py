"""Throughput of telescope and instrument."""

import numpy as np
import pytest

from soxspipe.io.simulated_facts import make_scene, read_facts
from soxspipe.simulate.throughput import instrument_efficiency


@pytest.mark.parametrize(("arm", "order"), [("NIR", 15), ("VIS", 1)])
def test_efficiency_is_a_share_and_falls_to_the_order_ends(arm, order):
    facts = read_facts(make_scene({"arm": arm}))
    low, high = facts.spectral_format[order].full_nm
    wave = np.linspace(low, high, 101)
    share = instrument_efficiency(wave, order, facts.arm, facts.spectral_format)
    assert np.all((share >= 0) & (share < 0.5))
    assert share[50] > 2 * max(share[0], share[-1])
