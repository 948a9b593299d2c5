"""Spatial profile, optimal sum and boxcar sum (Horne 1986)."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class ExtractionSettings(AlgorithmSettings):
    """Settings of `extract_orders`."""

    horne_extraction_slit_length: int = Field(
        15,
        ge=2,
        le=400,
        description="Length (unbinned px) of the slit over which object flux is collected; the boxcar aperture is 2 int(length / 2).",
    )
    horne_extraction_profile_poly_order: int = Field(
        7, ge=0, le=15, description="Highest degree with which the object's profile may change along the dispersion; data choose up to it."
    )
    horne_extraction_profile_global_clipping_sigma: float = Field(
        25.0, gt=0, description="Limit on (D - S - f P)^2 / V (so 25 is 5 sigma) above which a pixel is rejected during extraction."
    )
    horne_extraction_profile_clipping_sigma: float = Field(3.0, gt=0, description="Clipping limit (sigma) when the profile is fitted.")
    horne_extraction_profile_clipping_iteration_count: int = Field(
        10, ge=0, le=100, description="Most clipping rounds when the profile is fitted."
    )
