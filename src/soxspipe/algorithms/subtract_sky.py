"""Sky model in wavelength and slit position, order by order (Kelson 2003)."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class SkySettings(AlgorithmSettings):
    """Settings of `fit_sky`."""

    subtract_sky: bool = Field(True, description="Model and subtract the sky.")
    clip_slit_edge_fraction: float = Field(0.02, ge=0, lt=0.45, description="Share of the slit left out of the sky fit at each end.")
    bspline_order: int = Field(3, ge=1, le=5, description="Degree of the B-spline in wavelength.")
    slit_illumination_order: int = Field(1, ge=0, le=5, description="Degree of the polynomial in slit position that scales the sky.")
    min_points_per_knot: int = Field(15, ge=2, description="Fewest sky pixels between two knots.")
    skyline_significance: float = Field(20.0, gt=0, description="Curvature (sigma per pixel) above which knots are set at their closest.")
    bspline_fitting_residual_clipping_sigma: float = Field(
        10.0,
        gt=0,
        description="Residual in sigma above which a pixel is left out in the first rounds; the last rounds go down to half of it.",
    )
    bspline_iteration_limit: int = Field(25, ge=1, le=100, description="Most rounds of the sky fit.")
    sky_model_qc_plot: bool = Field(False, description="Draw the sky-model QC plots.")
