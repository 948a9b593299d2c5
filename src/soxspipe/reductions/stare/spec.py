"""The stare recipe's tables of inputs, products and metrics (Tables 79 and 80 of the recipe page)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from soxspipe.io.classify import Kind
from soxspipe.reductions.records import settings_used
from soxspipe.reductions.spec import SAME_DETECTOR, SAME_LIGHT, InputRow, MetricRow, ProductRow, RecipeSpec, always
from soxspipe.reductions.stare import figures, metrics, moved, products
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.ranges import is_standard, stare_ranges
from soxspipe.settings.stare import StareSettings

LONGEST_NAME = 68
"""Characters of a file name that ESO's archive takes."""

Condition = Callable[[StareContext], bool]


def _fits(
    label: str, suffix: str, description: str, when: Condition, write: products.Writer, *, upper_case: bool = False
) -> ProductRow[StareContext]:
    return ProductRow(
        label=label, description=description, file_type="FITS", folder="reduced", suffix=suffix, when=when, contents=write, upper_case=upper_case
    )  # fmt: skip


def _pdf(
    label: str, suffix: str | Callable[[StareContext], str], description: str, when: Condition, draw: products.Writer
) -> ProductRow[StareContext]:
    return ProductRow(
        label=label, description=description, file_type="PDF", folder="qc", suffix=suffix,
        when=lambda context: context.settings.draws(_plot_name(label)) and when(context), contents=draw, is_figure=True,
    )  # fmt: skip


def _plot_name(label: str) -> str:
    """Name of a plot in the settings."""
    return label.lower().replace(" ", "_")


def _has_sky(context: StareContext) -> bool:
    return context.result.sky is not None


def _has_background(context: StareContext) -> bool:
    return context.result.background is not None


def _has_fluxed(context: StareContext) -> bool:
    return context.result.fluxed is not None


def _made_response(context: StareContext) -> bool:
    return context.inputs.makes_response and context.result.response is not None


def _has_efficiency(context: StareContext) -> bool:
    return context.result.efficiency is not None


def _has_unflattened(context: StareContext) -> bool:
    return context.result.merged_unflattened is not None


def _wants_sky_plots(context: StareContext) -> bool:
    asked = context.settings.sky.sky_model_qc_plot or context.debug
    return _has_sky(context) and context.settings.draws("sky_model_qc_plots", by_default=asked)


def _sky_order_row(order: int) -> ProductRow[StareContext]:
    return replace(
        _SKY_ORDERS, suffix=f"_SKYMODEL_QC_PLOTS_ORDER_{order}.pdf", contents=partial(figures.sky_order, order=order), parts_of=None
    )  # fmt: skip


def _sky_order_rows(context: StareContext) -> tuple[ProductRow[StareContext], ...]:
    return tuple(_sky_order_row(order) for order in figures.sky_orders(context))


_SKY_ORDERS: ProductRow[StareContext] = ProductRow(
    label="SKY_MODEL_QC_PLOTS", description="QC plots for the sky-background modelling", file_type="PDF", folder="qc",
    suffix="_SKYMODEL_QC_PLOTS_ORDER_<N>.pdf", when=_wants_sky_plots, contents=partial(figures.sky_order, order=0), is_figure=True,
    parts_of=_sky_order_rows,
)  # fmt: skip


