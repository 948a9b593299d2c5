"""Figures and report of a stare run, as bytes; what draws is imported when the first is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from soxspipe.datamodel.provenance import InputFile
from soxspipe.errors import InputError
from soxspipe.io.files import md5_of
from soxspipe.reductions.spec import Contents, ProductRecord
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.ranges import is_standard
from soxspipe.reductions.stare.report_links import related_reports, relative_link
from soxspipe.settings.published_names import leaves

if TYPE_CHECKING:
    from soxspipe.plots.inputs import FigureInputs
    from soxspipe.plots.paper import Figure
    from soxspipe.report.record import ReportedProduct
    from soxspipe.report.science.content import ReportContent
    from soxspipe.report.verdict import Verdict


def background(context: StareContext) -> Contents:
    """BKGROUND."""
    from soxspipe.plots.background import plot_background

    return _pdf(plot_background(figure_inputs(context)))


def trace(context: StareContext) -> Contents:
    """OBJECT_TRACE_residuals."""
    from soxspipe.plots.trace import plot_trace

    return _pdf(plot_trace(figure_inputs(context)))


def slit_illumination(context: StareContext) -> Contents:
    """SLIT_ILLUM_QC_PLOT."""
    from soxspipe.plots.slit import plot_slit_illumination

    return _pdf(plot_slit_illumination(figure_inputs(context)))


def slit_drift(context: StareContext) -> Contents:
    """SLIT_DRIFT_QC_PLOT."""
    from soxspipe.plots.slit import plot_slit_drift

    return _pdf(plot_slit_drift(figure_inputs(context)))


def trace_suffix(context: StareContext) -> str:
    """The trace plot's name ends in the degrees of the polynomial."""
    return f"_OBJECT_TRACE_residuals_{context.result.trace.order_deg}{context.result.trace.axis_deg}.pdf"


def orders(context: StareContext) -> Contents:
    """EXTRACTED_ORDERS_QC_PLOT."""
    from soxspipe.plots.spectrum import plot_orders

    return _pdf(plot_orders(figure_inputs(context)))


def orders_unflattened(context: StareContext) -> Contents:
    """EXTRACTED_ORDERS_QC_PLOT_NOTFLAT."""
    from soxspipe.plots.spectrum import plot_orders

    return _pdf(plot_orders(figure_inputs(context), unflattened=True))


def merged(context: StareContext) -> Contents:
    """EXTRACTED_MERGED_QC_PLOT."""
    from soxspipe.plots.spectrum import plot_merged

    return _pdf(plot_merged(figure_inputs(context)))


def fluxed(context: StareContext) -> Contents:
    """EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT."""
    from soxspipe.plots.spectrum import plot_fluxed

    return _pdf(plot_fluxed(figure_inputs(context)))


def response(context: StareContext) -> Contents:
    """RESPONSE."""
    from soxspipe.plots.response import plot_response

    return _pdf(plot_response(figure_inputs(context)))


def sky_order(context: StareContext, order: int) -> Contents:
    """SKYMODEL_QC_PLOTS of one order."""
    from soxspipe.plots.sky import plot_sky_order

    return _pdf(plot_sky_order(figure_inputs(context), order))


def sky_orders(context: StareContext) -> tuple[int, ...]:
    """Orders whose sky model is drawn: the middle one, in debug mode every one."""
    numbers = sorted(entry.order for entry in context.result.sky.orders) if context.result.sky is not None else []
    return tuple(numbers) if context.debug else tuple(numbers[len(numbers) // 2 :][:1])


def sky_quicklook(context: StareContext) -> Contents:
    """skysub_quicklook."""
    from soxspipe.plots.sky import plot_sky_quicklook

    return _pdf(plot_sky_quicklook(figure_inputs(context)))


def report(context: StareContext) -> Contents:
    """The report, which lists every other file."""
    from soxspipe.report.science.page import build_report

    content = report_content(context)
    raw = tuple(_with_checksum(file) for file in context.provenance.raw)
    shown = replace(content, provenance=replace(context.provenance, raw=raw))
    return [build_report(shown, verdict(context)).encode("utf-8", "replace")]


def verdict(context: StareContext) -> Verdict:
    """What the report says first: how good the reduction is, and what there is to worry about."""
    from soxspipe.report.science.judge import judge
    from soxspipe.report.verdict import Verdict

    return context.judged if isinstance(context.judged, Verdict) else judge(report_content(context))


def report_content(context: StareContext) -> ReportContent:
    """The values that the report shows."""
    from soxspipe.report.record import ReportedStep
    from soxspipe.report.science.content import ReportContent

    page = next((file.path for file in context.files if file.label == "REPORT"), None)
    return ReportContent(
        reduction=figure_inputs(context),
        is_standard=is_standard(context.provenance.recipe),
        provenance=context.provenance,
        settings=context.settings,
        made_at=context.made_at,
        warnings=context.result.warnings,
        failures=context.result.failures,
        wavelength_shift=context.result.wavelength_shift,
        exposures=context.result.exposures,
        products=tuple(_reported(file, page) for file in context.files),
        related=related_reports(page, context.provenance, context.inputs.geometry.arm.instrument, context.inputs.observation.arm)
        if page
        else (),
        steps=tuple(ReportedStep(step=report.step, seconds=report.seconds, note=report.note) for report in context.story),
    )


def _reported(file: ProductRecord, page: Path | None) -> ReportedProduct:
    """A product as the page lists it, with its address where the page has a place."""
    from soxspipe.report.record import ReportedProduct

    href = relative_link(file.path, page) if page else ""
    return ReportedProduct(label=file.label, file_name=file.path.name, description=file.description, href=href)


def _with_checksum(file: InputFile) -> InputFile:
    """A raw frame with the MD5 of its bytes, which headers do without."""
    try:
        return replace(file, md5=md5_of(Path(file.path)))
    except InputError:  # gone since it was read
        return file


def figure_inputs(context: StareContext) -> FigureInputs:
    """The run's values, as figures want them."""
    from soxspipe.plots.inputs import FigureInputs

    inputs, result = context.inputs, context.result
    return FigureInputs(
        sof_name=context.provenance.sof_name,
        observation=inputs.observation,
        geometry=inputs.geometry,
        stacked=result.stacked,
        detrended=result.detrended,
        sky_subtracted=result.sky_subtracted,
        residual_sigma=result.residual_sigma,
        trace=result.trace,
        profile=result.profile,
        orders=result.orders,
        merged=result.merged,
        background=result.background,
        sky=result.sky,
        orders_unflattened=result.orders_unflattened,
        response=result.response,
        efficiency=result.efficiency,
        fluxed=result.fluxed,
        standard=inputs.standard,
        telluric_bands=inputs.telluric_bands,
        sky_lines=inputs.sky_lines,
        metrics=context.metrics,
        trace_settings=tuple(
            (leaf.spelling, f"{getattr(context.settings.continuum, leaf.field):g}") for leaf in leaves() if leaf.section == "continuum"
        ),
        masters=inputs.masters,
        slit=result.slit,
    )


def _pdf(figure: Figure) -> Contents:
    from soxspipe.plots.pdf import figure_as_pdf

    return [figure_as_pdf(figure)]
