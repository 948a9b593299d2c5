"""Settings that every recipe has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator

from soxspipe.algorithms.settings import AlgorithmSettings


class ReductionSettings(AlgorithmSettings):
    """Base of the recipes' settings: figures and acceptable ranges.

    A recipe adds its own switches, and the settings of the algorithms that it calls as fields of their classes.
    """

    plot_names: ClassVar[tuple[str, ...]] = ()
    """What can be drawn: the product labels in lower case, underscores for blanks."""

    make_plots: bool = Field(True, description="Draw the QC plots (PDF) and the report.")
    plots: Mapping[str, bool] = Field(
        default_factory=dict, description="Single plots to switch on or off, {name: true or false}; the others follow `make_plots`."
    )
    qc_acceptable_ranges: Mapping[str, tuple[float, float]] = Field(
        default_factory=dict, description="Acceptable range of QC metrics, {name: [low, high]}; overrides the recipe's own."
    )

    @field_validator("plots")
    @classmethod
    def _known_plots(cls, plots: Mapping[str, bool]) -> Mapping[str, bool]:
        """Refuse names of no plot."""
        unknown = sorted(set(plots) - set(cls.plot_names))
        if unknown:
            raise ValueError(f"there is no plot {unknown[0]!r}")
        return plots

    def draws(self, plot: str, *, by_default: bool = True) -> bool:
        """Whether a plot is wanted: as `plots` says, else as `make_plots` does for one that is drawn by default."""
        return self.plots.get(plot, self.make_plots and by_default)