INPUTS: tuple[InputRow, ...] = (
    InputRow(
        name="exposures", description="Exposures of one target, averaged", maximum=40, take="all", match=SAME_LIGHT,
        kinds=(Kind.SCIENCE, Kind.FLUX_STANDARD, Kind.TELLURIC_STANDARD, Kind.NODDING_STANDARD),
    ),
    InputRow(
        name="bias", description="Pedestal of the detector", kinds=(Kind.BIAS,), arms=("VIS", "UVB"), match=SAME_DETECTOR, made_by="mbias"
    ),
    InputRow(
        name="dark", description="Dark current", kinds=(Kind.DARK,), arms=("NIR",), match=SAME_DETECTOR, made_by="mdark",
        prefers=("exposure_time",),
    ),
    InputRow(
        name="off_frame", description="Exposure beside the target, in place of a dark", kinds=(Kind.OFF_FRAME,), minimum=0,
        match=SAME_LIGHT, replaces="dark",
    ),
    InputRow(
        name="flat", description="Response of the pixels and blaze", kinds=(Kind.FLAT,), minimum=0, match=SAME_LIGHT, made_by="mflat",
        prefers=("no_background",),
    ),
    InputRow(
        name="order_table", description="Where the orders are", kinds=(Kind.ORDER_TABLE,), take="first", made_by="mflat", prefers=("edges",),
    ),
    InputRow(
        name="dispersion_table", description="Wavelength and slit position to pixel", kinds=(Kind.DISPERSION_TABLE,), take="first",
        made_by="spat_solution", prefers=("slit_positions",),
    ),
    InputRow(
        name="dispersion_image", description="Wavelength, slit position and order of every pixel", kinds=(Kind.DISPERSION_IMAGE,),
        minimum=0, take="first", made_by="spat_solution", prefers=("three_planes",),
    ),
    InputRow(
        name="bad_pixels", description="Bad pixels with their reasons, measured on darks and flats", kinds=(Kind.BAD_PIXEL_MAP,), minimum=0,
        match=("binning",), made_by="mflat",
    ),
    InputRow(
        name="response", description="Electrons to flux", kinds=(Kind.RESPONSE,), minimum=0, take="first", made_by="stare_std"
    ),
)  # fmt: skip

