"""Contents of the stare recipe's data files: which values of a run go into which layout, and under which header."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from soxspipe import __version__
from soxspipe.datamodel.arrays import Image
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.errors import ProductError
from soxspipe.io import products
from soxspipe.io.fits_writer import ComputedImage, Hdu, fits_chunks
from soxspipe.io.product_headers import product_cards
from soxspipe.io.spectrum_1d import as_spectrum_1d, spectrum_1d_hdus
from soxspipe.reductions.spec import Contents
from soxspipe.reductions.stare.run import StareRun
from soxspipe.reductions.stare.trace_table import trace_polynomials
from soxspipe.reductions.summary_tables import QC_HEAD, grid, qc_rows

Value = TypeVar("Value")
Writer = Callable[[StareRun], Contents]

SPECTRUM, TECHNIQUE = "SCI_SLIT_FLUX", "ECHELLE,SLIT"


def sky_subtracted(run: StareRun) -> Contents:
    """SKYSUB: 0 outside orders; flagged pixels keep their value."""
    frame = run.result.sky_subtracted
    return fits_chunks(products.image_hdus(_image_cards(run), frame.electrons, frame.flags, _sigma(frame.variance)))


def sky_model(run: StareRun) -> Contents:
    """SKYMODEL with the model's own error."""
    model = _present(run.result.sky, "sky model")
    return fits_chunks(products.image_hdus(_image_cards(run), model.electrons, run.result.sky_subtracted.flags, _sigma(model.variance)))


def sky_residuals(run: StareRun) -> Contents:
    """SKYSUB_RESIDUALS: (data - sky - object) / error, so that ERRS is 1 inside orders; NaN outside."""
    residual = run.result.residual_sigma
    error = ComputedImage(residual, np.isfinite)
    remark = "kept for readers; values are in sigma"
    return fits_chunks(products.image_hdus(_image_cards(run), residual, run.result.sky_subtracted.flags, error, remark=remark))


def object_trace(run: StareRun) -> Contents:
    """OBJTRACE."""
    centre, sigma = trace_polynomials(run.result.trace, run.inputs.geometry)
    return fits_chunks(products.trace_hdus(_table_cards(run, "OBJECT_TAB"), run.result.trace, run.inputs.arm, centre, sigma))


def orders(run: StareRun) -> Contents:
    """EXTRACTED_ORDERS."""
    return fits_chunks(products.orders_hdus(_table_cards(run, SPECTRUM), _in_format_order(run, run.result.orders), run.inputs.arm))


def orders_unflattened(run: StareRun) -> Contents:
    """EXTRACTED_ORDERS_NOTFLAT."""
    spectra = _in_format_order(run, run.result.orders_unflattened)
    return fits_chunks(products.orders_hdus(_table_cards(run, SPECTRUM), spectra, run.inputs.arm))


def merged(run: StareRun) -> Contents:
    """EXTRACTED_MERGED."""
    cards = _table_cards(run, SPECTRUM)
    return fits_chunks(products.merged_hdus(cards, run.result.merged, run.inputs.arm, limits=run.result.trace.forced))


def merged_unflattened(run: StareRun) -> Contents:
    """EXTRACTED_MERGED_NOTFLAT."""
    spectrum = _present(run.result.merged_unflattened, "un-flattened spectrum")
    return fits_chunks(products.merged_hdus(_table_cards(run, SPECTRUM), spectrum, run.inputs.arm, limits=run.result.trace.forced))


def merged_ascii(run: StareRun) -> Contents:
    """EXTRACTED_MERGED.txt."""
    return [products.merged_ascii(run.result.merged)]


def response(run: StareRun) -> Contents:
    """RESP."""
    return fits_chunks(products.response_hdus(_table_cards(run, "RESP_TAB"), _present(run.result.response, "response")))


def efficiency(run: StareRun) -> Contents:
    """EFFICIENCY."""
    curve = _present(run.result.efficiency, "efficiency")
    return fits_chunks(products.efficiency_hdus(_table_cards(run, "EFFICIENCY_TAB"), curve, run.inputs.arm))


def fluxed(run: StareRun) -> Contents:
    """FLUXCAL."""
    spectrum = _present(run.result.fluxed, "flux-calibrated spectrum")
    return fits_chunks(products.fluxed_hdus(_table_cards(run, SPECTRUM), spectrum, limits=run.result.trace.forced))


