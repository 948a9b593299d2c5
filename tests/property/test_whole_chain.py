"""What must not change the answer does not, and what must scale it scales it, through the whole algorithm."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.reductions.stare.result import StareResult
from soxspipe.settings.stare import StareSettings
from support.scenes import cached_scene

FEW = settings(max_examples=4, deadline=None, derandomize=True)
STACK = cached_scene("NIR_H", (("ab_mag", 15.0), ("seed", 21), ("exposures", 3), ("exptime_s", 100.0)))
SINGLE = cached_scene("NIR_H", (("ab_mag", 15.0), ("seed", 22), ("exptime_s", 100.0)))


def reduced(inputs: StareInputs) -> StareResult:
    return reduce_stare(inputs, StareSettings())


@lru_cache(maxsize=2)
def plain(name: str) -> StareResult:
    return reduced({"stack": STACK, "single": SINGLE}[name].inputs)


def largest_difference(result: StareResult, other: StareResult) -> float:
    """Of the merged spectra, in units of the error."""
    known = other.merged.variance > 0
    return float(np.max(np.abs(result.merged.flux - other.merged.flux)[known] / np.sqrt(other.merged.variance[known])))


@FEW
@given(sequence=st.permutations(range(3)))
def test_the_sequence_of_exposures_does_not_matter(sequence):
    shuffled = reduced(replace(STACK.inputs, raw=tuple(STACK.inputs.raw[i] for i in sequence)))
    assert largest_difference(shuffled, plain("stack")) < 1e-4
    np.testing.assert_allclose(shuffled.merged.variance, plain("stack").merged.variance, rtol=1e-4)


@FEW
@given(junk=st.sampled_from([-5e4, 0.0, 5e4, 1e9]), seed=st.integers(0, 100))
def test_junk_in_bad_pixels_does_not_matter(junk, seed):
    masters = SINGLE.inputs.masters
    bad = (masters.dark.flags != 0) | (masters.flat.flags != 0)
    adu = np.array(SINGLE.inputs.raw[0].adu)
    adu[bad] = junk * np.random.default_rng(seed).uniform(0.5, 1.0, size=int(bad.sum()))
    spoilt = reduced(replace(SINGLE.inputs, raw=(replace(SINGLE.inputs.raw[0], adu=adu),)))
    assert largest_difference(spoilt, plain("single")) < 1e-6


@FEW
@given(scale=st.floats(0.3, 3.0))
def test_the_scale_of_the_flat_scales_the_flux_alone(scale):
    single = plain("single")
    flat = SINGLE.inputs.masters.flat
    scaled = replace(flat, electrons=flat.electrons * scale, variance=flat.variance * scale**2)
    result = reduced(replace(SINGLE.inputs, masters=replace(SINGLE.inputs.masters, flat=scaled)))
    both = (single.merged.variance > 0) & (result.merged.variance > 0)
    assert both.mean() > 0.95
    np.testing.assert_allclose(np.median((result.merged.flux * scale / single.merged.flux)[both]), 1.0, rtol=2e-3)
    np.testing.assert_allclose(np.median(result.merged.snr[both] / single.merged.snr[both]), 1.0, rtol=2e-3)
