"""Settings of the stare recipe: its own switches, and those of the algorithms it calls."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from soxspipe.algorithms.extraction.horne_extraction import ExtractionSettings
from soxspipe.algorithms.frames.clip_and_stack import StackSettings
from soxspipe.algorithms.frames.subtract_background import BackgroundSettings
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.orders.cosmic_rays import CosmicRaySettings
from soxspipe.algorithms.sky.subtract_sky import SkySettings
from soxspipe.algorithms.spectra.response_function import ResponseSettings
from soxspipe.settings.base import ReductionSettings


class StareSettings(ReductionSettings):
    """Settings of the stare recipe for one arm."""

    plot_names: ClassVar[tuple[str, ...]] = (
        "bkground",
        "object_trace_res",
        "slit_illumination_qc_plot",
        "slit_drift_qc_plot",
        "extracted_orders_qc_plot",
        "extracted_orders_qc_plot_notflat",
        "extracted_merged_qc_plot",
        "extracted_merged_fluxcalibrated_qc_plot",
        "response_qc_plot",
        "sky_model_qc_plots",
        "sky_subtraction_quicklook",
        "report",
    )

    use_flat: bool = Field(True, description="Divide by the master flat.")
    subtract_background: bool = Field(True, description="Fit and subtract the scattered light between orders.")
    use_lacosmic: bool = Field(True, description="Search for cosmic rays with L.A.Cosmic before the sky is modelled.")
    stack_before_extraction: bool = Field(
        True,
        description="Reduce the exposures of a set together; off reduces each on its own, as products <sof>_F1, <sof>_F2, ... (a standard both ways).",
    )
    scale_dark: bool = Field(
        False,
        description="Scale a dark of another exposure time even where the instrument's dark is known not to grow with time (SOXS NIR).",
    )
    saturation_adu: float | None = Field(
        None,
        gt=0,
        description="Raw level (ADU) from which a pixel is saturated; empty takes the converter's limit and a plateau found in the data.",
    )
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
    correct_slit_loss: bool = Field(
        False,
        description="Divide the fluxes by the share of light that the slit let through over the standard's, by their seeings and slits.",
    )
    wavelength_frame: Literal["topocentric", "barycentric"] = Field(
        "topocentric",
        description="Frame of reference in which finished spectra are written once more, beside those as observed.",
    )
    wavelength_medium: Literal["air", "vacuum"] = Field(
        "air",
        description="Medium in which finished spectra are written once more, beside those in air.",
    )
    finish_spectra: bool = Field(
        True,
        description="In a night, take the telluric absorption out of targets by the night's standards, and join their arms.",
    )
    compat: Literal["0.19", "0.17"] = Field(
        "0.19",
        description="Release of the reference pipeline whose order numbers products of the UV-VIS arm have: 0.19 those of the detector "
        "(1=r, 2=u, 3=g, 4=i), 0.17 others (1=i, 2=r, 3=g, 4=u).",
    )
    stack: StackSettings = Field(default_factory=StackSettings, description="Stacking of exposures.")
    background: BackgroundSettings = Field(default_factory=BackgroundSettings, description="Scattered light.")
    cosmic_rays: CosmicRaySettings = Field(default_factory=CosmicRaySettings, description="Cosmic rays in single frames.")
    sky: SkySettings = Field(default_factory=SkySettings, description="Sky model.")
    continuum: ContinuumSettings = Field(default_factory=ContinuumSettings, description="Object trace.")
    extraction: ExtractionSettings = Field(default_factory=ExtractionSettings, description="Extraction.")
    response: ResponseSettings = Field(default_factory=ResponseSettings, description="Response function.")
