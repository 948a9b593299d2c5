"""A pretended reduction as figures want it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soxspipe.datamodel.metric import Metric
from soxspipe.plots.inputs import FigureInputs
from support.results import FakeRun, make_run

METRICS = (
    Metric(name="SNR MEDIAN", value=31.4),
    Metric(name="SNR MEDIAN O12", value=28.0, order="12"),
    Metric(name="SAMPLES DET FRAC", value=0.92),
)


def as_figure_inputs(run: FakeRun) -> FigureInputs:
    """Unpack a pretended reduction."""
    inputs, result = run.inputs, run.result
    return FigureInputs(
        sof_name="2025_NIR_STARE", observation=inputs.observation, geometry=inputs.geometry, stacked=result.stacked,
        detrended=result.detrended, sky_subtracted=result.sky_subtracted, residual_sigma=result.residual_sigma, trace=result.trace,
        profile=result.profile, orders=result.orders, merged=result.merged, background=result.background, sky=result.sky,
        orders_unflattened=result.orders_unflattened, response=result.response, efficiency=result.efficiency, fluxed=result.fluxed,
        standard=inputs.standard, telluric_bands=inputs.telluric_bands, sky_lines=inputs.sky_lines, metrics=METRICS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def figure_inputs() -> Callable[..., FigureInputs]:
    """Make figure inputs, once for each kind of run."""
    made: dict[tuple[object, ...], FigureInputs] = {}

    def make(arm: str = "NIR", *, standard: bool = True, forced: bool = False) -> FigureInputs:
        key = (arm, standard, forced)
        if key not in made:
            made[key] = as_figure_inputs(make_run(arm, standard=standard, forced=forced))
        return made[key]

    return make