PRODUCTS: tuple[ProductRow[StareContext], ...] = (
    _fits("SKY_SUBTRACTED_OBJECT", "_SKYSUB.fits", "The sky-subtracted object", _has_sky, products.sky_subtracted),
    _fits("SKY_MODEL", "_SKYMODEL.fits", "The sky background model", _has_sky, products.sky_model),
    _fits("SKY_SUB_RESIDUALS", "_SKYSUB_RESIDUALS.fits", "The sky subtraction residuals", _has_sky, products.sky_residuals),
    _fits("OBJECT_TRACE", "_OBJTRACE.fits", "Polynomials of the object's trace", always, products.object_trace, upper_case=True),
    _fits("EXTRACTED_ORDERS_TABLE", "_EXTRACTED_ORDERS.fits", "Table of the extracted source in each order", always, products.orders),
    _fits(
        "EXTRACTED_ORDERS_TABLE_NOTFLAT", "_EXTRACTED_ORDERS_NOTFLAT.fits", "The same without flat division", _has_unflattened,
        products.orders_unflattened,
    ),
    _fits(
        "EXTRACTED_MERGED_TABLE_NOTFLAT", "_EXTRACTED_MERGED_NOTFLAT.fits", "Order-merged, without flat division", _has_unflattened,
        products.merged_unflattened,
    ),
    ProductRow(
        label="EXTRACTED_MERGED_ASCII", description="Ascii version of extracted source spectrum", file_type="TXT", folder="reduced",
        suffix="_EXTRACTED_MERGED.txt", when=always, contents=products.merged_ascii,
    ),
    _fits("RESPONSE_FUNC", "_RESP.fits", "Response function coefficients", _made_response, products.response),
    _fits("EFFICIENCY", "_EFFICIENCY.fits", "Efficiency estimate", _has_efficiency, products.efficiency),
    _fits(
        "EXTRACTED_FLUXCAL_SPECTRUM", "_FLUXCAL.fits", "Table of the flux calibrated extracted spectrum", _has_fluxed, products.fluxed
    ),
    ProductRow(
        label="EXTRACTED_FLUXCAL_ASCII", description="Flux calibrated spectrum as text, Angstrom", file_type="TXT", folder="reduced",
        suffix="_FLUXCAL.txt", when=_has_fluxed, contents=products.fluxed_ascii,
    ),
    ProductRow(
        label="MOVED_FLUXCAL_SPECTRUM", description="Flux calibrated spectrum in another frame or medium", file_type="FITS", folder="reduced",
        suffix=moved.suffix(".fits"), pattern="_FLUXCAL_<N>.fits", when=moved.is_asked_for, contents=moved.fits_table,
    ),
    ProductRow(
        label="MOVED_FLUXCAL_ASCII", description="Flux calibrated spectrum in another frame or medium as text", file_type="TXT",
        folder="reduced", suffix=moved.suffix(".txt"), pattern="_FLUXCAL_<N>.txt", when=moved.is_asked_for, contents=moved.text,
    ),
    ProductRow(
        label="LACOSMIC_MASK", description="Pixels struck by cosmic rays", file_type="FITS", folder="qc", suffix="_LACOSMIC_MASK.fits",
        when=lambda context: context.settings.use_lacosmic, contents=products.cosmic_ray_mask,
    ),
    replace(
        _fits("SPECTRUM_1D", "_SPECTRUM_1D.fits", "Spectrum as a science data product of ESO", always, products.spectrum_1d),
        longest=LONGEST_NAME,
    ),
    _fits(
        "SPECTRUM_1D_IMAGE", "_SPECTRUM_1D_IMAGE.fits", "The same as images with a mask, for specutils and IRAF", always,
        products.spectrum_1d_image,
    ),
    _pdf("BKGROUND", "_BKGROUND.pdf", "Fitted intra-order image background", _has_background, figures.background),
    replace(
        _pdf("OBJECT_TRACE_RES", figures.trace_suffix, "Residuals of the object trace polynomial fit", always, figures.trace),
        pattern="_OBJECT_TRACE_residuals_<N>.pdf",
    ),
    _pdf(
        "SLIT_ILLUMINATION_QC_PLOT", "_SLIT_ILLUM_QC_PLOT.pdf", "Lit part of the slit against the flat's", _has_sky, figures.slit_illumination
    ),
    _pdf("SLIT_DRIFT_QC_PLOT", "_SLIT_DRIFT_QC_PLOT.pdf", "Object along the slit against wavelength", always, figures.slit_drift),
    _pdf("EXTRACTED_ORDERS_QC_PLOT", "_EXTRACTED_ORDERS_QC_PLOT.pdf", "QC plot of extracted source", always, figures.orders),
    _pdf(
        "EXTRACTED_ORDERS_QC_PLOT_NOTFLAT", "_EXTRACTED_ORDERS_QC_PLOT_NOTFLAT.pdf", "The same without flat division", _has_unflattened,
        figures.orders_unflattened,
    ),
    _pdf("EXTRACTED_MERGED_QC_PLOT", "_EXTRACTED_MERGED_QC_PLOT.pdf", "QC plot of extracted order-merged source", always, figures.merged),
    _pdf(
        "EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT", "_EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT.pdf",
        "QC plot of extracted order-merged, flux-calibrated source", _has_fluxed, figures.fluxed,
    ),
    _pdf("RESPONSE_QC_PLOT", "_RESPONSE.pdf", "Response curve QC plot", _made_response, figures.response),
    _SKY_ORDERS,
    _pdf("SKY SUBTRACTION QUICKLOOK", "_skysub_quicklook.pdf", "Sky-subtraction quicklook", _has_sky, figures.sky_quicklook),
    ProductRow(
        label="REPORT", description="Report to look at first", file_type="HTML", folder="qc", suffix="_report.html",
        when=lambda context: context.settings.draws("report"), contents=figures.report,
    ),
    ProductRow(
        label="QC", description="Quality-control metrics, machine readable", file_type="JSON", folder="qc", suffix="_QC.json",
        when=always, contents=products.metrics_json,
    ),
    ProductRow(
        label="SETTINGS", description="Settings that were used", file_type="YAML", folder="reduced", suffix="_SETTINGS.yaml",
        when=always, contents=settings_used,
    ),
    ProductRow(
        label="LOG", description="What was done, and how long it took", file_type="LOG", folder="reduced",
        suffix="_EXTRACTED_MERGED.log", when=always, contents=products.log,
    ),
    _fits(
        "EXTRACTED_MERGED_TABLE", "_EXTRACTED_MERGED.fits", "Table of the extracted, order-merged", always, products.merged
    ),
)  # fmt: skip
"""The merged spectrum gets its name last: where it stands, everything before it does."""

