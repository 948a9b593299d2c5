"""One stare run, ready to be published: everything that products, figures and metrics are made from."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Provenance
from soxspipe.reductions.progress import StepReport
from soxspipe.reductions.spec import ProductRecord
from soxspipe.reductions.stare.values import StareInputs, StareResult
from soxspipe.settings.stare import StareSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StareRun:
    """One reduction and its circumstances.

    Attributes
    ----------
    inputs, result : StareInputs, StareResult
        What went in and what came out.
    settings : StareSettings
        As used.
    settings_text : str
        The same as YAML, ready to be read again.
    provenance : Provenance
        Files, header and names.
    made_at : str
        ISO time (UTC) of the reduction.
    metrics : tuple of Metric
        With ranges; empty until they are measured.
    debug : bool
        Draw the sky model of every order.
    story : tuple of StepReport
        Steps so far.
    files : tuple of ProductRecord
        What is being written.
    """

    inputs: StareInputs
    result: StareResult
    settings: StareSettings
    settings_text: str
    provenance: Provenance
    made_at: str
    metrics: tuple[Metric, ...] = ()
    debug: bool = False
    story: tuple[StepReport, ...] = ()
    files: tuple[ProductRecord, ...] = ()

    @property
    def is_standard(self) -> bool:
        """Whether the page's acceptable ranges are enforced."""
        return self.provenance.recipe.endswith("-std")

    @property
    def n_exposures(self) -> int:
        """Exposures that were stacked."""
        return len(self.inputs.raw)

    @property
    def total_exptime_s(self) -> float:
        """Sum of their exposure times."""
        return sum(raw.observation.exptime_s for raw in self.inputs.raw)

    def metric(self, name: str) -> float | int | None:
        """Value of a metric; None if it was not measured."""
        return next((metric.value for metric in self.metrics if metric.name == name), None)
