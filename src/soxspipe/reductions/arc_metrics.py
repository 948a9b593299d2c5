"""Metrics of the recipes that solve an arc."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.line_widths import LineWidths
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.metric import Metric
from soxspipe.reductions.arc_tables import ArcContext
from soxspipe.reductions.spec import MetricRow
from soxspipe.reductions.temperatures import header_temperatures

Metrics = tuple[Metric, ...]
LEFT_OUT = {"SOXS": (10, 11, 12)}
"""Orders that do not count for the number of pinholes, as the reference has it."""


def lines(context: ArcContext) -> Metrics:
    """Numbers of images expected, detected, left out and used.

    Expected are lines that have been seen on the instrument in the order, without those whose identification is in doubt.
    """
    solution = context.result.solution
    counted = (solution.lines.expected & ~solution.lines.doubtful)[:, None] & (solution.judged.state != ImageState.OUTSIDE)
    total, found = int(counted.sum()), int((counted & solution.detected).sum())
    used = int((counted & solution.used).sum())
    return (
        Metric(name="DETLINES TOT", value=total, unit="lines", comment="Pinhole images expected"),
        Metric(name="DETLINES NUM", value=found, unit="lines", comment="Of these, detected"),
        Metric(name="DETLINES FRAC", value=_share(found, total), comment="Share detected"),
        Metric(name="DETLINES CLIP NUM", value=found - used, unit="lines", comment="Detected but left out"),
        Metric(name="GOODLINES FRAC", value=_share(used, total), comment="Share in the final fit"),
        Metric(name="USEDLINES NUM", value=int(solution.used.sum()), unit="lines", comment="Images in the final fit, of all lists"),
        *(
            Metric(name=f"LINES {state.name}", value=int((solution.judged.state == state).sum()), unit="lines", comment=f"Images judged {state.name.lower()}")
            for state in (ImageState.MISSING, ImageState.WRONG, ImageState.OFF, ImageState.BLENDED, ImageState.SATURATED)
        ),
    )  # fmt: skip


def residuals(context: ArcContext) -> Metrics:
    """Residuals of the fit, and distance from the prediction: absolute values, whole arm and by order."""
    solution = context.result.solution
    used = solution.used
    x, y = np.abs(solution.residual_x), np.abs(solution.residual_y)
    seen_x, seen_y = solution.pinholes.x.reshape(solution.shape), solution.pinholes.y.reshape(solution.shape)
    dx, dy = np.abs(solution.predicted_x - seen_x), np.abs(solution.predicted_y - seen_y)
    found: list[Metric] = []
    for name, values in (("X", x), ("Y", y), ("XY", np.hypot(x, y))):
        found += _statistics(f"{name} RES", values[used], ("MIN", "MEDIAN", "MAX", "SD"), "fit residual")
    for name, values in (("X", dx), ("Y", dy), ("XY", np.hypot(dx, dy))):
        found += _statistics(f"{name} DIFF", values[used], ("MEDIAN", "SD"), "distance from the prediction")
    for label, here in _orders(context):
        for name, values in (
            ("X RES", x),
            ("Y RES", y),
            ("XY RES", np.hypot(x, y)),
            ("X DIFF", dx),
            ("Y DIFF", dy),
            ("XY DIFF", np.hypot(dx, dy)),
        ):
            found += _statistics(name, values[used & here[:, None]], ("MEDIAN", "SD"), "order alone", label)
    return tuple(found)


def widths(context: ArcContext) -> Metrics:
    """Width of the pinhole images and resolution; it is that of a pinhole, not of a slit."""
    return _of_widths(context, context.result.widths, "PIN", "a pinhole image")


def slit_widths(context: ArcContext) -> Metrics:
    """Width of the slit's image and resolution that it gives; without an arc through the slit they are unknown."""
    made = context.result.slit_widths
    nothing = np.full(context.result.solution.shape, np.nan)
    return _of_widths(context, made or LineWidths(fwhm_px=nothing, scale_nm=nothing, resolution=nothing), "SLIT", "the slit's image")


def _of_widths(context: ArcContext, made: LineWidths, name: str, what: str) -> Metrics:
    """Width and resolution, whole arm and by order."""
    found = [
        *_statistics(f"FWHM {name}", _finite(made.fwhm_px), ("MEDIAN", "SD"), f"FWHM of {what}"),
        *_statistics(f"R {name}", _finite(made.resolution), ("MEDIAN", "SD"), f"resolution of {what}", unit=""),
    ]
    for label, here in _orders(context):
        found += _statistics(f"FWHM {name}", _finite(made.fwhm_px[here]), ("MEDIAN", "SD"), "order alone", label)
        found += _statistics(f"R {name}", _finite(made.resolution[here]), ("MEDIAN", "SD"), "order alone", label, unit="")
    return tuple(found)


def solution(context: ArcContext) -> Metrics:
    """How well lines are predicted from the others, what scatter is left, and how well the table gives the fit back."""
    fit, pattern = context.result.solution.fit, context.result.solution.pattern
    return (
        Metric(name="X LOO RMS", value=fit.x.left_out_px, unit="px", comment="Rms of lines predicted from the others"),
        Metric(name="Y LOO RMS", value=fit.y.left_out_px, unit="px", comment="Rms of lines predicted from the others"),
        Metric(name="X MISFIT", value=fit.x.misfit_px, unit="px", comment="Scatter of lines beyond their errors"),
        Metric(name="Y MISFIT", value=fit.y.misfit_px, unit="px", comment="Scatter of lines beyond their errors"),
        Metric(name="PATTERN SHIFT X", value=float(pattern.shift[0]), unit="px", comment="Motion of all lines against the prediction"),
        Metric(name="PATTERN SHIFT Y", value=float(pattern.shift[1]), unit="px", comment="Motion of all lines against the prediction"),
        Metric(name="TABLE READBACK", value=context.result.readback_px, unit="px", comment="Largest distance of table and fit"),
    )


