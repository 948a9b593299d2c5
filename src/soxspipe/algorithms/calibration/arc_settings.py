"""Settings of the dispersion and the spatial solution."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from soxspipe.algorithms.settings import AlgorithmSettings

Pair = tuple[int, int]
HIGHEST_DEGREE = 9
"""Tables name a coefficient by one digit per power."""


class ArcSettings(AlgorithmSettings):
    """Settings of `solve_arc`."""

    pixel_window_size: int = Field(12, ge=4, le=30, description="Largest shift (px) of the pattern of lines that is looked for.")
    pinhole_detection_thres_sigma: float = Field(5.0, ge=2, description="Minimum significance of a pinhole image that is used.")
    choose_degrees: bool = Field(True, description="Let the lines decide the degrees; the three settings below are then not used.")
    order_deg: Pair = Field((5, 3), description="Degrees in order, [x, y].")
    wavelength_deg: Pair = Field((4, 5), description="Degrees in wavelength, [x, y].")
    slit_deg: Pair = Field((1, 1), description="Degrees in slit position, [x, y]; of the spatial solution alone.")
    poly_fitting_residual_clipping_sigma: float = Field(5.0, gt=1, description="Residual in sigma above which a pinhole image is left out.")
    poly_clipping_iteration_limit: int = Field(
        5, ge=4, le=50, description="Maximum number of rounds of measuring, fitting and leaving out."
    )
    poly_clipping_set_offset_sigma: float = Field(
        5.0, gt=1, description="Offset of a line's images together, in sigma of lines, above which the line is left out."
    )
    mph_line_set_min: int = Field(7, ge=1, le=9, description="Minimum number of good images of a line of the multi-pinhole mask.")

    @field_validator("order_deg", "wavelength_deg", "slit_deg", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        """One number stands for both axes; lists are taken for pairs."""
        pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list) else value
        if isinstance(pair, tuple) and any(isinstance(degree, int) and not 0 <= degree <= HIGHEST_DEGREE for degree in pair):
            raise ValueError(f"a degree from 0 to {HIGHEST_DEGREE} is needed")
        return pair


def with_degrees(settings: ArcSettings, digits: str) -> ArcSettings:
    """Settings with the degrees that digits ask for: order x, order y, wavelength x, wavelength y, and slit x, slit y; as they are without digits."""
    if not digits:
        return settings
    pairs = [(int(digits[k]), int(digits[k + 1])) for k in range(0, len(digits), 2)]
    names = ("order_deg", "wavelength_deg", "slit_deg")
    return settings.model_copy(update={"choose_degrees": False, **dict(zip(names, pairs, strict=False))})
