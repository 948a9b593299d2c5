"""The trace as polynomials gives the trace back."""

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.reductions.stare.trace_table import trace_polynomials
from support.results import make_run


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_polynomials_follow_the_trace(arm):
    run = make_run(arm)
    centre, sigma = trace_polynomials(run.result.trace, run.inputs.geometry)
    for entry in run.result.trace.orders.values():
        np.testing.assert_allclose(centre(entry.order, entry.b_px), entry.a_px, atol=1e-9)
        np.testing.assert_allclose(sigma(entry.order, entry.b_px), entry.sigma_px, atol=1e-9)


def test_a_bent_offset_of_the_trace_degree_is_exact():
    run = make_run("NIR")
    bent = {
        order: replace(entry, a_px=entry.a_px + 1e-5 * (entry.b_px - 200.0) ** 2 * (order - 11))
        for order, entry in run.result.trace.orders.items()
    }
    trace = replace(run.result.trace, orders=bent)
    centre, _ = trace_polynomials(trace, run.inputs.geometry)
    for entry in bent.values():
        np.testing.assert_allclose(centre(entry.order, entry.b_px), entry.a_px, atol=1e-8)


def test_binned_frames_have_their_polynomials_in_binned_pixels():
    run = make_run("VIS")
    binned = {
        order: replace(entry, b_px=entry.b_px[:200], a_px=(entry.a_px[:400].reshape(200, 2).mean(axis=1) + 0.5) / 2 - 0.5,
                       slit_arcsec=entry.slit_arcsec[:200], sigma_px=entry.sigma_px[:200])
        for order, entry in run.result.trace.orders.items()
    }  # fmt: skip
    geometry = replace(run.inputs.geometry, binning=(2, 2))
    centre, _ = trace_polynomials(replace(run.result.trace, orders=binned), geometry)
    for entry in binned.values():
        np.testing.assert_allclose(centre(entry.order, entry.b_px), entry.a_px, atol=1e-9)
