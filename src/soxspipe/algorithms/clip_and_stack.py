"""Sigma-clipped combination of exposures."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class StackSettings(AlgorithmSettings):
    """Settings of `clip_and_stack`."""

    stacked_clipping_sigma: float = Field(
        15.0,
        gt=0,
        description="Reject a pixel of one exposure that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="Most rounds of rejection when stacking; 0 stacks without rejection."
    )
