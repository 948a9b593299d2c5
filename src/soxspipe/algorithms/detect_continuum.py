"""Slices across the orders, Gaussian peaks, a global polynomial trace."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class ContinuumSettings(AlgorithmSettings):
    """Settings of `detect_continuum`."""

    order_sample_count: int = Field(150, ge=10, le=5000, description="Number of cross-order slices per order.")
    slice_length: int = Field(50, ge=7, le=2000, description="Length of each slice along the slit (px).")
    slice_width: int = Field(7, ge=1, le=500, description="Width of each slice along the dispersion (px).")
    peak_sigma_limit: float = Field(
        1.5, ge=0, description="Height above the median, in sigma of the slice, at which a peak counts as detected."
    )
    order_deg: int = Field(4, ge=0, le=9, description="Degree of the order component of the global polynomial fitted to the trace.")
    disp_axis_deg: int = Field(4, ge=0, le=9, description="Degree of the dispersion-axis component of the global polynomial.")
    poly_fitting_residual_clipping_sigma: float = Field(
        3.0, gt=0, description="Clipping limit (median and MAD) of the global polynomial fit."
    )
    poly_clipping_iteration_limit: int = Field(10, ge=0, le=100, description="Most clipping rounds of the global polynomial fit.")
