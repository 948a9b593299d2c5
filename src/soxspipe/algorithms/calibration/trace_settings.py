"""Settings of the trace of the orders."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class TraceSettings(AlgorithmSettings):
    """Settings of `trace_orders`."""

    order_sample_count: int = Field(100, ge=10, le=4000, description="Samples along the shortest order; the others in proportion.")
    slice_length: int = Field(
        30, ge=10, le=200, description="Kept for settings files of the reference; slices are as long as the trace needs."
    )
    slice_width: int = Field(3, ge=1, le=50, description="Kept for settings files of the reference; every column is fitted.")
    peak_sigma_limit: float = Field(5.0, gt=0, description="Minimum significance of the trace in a sample.")
    disp_axis_deg: int = Field(5, ge=1, le=9, description="Degree along the dispersion; used if degrees are not chosen by the data.")
    order_deg: int = Field(3, ge=0, le=9, description="Degree in order; used if degrees are not chosen by the data.")
    choose_degrees: bool = Field(True, description="Let the samples decide the degrees.")
    poly_fitting_residual_clipping_sigma: float = Field(7.0, gt=1, description="Residual in sigma above which a sample is left out.")
    poly_clipping_iteration_limit: int = Field(5, ge=1, le=50, description="Maximum number of rounds of leaving samples out.")


def with_degrees(settings: TraceSettings, digits: str) -> TraceSettings:
    """Settings with the degrees that two digits ask for: order, dispersion axis; as they are without digits."""
    if not digits:
        return settings
    return settings.model_copy(update={"choose_degrees": False, "order_deg": int(digits[0]), "disp_axis_deg": int(digits[1])})
