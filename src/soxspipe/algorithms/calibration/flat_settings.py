"""Settings of a master flat."""

from __future__ import annotations

from pydantic import Field

from soxspipe.algorithms.settings import AlgorithmSettings


class FlatSettings(AlgorithmSettings):
    """Settings of `make_master_flat`."""

    stacked_clipping_sigma: float = Field(
        6.0,
        ge=3.0,
        description="Leave out a pixel of one flat that differs from the others by more than this many sigma of expected noise.",
    )
    stacked_clipping_iterations: int = Field(
        3, ge=0, le=50, description="0 combines without rejection; more than one round is never needed."
    )
    centre_order_window: int = Field(
        10, ge=2, le=40, description="Width (px) of the band around the centres that gives the level of a flat."
    )
    slice_length_for_edge_detection: int = Field(
        70, ge=20, le=400, description="Accepted but has no effect: edges are looked for within the slit's own length and 16 px more."
    )
    slice_width_for_edge_detection: int = Field(
        5, ge=1, le=50, description="Accepted but has no effect: edges are measured in every column."
    )
    min_percentage_threshold_for_edge_detection: float = Field(
        20.0, ge=0, le=100, description="Accepted but has no effect: an edge is where half of the light is, whatever its blur."
    )
    max_percentage_threshold_for_edge_detection: float = Field(
        50.0, ge=0, le=100, description="Accepted but has no effect, as the minimum."
    )
    disp_axis_deg: int = Field(
        5, ge=1, le=9, description="Degree along the dispersion of the order table's edges; raised where it is too low."
    )
    order_deg: int = Field(6, ge=0, le=9, description="Degree in the order number of the order table's edges; raised where it is too low.")
    poly_fitting_residual_clipping_sigma: float = Field(
        4.0, ge=2, le=20, description="Columns further than this from the fitted edge are left out."
    )
    poly_clipping_iteration_limit: int = Field(
        2, ge=0, le=20, description="Accepted but has no effect: clipping ends when it changes nothing."
    )
    low_sensitivity_clipping_sigma: float = Field(
        5.0,
        ge=1,
        le=50,
        description="A pixel less sensitive than its neighbours by this many sigma, and below `low-sensitivity-response`, is cold.",
    )
    low_sensitivity_response: float = Field(
        0.7, gt=0, lt=1, description="Response below which a pixel may be cold; sound pixels scatter by 1 %."
    )
    order_edge_min_flat_fraction: float = Field(
        0.5, ge=0, le=1, description="Edge pixels with less than this share of their row's light are flagged."
    )
    scale_d2_to_qth: bool = Field(
        True, description="Combine deuterium and quartz flats order by order; otherwise the quartz lamp alone is used."
    )
