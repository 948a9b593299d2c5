"""A pretended reduction as a report wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import InputFile, Provenance
from soxspipe.plots.inputs import FigureInputs
from soxspipe.report.record import ReportedProduct, ReportedStep
from soxspipe.report.science import ReportContent
from soxspipe.settings.load import load_settings
from support.browser import Page, find_browser, open_browser
from support.results import make_run

METRICS = (
    Metric(name="SNR MEDIAN", value=31.4, comment="Median SNR across all orders", low=7.0, high=200.0),
    Metric(name="SNR MEDIAN O12", value=28.0, order="12"),
    Metric(name="SNR MEDIAN O11", value=33.0, order="11"),
    Metric(name="N ORDERS", value=3, low=3, high=3),
    Metric(name="SKY CHI LINES", value=1.01),
    Metric(name="EMPTY SKY CHI", value=1.0),
    Metric(name="BADPIX NUM", value=12345),
    Metric(name="SEEING HEADER", value=None, unit="arcsec"),
)


def make_content(arm: str = "NIR", *, standard: bool = False, forced: bool = False) -> ReportContent:
    """A report's content without anything to worry about (unless the trace is forced)."""
    run = make_run(arm, standard=standard, forced=forced)
    inputs, result = run.inputs, run.result
    kept = int(SpectrumFlag.FORCED | SpectrumFlag.COSMIC_RAY)
    merged = replace(result.merged, quality=result.merged.quality & kept)
    fluxed = replace(result.fluxed, quality=result.fluxed.quality & kept) if result.fluxed else None
    reduction = FigureInputs(
        sof_name="2025_STARE", observation=inputs.observation, geometry=inputs.geometry, stacked=result.stacked,
        detrended=result.detrended, sky_subtracted=result.sky_subtracted, residual_sigma=result.residual_sigma, trace=result.trace,
        profile=result.profile, orders=result.orders, merged=merged, background=result.background, sky=result.sky,
        orders_unflattened=result.orders_unflattened, response=result.response, efficiency=result.efficiency, fluxed=fluxed,
        standard=inputs.standard, telluric_bands=inputs.telluric_bands, sky_lines=inputs.sky_lines, metrics=METRICS,
    )  # fmt: skip
    recipe = "soxs-stare-std" if standard else "soxs-stare"
    return ReportContent(
        reduction=reduction,
        is_standard=standard,
        provenance=Provenance(
            recipe=recipe,
            sof_name="2025_STARE",
            night="2025-03-01",
            raw=(InputFile(path="/night/raw.fits", category="OBJECT_NIR"),),
            calibrations=(InputFile(path="/cal/flat.fits", category="MASTER_FLAT_NIR", md5="0123456789abcdef"),),
            parameters=(("use_flat", True), ("order-deg", 4)),
            command="soxspipe stare my.sof -o out",
        ),
        settings=load_settings(None, instrument="SOXS", recipe=recipe, arm=arm).settings,
        made_at="2026-11-23T22:00:00",
        wavelength_shift=result.wavelength_shift,
        products=(ReportedProduct(label="SKY_MODEL", file_name="2025_STARE_SKYMODEL.fits", description="The sky background model"),),
        steps=(ReportedStep(step="subtract_sky", seconds=1.25, note="chi 1.02"),),
    )


@pytest.fixture(scope="session")
def content() -> Callable[..., ReportContent]:
    """Make contents, once for each kind of run."""
    made: dict[tuple[object, ...], ReportContent] = {}

    def make(arm: str = "NIR", *, standard: bool = False, forced: bool = False) -> ReportContent:
        key = (arm, standard, forced)
        if key not in made:
            made[key] = make_content(arm, standard=standard, forced=forced)
        return made[key]

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    """A headless Chromium; without one nothing can be looked at."""
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium is installed: the page cannot be looked at")
    with open_browser(executable) as page:
        yield page
