"""The stare recipe's product and metric tables (Tables 79 and 80 of the recipe page), and the files around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from soxspipe.reductions.spec import MetricRow, ProductRow, RecipeSpec, always, fixed
from soxspipe.reductions.stare import contents, drawings, measures
from soxspipe.reductions.stare.run import StareRun

Condition = Callable[[StareRun], bool]


def _fits(
    label: str, suffix: str, description: str, when: Condition, write: contents.Writer, *, upper_case: bool = False
) -> ProductRow[StareRun]:
    return ProductRow(
        label=label, description=description, file_type="FITS", folder="reduced", suffix=fixed(suffix), when=when, contents=write, upper_case=upper_case
    )  # fmt: skip


def _pdf(
    label: str, suffix: str | Callable[[StareRun], str], description: str, when: Condition, draw: contents.Writer
) -> ProductRow[StareRun]:
    return ProductRow(
        label=label, description=description, file_type="PDF", folder="qc", suffix=fixed(suffix) if isinstance(suffix, str) else suffix,
        when=lambda run: run.settings.draws(_plot_name(label)) and when(run), contents=draw, draws=True,
    )  # fmt: skip


def _plot_name(label: str) -> str:
    """Name of a plot in the settings."""
    return label.lower().replace(" ", "_")


def _has_sky(run: StareRun) -> bool:
    return run.result.sky is not None


def _has_background(run: StareRun) -> bool:
    return run.result.background is not None


def _has_fluxed(run: StareRun) -> bool:
    return run.result.fluxed is not None


def _made_response(run: StareRun) -> bool:
    return run.inputs.is_standard and run.inputs.response is None and run.result.response is not None


def _has_efficiency(run: StareRun) -> bool:
    return run.result.efficiency is not None


def _has_unflattened(run: StareRun) -> bool:
    return run.result.merged_unflattened is not None


def _wants_sky_plots(run: StareRun) -> bool:
    asked = run.settings.sky.sky_model_qc_plot or run.debug
    return _has_sky(run) and run.settings.draws("sky_model_qc_plots", by_default=asked)


def _sky_order_row(order: int) -> ProductRow[StareRun]:
    return replace(
        _SKY_ORDERS, suffix=fixed(f"_SKYMODEL_QC_PLOTS_ORDER_{order}.pdf"), contents=partial(drawings.sky_order, order=order), parts_of=None
    )  # fmt: skip


def _sky_order_rows(run: StareRun) -> tuple[ProductRow[StareRun], ...]:
    return tuple(_sky_order_row(order) for order in drawings.sky_orders(run))


_SKY_ORDERS: ProductRow[StareRun] = ProductRow(
    label="SKY_MODEL_QC_PLOTS", description="QC plots for the sky-background modelling", file_type="PDF", folder="qc",
    suffix=fixed("_SKYMODEL_QC_PLOTS_ORDER_<N>.pdf"), when=_wants_sky_plots, contents=partial(drawings.sky_order, order=0), draws=True,
    parts_of=_sky_order_rows,
)  # fmt: skip


PRODUCTS: tuple[ProductRow[StareRun], ...] = (
    _fits("SKY_SUBTRACTED_OBJECT", "_SKYSUB.fits", "The sky-subtracted object", _has_sky, contents.sky_subtracted),
    _fits("SKY_MODEL", "_SKYMODEL.fits", "The sky background model", _has_sky, contents.sky_model),
    _fits("SKY_SUB_RESIDUALS", "_SKYSUB_RESIDUALS.fits", "The sky subtraction residuals", _has_sky, contents.sky_residuals),
    _fits("OBJECT_TRACE", "_OBJTRACE.fits", "Polynomials of the object's trace", always, contents.object_trace, upper_case=True),
    _fits("EXTRACTED_ORDERS_TABLE", "_EXTRACTED_ORDERS.fits", "Table of the extracted source in each order", always, contents.orders),
    _fits(
        "EXTRACTED_ORDERS_TABLE_NOTFLAT", "_EXTRACTED_ORDERS_NOTFLAT.fits", "The same without flat division", _has_unflattened,
        contents.orders_unflattened,
    ),
    _fits(
        "EXTRACTED_MERGED_TABLE_NOTFLAT", "_EXTRACTED_MERGED_NOTFLAT.fits", "Order-merged, without flat division", _has_unflattened,
        contents.merged_unflattened,
    ),
    ProductRow(
        label="EXTRACTED_MERGED_ASCII", description="Ascii version of extracted source spectrum", file_type="TXT", folder="reduced",
        suffix=fixed("_EXTRACTED_MERGED.txt"), when=always, contents=contents.merged_ascii,
    ),
    _fits("RESPONSE_FUNC", "_RESP.fits", "Response function coefficients", _made_response, contents.response),
    _fits("EFFICIENCY", "_EFFICIENCY.fits", "Efficiency estimate", _has_efficiency, contents.efficiency),
    _fits(
        "EXTRACTED_FLUXCAL_SPECTRUM", "_FLUXCAL.fits", "Table of the flux calibrated extracted spectrum", _has_fluxed, contents.fluxed
    ),
    _fits("SPECTRUM_1D", "_SPECTRUM_1D.fits", "Self-describing spectrum in the ESO/IVOA form", always, contents.spectrum_1d),
    _pdf("BKGROUND", "_BKGROUND.pdf", "Fitted intra-order image background", _has_background, drawings.background),
    _pdf("OBJECT_TRACE_RES", drawings.trace_suffix, "Residuals of the object trace polynomial fit", always, drawings.trace),
    _pdf("EXTRACTED_ORDERS_QC_PLOT", "_EXTRACTED_ORDERS_QC_PLOT.pdf", "QC plot of extracted source", always, drawings.orders),
    _pdf(
        "EXTRACTED_ORDERS_QC_PLOT_NOTFLAT", "_EXTRACTED_ORDERS_QC_PLOT_NOTFLAT.pdf", "The same without flat division", _has_unflattened,
        drawings.orders_unflattened,
    ),
    _pdf("EXTRACTED_MERGED_QC_PLOT", "_EXTRACTED_MERGED_QC_PLOT.pdf", "QC plot of extracted order-merged source", always, drawings.merged),
    _pdf(
        "EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT", "_EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT.pdf",
        "QC plot of extracted order-merged, flux-calibrated source", _has_fluxed, drawings.fluxed,
    ),
    _pdf("RESPONSE_QC_PLOT", "_RESPONSE.pdf", "Response curve QC plot", _made_response, drawings.response),
    _SKY_ORDERS,
    _pdf("SKY SUBTRACTION QUICKLOOK", "_skysub_quicklook.pdf", "Sky-subtraction quicklook", _has_sky, drawings.sky_quicklook),
    ProductRow(
        label="REPORT", description="Report to look at first", file_type="HTML", folder="qc", suffix=fixed("_report.html"),
        when=lambda run: run.settings.draws("report"), contents=drawings.report,
    ),
    ProductRow(
        label="QC", description="Quality-control metrics, machine readable", file_type="JSON", folder="qc", suffix=fixed("_QC.json"),
        when=always, contents=contents.metrics_json,
    ),
    ProductRow(
        label="SETTINGS", description="Settings that were used", file_type="YAML", folder="reduced", suffix=fixed("_SETTINGS.yaml"),
        when=always, contents=contents.settings_used,
    ),
    ProductRow(
        label="LOG", description="What was done, and how long it took", file_type="LOG", folder="reduced",
        suffix=fixed("_EXTRACTED_MERGED.log"), when=always, contents=contents.log,
    ),
    _fits(
        "EXTRACTED_MERGED_TABLE", "_EXTRACTED_MERGED.fits", "Table of the extracted, order-merged", always, contents.merged
    ),
)  # fmt: skip
"""The merged spectrum gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[StareRun], ...] = (
    MetricRow(labels=("BADPIX NUM", "BADPIX FRAC"), measure=measures.bad_pixels),
    MetricRow(labels=("INNER ORDER PIX MEAN", "INNER ORDER PIX SUM"), measure=measures.inner_orders),
    MetricRow(
        labels=(
            "N ORDERS", "SAMPLES TOT NUM", "SAMPLES DET NUM", "SAMPLES DET FRAC", "SAMPLES CLIP NUM", "SAMPLES CLIP FRAC",
            "X RES MIN", "X RES MAX", "X RES SD", "Y RES MIN", "Y RES MAX", "Y RES SD",
        ),
        measure=measures.trace,
    ),
    MetricRow(labels=("SNR MEDIAN", "SNR MEDIAN O<N>"), measure=measures.snr),
    MetricRow(labels=("EFF MEDIAN", "EFF MEDIAN O<N>"), measure=measures.efficiency),
    MetricRow(labels=("SKY CHI LINES", "SKY CHI CONT"), measure=measures.sky),
    MetricRow(labels=("EMPTY SKY CHI",), measure=measures.empty_sky),
    MetricRow(
        labels=(
            "TRACE SIGNIF", "TRACE FORCED", "TRACE SLIT POS", "N OBJECTS", "SEEING FWHM", "SEEING HEADER", "SEEING RATIO", "APERTURE LOSS",
        ),
        measure=measures.source,
    ),
    MetricRow(labels=("WAVE SHIFT", "WAVE SHIFT ERR", "WAVE SHIFT LINES"), measure=measures.wavelength_shift),
    MetricRow(labels=("CRH NUM", "SATURATED NUM"), measure=measures.struck_pixels),
    MetricRow(labels=("JOIN SCALE O<N> O<M>",), measure=measures.joins),
    MetricRow(labels=("SLIT LOSS RATIO",), measure=measures.flux_calibration),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=measures.temperatures),
)  # fmt: skip
"""Rows of the recipe page first, those beyond it after."""

STARE = RecipeSpec(name="soxs-stare", products=PRODUCTS, metrics=METRICS)