def pinholes(context: ArcContext) -> Metrics:
    """Fewest pinholes of a line, and motion against the first solution."""
    result = context.result
    good = result.solution.used.sum(axis=1)
    skipped = LEFT_OUT.get(context.inputs.arm.instrument, ()) if context.inputs.arm.name == "NIR" else ()
    fewest = []
    for number in np.unique(result.solution.lines.order):
        count = good[(result.solution.lines.order == number) & (good > 0)]
        if number not in skipped and count.size:
            fewest.append(int(np.bincount(count).argmax()))
    return (
        Metric(name="PINHOLE COUNT MIN", value=min(fewest) if fewest else 0, comment="Fewest pinholes of most lines of an order"),
        Metric(name="ARC SHIFT X", value=_or_none(result.shift_px[0]), unit="px", comment="Against the first solution"),
        Metric(name="ARC SHIFT Y", value=_or_none(result.shift_px[1]), unit="px", comment="Against the first solution"),
    )


def solved_map(context: ArcContext) -> Metrics:
    """Share of the pixels of orders that are solved, and the middle of the slit against the edges."""
    made = context.result.solved_map
    middles = context.result.slit_centre_arcsec or {}
    return (
        Metric(name="MAP SOLVED FRAC", value=None if made is None else made.solved, comment="Share of in-order pixels solved"),
        Metric(
            name="MAP HELD FRAC",
            value=None if made is None else float(made.constrained[np.isfinite(made.order)].mean()),
            comment="Share of in-order pixels between lines",
        ),
        Metric(
            name="WAVE ERR MEDIAN",
            value=None if made is None else float(np.nanmedian(made.wavelength_error_nm)),
            unit="nm",
            comment="Error of the solution in the map",
        ),
        Metric(
            name="SLIT CENTRE OFFSET",
            value=float(np.median(list(middles.values()))) if middles else None,
            unit="arcsec",
            comment="Middle of the edges, by the mask",
        ),
    )


def temperatures(context: ArcContext) -> Metrics:
    """Of detector and common path."""
    return header_temperatures(context.inputs.arm, context.provenance.header)


def _orders(context: ArcContext) -> list[tuple[str, BoolArray]]:
    order = context.result.solution.lines.order
    return [(str(int(number)), np.asarray(order == number)) for number in np.unique(order)]


def _statistics(name: str, values: FloatArray, which: Sequence[str], comment: str, order: str = "", unit: str = "px") -> list[Metric]:
    """Statistics of values; by order their names end in its number."""
    suffix = f" O{order}" if order else ""
    return [
        Metric(
            name=f"{name} {kind}{suffix}", value=_statistic(values, kind) if values.size else None, unit=unit,
            comment=f"{kind.capitalize() if kind != 'SD' else 'Scatter'}, {comment}", order=order or "-1",
        )
        for kind in which
    ]  # fmt: skip


def _statistic(values: FloatArray, kind: str) -> float:
    if kind == "MEDIAN":
        return float(np.median(values))
    return float(values.min() if kind == "MIN" else values.max() if kind == "MAX" else values.std())


def _finite(values: FloatArray) -> FloatArray:
    return np.asarray(values[np.isfinite(values)])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


ROWS: tuple[MetricRow[ArcContext], ...] = (
    MetricRow(
        labels=(
            "DETLINES TOT", "DETLINES NUM", "DETLINES FRAC", "DETLINES CLIP NUM", "GOODLINES FRAC", "USEDLINES NUM", "LINES MISSING",
            "LINES WRONG", "LINES OFF", "LINES BLENDED", "LINES SATURATED",
        ),
        measure=lines,
    ),
    MetricRow(
        labels=(
            "X RES MIN", "X RES MEDIAN", "X RES MAX", "X RES SD", "Y RES MIN", "Y RES MEDIAN", "Y RES MAX", "Y RES SD", "XY RES MIN",
            "XY RES MEDIAN", "XY RES MAX", "XY RES SD", "X DIFF MEDIAN", "X DIFF SD", "Y DIFF MEDIAN", "Y DIFF SD", "XY DIFF MEDIAN",
            "XY DIFF SD", "<AXIS> RES MEDIAN O<N>", "<AXIS> RES SD O<N>", "<AXIS> DIFF MEDIAN O<N>", "<AXIS> DIFF SD O<N>",
        ),
        measure=residuals,
    ),
    MetricRow(
        labels=("FWHM PIN MEDIAN", "FWHM PIN SD", "R PIN MEDIAN", "R PIN SD", "FWHM PIN MEDIAN O<N>", "R PIN MEDIAN O<N>"), measure=widths
    ),
    MetricRow(
        labels=("X LOO RMS", "Y LOO RMS", "X MISFIT", "Y MISFIT", "PATTERN SHIFT X", "PATTERN SHIFT Y", "TABLE READBACK"), measure=solution
    ),
    MetricRow(labels=("DETECTOR TEMP", "CPATH TEMP"), measure=temperatures),
)  # fmt: skip
"""Metrics of both recipes that solve an arc."""
