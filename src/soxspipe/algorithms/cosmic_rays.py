"""Cosmic rays in single frames."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class CosmicRaySettings(AlgorithmSettings):
    """Settings of `flag_cosmic_rays`."""

    lacosmic_sigma: float = Field(
        25.0,
        ge=0,
        description="Laplacian signal-to-noise above which a pixel is a cosmic-ray candidate before the sky is known; 0 switches the search off.",
    )
