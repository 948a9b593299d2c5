"""What the report of a science exposure or a standard star is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.links import Link
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.datamodel.provenance import Provenance
from soxspipe.plots.inputs import FigureInputs
from soxspipe.report.record import ReportedProduct, ReportedStep, software_versions
from soxspipe.settings.base import ReductionSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContent:
    """The values of one reduction that its report shows.

    Attributes
    ----------
    reduction : FigureInputs
        Frames, trace, spectra, response and metrics (with ranges).
    is_standard : bool
        Whether the run was that of a standard star.
    provenance : Provenance
        Files, parameters, command.
    settings : ReductionSettings or None
        As used; None leaves the table to `provenance`.
    made_at : str
        ISO time (UTC) of the reduction.
    warnings : tuple of str
        For the user, one sentence each.
    failures : mapping of str to str
        Optional steps that failed, and why.
    wavelength_shift : WavelengthShift or None
        From sky lines.
    exposures : tuple of ExposureRecord
        What is known of each exposure.
    products : tuple of ReportedProduct
        What the run wrote.
    steps : tuple of ReportedStep
        In the order in which they ran.
    related : tuple of Link
        Pages of the other arm and of the standard star, as far as they are there.
    versions : mapping of str to str
        Name and version of the software; those of this process by default.
    """

    reduction: FigureInputs
    is_standard: bool
    provenance: Provenance
    settings: ReductionSettings | None = None
    made_at: str = ""
    warnings: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    wavelength_shift: WavelengthShift | None = None
    exposures: tuple[ExposureRecord, ...] = ()
    products: tuple[ReportedProduct, ...] = ()
    steps: tuple[ReportedStep, ...] = ()
    related: tuple[Link, ...] = ()
    versions: Mapping[str, str] = field(default_factory=software_versions)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Quality-control values, with ranges."""
        return self.reduction.metrics

    def metric(self, name: str) -> float | None:
        """Value of a metric; None if it was not measured."""
        return next((metric.number for metric in self.metrics if metric.name == name), None)
