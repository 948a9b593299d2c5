"""Settings of the stare recipe: its own switches, and those of the algorithms it calls."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from soxspipe.algorithms.extraction.horne_extraction import ExtractionSettings
from soxspipe.algorithms.frames.clip_and_stack import StackSettings
from soxspipe.algorithms.frames.subtract_background import BackgroundSettings
from soxspipe.algorithms.objects.detect_continuum import ContinuumSettings
from soxspipe.algorithms.orders.cosmic_rays import CosmicRaySettings
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.sky.subtract_sky import SkySettings
from soxspipe.algorithms.spectra.response_function import ResponseSettings

PLOTS = (
    "bkground",
    "object_trace_res",
    "extracted_orders_qc_plot",
    "extracted_orders_qc_plot_notflat",
    "extracted_merged_qc_plot",
    "extracted_merged_fluxcalibrated_qc_plot",
    "response_qc_plot",
    "sky_model_qc_plots",
    "sky_subtraction_quicklook",
    "report",
)
"""What can be drawn: the product labels in lower case, underscores for blanks."""


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
    plots: Mapping[str, bool] = Field(
        default_factory=dict, description="Single plots to switch on or off, {name: true or false}; the others follow `make_plots`."
    )
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

    @field_validator("plots")
    @classmethod
    def _known_plots(cls, plots: Mapping[str, bool]) -> Mapping[str, bool]:
        """Refuse names of no plot."""
        unknown = sorted(set(plots) - set(PLOTS))
        if unknown:
            raise ValueError(f"there is no plot {unknown[0]!r}")
        return plots

    def draws(self, plot: str, *, by_default: bool = True) -> bool:
        """Whether a plot is wanted: as `plots` says, else as `make_plots` does for one that is drawn by default."""
        return self.plots.get(plot, self.make_plots and by_default)