def spectrum_1d(run: StareRun) -> Contents:
    """SPECTRUM_1D."""
    slit = run.inputs.observation.slit_width_arcsec
    reference = run.inputs.arm.resolving_power_1arcsec
    snr = run.metric("SNR MEDIAN")
    hdus: Sequence[Hdu] = spectrum_1d_hdus(
        _table_cards(run, SPECTRUM),
        as_spectrum_1d(run.result.merged, run.result.fluxed),
        run.inputs.observation,
        n_exposures=run.n_exposures,
        total_exptime_s=run.total_exptime_s,
        snr=math.nan if snr is None else float(snr),
        resolving_power=reference / slit if reference and slit else None,
        slit_length_arcsec=run.inputs.arm.slit_length_arcsec,
        raw=run.provenance.raw,
    )
    return fits_chunks(hdus)


def metrics_json(run: StareRun) -> Contents:
    """QC.json: metrics with ranges and flags, warnings, failures and diagnostics; numbers that were not measured are null."""
    answer = {
        "sof": run.provenance.sof_name,
        "recipe": run.provenance.recipe,
        "version": __version__,
        "arm": run.inputs.arm.name,
        "target": run.inputs.observation.target,
        "date_obs": run.inputs.observation.date_obs,
        "reduced": run.made_at,
        "verdict": "fail" if any(metric.flag == "fail" for metric in run.metrics) else "pass",
        "warnings": list(run.result.warnings),
        "failures": dict(run.result.failures),
        "metrics": [_metric_row(metric) for metric in run.metrics],
        "diagnostics": {name: _number(value) for name, value in run.result.diagnostics.items()},
    }
    return [(json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")]


def settings_used(run: StareRun) -> Contents:
    """SETTINGS.yaml."""
    return [run.settings_text.encode("utf-8")]


def log(run: StareRun) -> Contents:
    """EXTRACTED_MERGED.log: what was done with which files, how long it took, and what the user was told."""
    provenance = run.provenance
    files = [(file.category, file.md5, file.path) for file in (*provenance.raw, *provenance.calibrations)]
    steps = [(report.step, f"{report.seconds:.2f} s", report.note) for report in run.story]
    lines = [
        f"soxspipe {__version__}, {provenance.recipe}, {run.made_at} UTC",
        f"Recipe Command: {provenance.command or '(called from Python)'}",
        "",
        grid(("category", "md5", "file"), files),
        "",
        grid(("step", "time", "note"), steps),
        "",
        *(f"WARNING: {warning}" for warning in run.result.warnings),
        *(f"FAILED: {step}: {reason}" for step, reason in run.result.failures.items()),
        "",
        grid(QC_HEAD, qc_rows(run.metrics, per_order=True)),
        "",
    ]
    return ["\n".join(lines).encode("utf-8", "replace")]


def _image_cards(run: StareRun) -> tuple[Card, ...]:
    return _cards(run, "", is_image=True)


def _table_cards(run: StareRun, category: str) -> tuple[Card, ...]:
    return _cards(run, f"{category}_{run.inputs.arm.name}", is_image=False)


def _cards(run: StareRun, category: str, *, is_image: bool) -> tuple[Card, ...]:
    return product_cards(
        run.provenance,
        arm=run.inputs.arm.name,
        catg=category,
        tech=TECHNIQUE if category else "",
        metrics=run.metrics,
        extra=_circumstances(run),
        made_at=run.made_at,
        version=__version__,
        is_image=is_image,
    )


def _circumstances(run: StareRun) -> tuple[Card, ...]:
    observation = run.inputs.observation
    return (
        ("EXPTIME", observation.exptime_s, "[s] exposure time that the counts stand for"),
        ("TEXPTIME", run.total_exptime_s, "[s] sum over all exposures"),
        ("NCOMBINE", run.n_exposures, "number of raw exposures"),
        ("AIRMASS", observation.airmass, "mean air mass"),
        ("SOXS FORCED", run.result.trace.forced, "T: no object found or its position given"),
    )


def _in_format_order(run: StareRun, spectra: Sequence[OrderSpectrum]) -> list[OrderSpectrum]:
    places = {entry.order: place for place, entry in enumerate(run.inputs.geometry.spectral_format.orders)}
    return sorted(spectra, key=lambda spectrum: places.get(spectrum.order, len(places)))


def _sigma(variance: Image) -> ComputedImage:
    return ComputedImage(variance, _root)


def _root(variance: Image) -> Image:
    with np.errstate(invalid="ignore"):
        return np.sqrt(variance, dtype=np.float32)


def _present(value: Value | None, what: str) -> Value:
    if value is None:
        raise ProductError(f"this run has no {what}")
    return value


def _metric_row(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": _number(metric.value),
        "unit": metric.unit,
        "comment": metric.comment,
        "order": metric.order,
        "low": metric.low,
        "high": metric.high,
        "flag": metric.flag,
    }


def _number(value: float | int | None) -> float | int | None:
    return None if value is None or not math.isfinite(value) else value if isinstance(value, int) else float(value)
