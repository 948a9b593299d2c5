"""From an extracted standard star to response and efficiency."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class ResponseSettings(AlgorithmSettings):
    """Settings of `fit_response`."""

    max_iteration: int = Field(5, ge=1, le=100, description="Most rounds of the robust fit of the response.")
    poly_order: int = Field(7, ge=1, le=15, description="Degree of the polynomial fitted to the response.")
