"""Settings of the stare recipe: its own switches, and those of the algorithms it calls."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from soxspipe.algorithms.clip_and_stack import StackSettings
from soxspipe.algorithms.cosmic_rays import CosmicRaySettings
from soxspipe.algorithms.detect_continuum import ContinuumSettings
from soxspipe.algorithms.horne_extraction import ExtractionSettings
from soxspipe.algorithms.response_function import ResponseSettings
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.subtract_background import BackgroundSettings
from soxspipe.algorithms.subtract_sky import SkySettings


class StareSettings(AlgorithmSettings):
    """Settings of the stare recipe for one arm."""

    use_flat: bool = Field(True, description="Divide by the master flat.")
    subtract_background: bool = Field(True, description="Fit and subtract the scattered light between orders.")
    use_lacosmic: bool = Field(True, description="Search for cosmic rays with L.A.Cosmic before the sky is modelled.")
    object_slit_arcsec: float | None = Field(
        None,
        ge=-6.0,
        le=6.0,
        description="Slit position (arcsec from the slit's centre) of the object to extract; empty takes the brightest.",
    )
    apply_wavelength_shift: bool = Field(
        True,
        description="Correct the wavelengths by the zero-point measured on sky lines where it is significant (it is reported in any case).",
    )
    make_plots: bool = Field(True, description="Draw the QC plots (PDF) and the report.")
    qc_acceptable_ranges: Mapping[str, tuple[float, float]] = Field(
        default_factory=dict, description="Acceptable range of QC metrics, {name: [low, high]}; overrides the recipe's own."
    )
    stack: StackSettings = Field(default_factory=StackSettings, description="Stacking of exposures.")
    background: BackgroundSettings = Field(default_factory=BackgroundSettings, description="Scattered light.")
    cosmic_rays: CosmicRaySettings = Field(default_factory=CosmicRaySettings, description="Cosmic rays in single frames.")
    sky: SkySettings = Field(default_factory=SkySettings, description="Sky model.")
    continuum: ContinuumSettings = Field(default_factory=ContinuumSettings, description="Object trace.")
    extraction: ExtractionSettings = Field(default_factory=ExtractionSettings, description="Extraction.")
    response: ResponseSettings = Field(default_factory=ResponseSettings, description="Response function.")