METRICS: tuple[MetricRow[StareContext], ...] = (
    MetricRow(labels=("BADPIX NUM", "BADPIX FRAC"), measure=metrics.bad_pixels),
    MetricRow(labels=("INNER ORDER PIX MEAN", "INNER ORDER PIX MEAN WITH OBJ", "INNER ORDER PIX SUM"), measure=metrics.inner_orders),
    MetricRow(
        labels=(
            "N ORDERS", "SAMPLES TOT NUM", "SAMPLES DET NUM", "SAMPLES DET FRAC", "SAMPLES CLIP NUM", "SAMPLES CLIP FRAC",
            "X RES MIN", "X RES MAX", "X RES SD", "Y RES MIN", "Y RES MAX", "Y RES SD",
        ),
        measure=metrics.trace,
    ),
    MetricRow(labels=("SNR MEDIAN", "SNR MEDIAN O<N>"), measure=metrics.snr),
    MetricRow(labels=("EFF MEDIAN", "EFF MEDIAN O<N>"), measure=metrics.efficiency),
    MetricRow(labels=("SKY CHI LINES", "SKY CHI CONT"), measure=metrics.sky),
    MetricRow(labels=("EMPTY SKY CHI", "EMPTY SLIT CHI"), measure=metrics.empty_sky),
    MetricRow(
        labels=(
            "TRACE SIGNIF", "TRACE FORCED", "TRACE SLIT POS", "N OBJECTS", "SEEING FWHM", "SEEING HEADER", "SEEING RATIO", "APERTURE LOSS",
        ),
        measure=metrics.source,
    ),
    MetricRow(labels=("SLIT SHIFT", "SLIT SHIFT ERR", "SLIT SHIFT USED", "SLIT SHIFT O<N>"), measure=metrics.slit),
    MetricRow(labels=("SLIT DRIFT", "SLIT ZERO WLEN"), measure=metrics.slit_drift),
    MetricRow(labels=("SLIT ILLUM APPLIED", "SLIT ILLUM N ORDERS", "SLIT ILLUM OFFSET O<N>"), measure=metrics.slit_illumination),
    MetricRow(labels=("N ORDERS SLIT EDGE", "N ORDERS FAINT TRACE"), measure=metrics.trace_quality),
    MetricRow(labels=("SAMPLES GAP MAX O<N>",), measure=metrics.sample_gaps),
    MetricRow(labels=("HOST SIGNIF", "HOST SHARE", "HOST DOUBT"), measure=metrics.host),
    MetricRow(labels=("FLAT STRUCTURE",), measure=metrics.flat_structure),
    MetricRow(labels=("WAVE SHIFT", "WAVE SHIFT ERR", "WAVE SHIFT LINES"), measure=metrics.wavelength_shift),
    MetricRow(
        labels=(
            "WAVE UNTIED", "WAVE SHIFT O<N>", "WAVE ERR O<N>", "WAVE SOURCE O<N>", "SKY SHIFT O<N>", "SKY SHIFT O<N> PX", "SKY LINE SNR O<N>",
            "SKY TUNING", "SKY FIT RMS PX", "SKY FIT NLINES", "R SHIFT SOURCE", "UG SHIFT SOURCE",
        ),
        measure=metrics.order_shifts,
    ),
    MetricRow(
        labels=("N EXPOSURES", "N EXP LEFT OUT", "N EXP GROUPS", "EXP POS RANGE", "EXP LIGHT MIN"), measure=metrics.exposures,
    ),
    MetricRow(labels=("READ NOISE", "READ NOISE RATIO"), measure=metrics.read_noise),
    MetricRow(labels=("READOUT PATTERN", "READOUT PATTERN ERR"), measure=metrics.readout_pattern),
    MetricRow(labels=("PERSISTENCE",), measure=metrics.afterglow),
    MetricRow(labels=("DEAD LINES",), measure=metrics.dead_lines),
    MetricRow(labels=("CRH NUM", "SATURATED NUM"), measure=metrics.struck_pixels),
    MetricRow(labels=("EXTRACT METHOD", "COSMIC RAY PIX NUM"), measure=metrics.reference_names),
    MetricRow(labels=("NO DATA FRAC", "NO DATA FRAC O<N>"), measure=metrics.missing),
    MetricRow(labels=("JOIN SCALE O<N> O<M>",), measure=metrics.joins),
    MetricRow(labels=("RESP BIN CLIP FRAC", "RESP MAX GAP", "RESP SELFCAL RES <LO>-<HI>"), measure=metrics.response),
    MetricRow(labels=("SLIT LOSS RATIO",), measure=metrics.flux_calibration),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=metrics.temperatures),
)  # fmt: skip
"""Rows of the recipe page first, those beyond it after."""

STARE = RecipeSpec(
    verb="stare",
    recipe_names=("soxs-stare", "soxs-stare-std"),
    settings=StareSettings,
    inputs=INPUTS,
    products=PRODUCTS,
    metrics=METRICS,
    final=("EXTRACTED_FLUXCAL_SPECTRUM", "EXTRACTED_MERGED_TABLE"),
    ranges=stare_ranges,
    enforced=is_standard,
    judge=figures.verdict,
)
