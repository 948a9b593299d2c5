"""Scattered light between orders: B-splines along the slit axis, then a Gaussian blur."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class BackgroundSettings(AlgorithmSettings):
    """Settings of `fit_background`."""

    bspline_deg: int = Field(2, ge=1, le=5, description="Degree of the B-splines fitted across the gaps between orders.")
    gaussian_blur_sigma: float = Field(
        65.0, ge=0, le=1000, description="Standard deviation (px) of the Gaussian that smooths the background along the dispersion."
    )
