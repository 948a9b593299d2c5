"""Figures and report of the recipes that solve an arc, as bytes; what draws is imported when the first is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.solve_arc import ArcSolution
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.reductions.arc_tables import ArcContext
from soxspipe.reductions.calibration_report import SHEET_PX, report_of
from soxspipe.reductions.spec import Contents

if TYPE_CHECKING:
    from soxspipe.report.calibration import Curve, Sheet

ARROWS_PER_LINE = 3
"""Both ends of the slit and its middle: tilt and curvature that are not followed show, and the noise of single images does not."""


def residuals(context: ArcContext) -> Contents:
    """Residuals on the detector, by order and lamp."""
    from soxspipe.plots.arc import ArcFigure, plot_arc
    from soxspipe.plots.pdf import figure_as_pdf

    result = context.result
    solution = result.solution
    seen, missed = solution.detected, solution.judged.state == ImageState.MISSING
    line, _ = np.nonzero(seen)
    fit, arm = solution.fit, context.inputs.arm
    arrows, arrow_line = _arrows(solution)
    what = "spatial" if solution.shape[1] > 1 else "dispersion"
    content = ArcFigure(
        title=f"{arm.name} {what} solution: {int(solution.used.sum())} of {int(seen.sum())} images used",
        subtitle=context.provenance.sof_name,
        shape=result.light.shape,
        x=solution.fit_x[seen], y=solution.fit_y[seen], dx=solution.residual_x[seen], dy=solution.residual_y[seen], used=solution.used[seen],
        arrows=arrows, arrow_lamp=solution.lines.element[arrow_line],
        order=solution.lines.order[line], wavelength_nm=solution.lines.wavelength_nm[line], lamp=solution.lines.element[line],
        missed=(solution.fit_x[missed], solution.fit_y[missed]), fwhm_px=result.widths.fwhm_px[seen],
        resolution=result.widths.resolution[seen], facts=_facts(context), labels={order: arm.label(order) for order in fit.bases[0].orders},
    )  # fmt: skip
    return [figure_as_pdf(plot_arc(content))]


def _arrows(solution: ArcSolution) -> tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray], IntArray]:
    """Place and residual (x, y) of neighbouring pinholes of a line, averaged by their errors, and the line of each."""
    values = solution.fit_x, solution.fit_y, solution.residual_x, solution.residual_y
    weight = np.where(solution.used, 1.0 / np.hypot(solution.judged.x_error, solution.judged.y_error) ** 2, 0.0)
    means, lines = [], []
    for part in np.array_split(np.arange(solution.shape[1]), min(solution.shape[1], ARROWS_PER_LINE)):
        own = weight[:, part]
        line = np.flatnonzero(own.any(axis=1))
        total = own[line].sum(axis=1)
        means.append([(np.where(own > 0, one[:, part], 0.0) * own)[line].sum(axis=1) / total for one in values])
        lines.append(line)
    x, y, dx, dy = (np.concatenate([part[k] for part in means]) for k in range(4))
    return (x, y, dx, dy), np.concatenate(lines)


def residuals_suffix(context: ArcContext) -> str:
    """The figure's name ends in the degrees of the table: order x, y, wavelength x, y, slit x, y."""
    x, y = context.result.x.coefficients.shape, context.result.y.coefficients.shape
    return "_RESIDUALS_" + "".join(str(n - 1) for pair in zip(x, y, strict=True) for n in pair) + ".pdf"


def report(context: ArcContext) -> Contents:
    """The report, which lists every other file."""
    result = context.result
    solution, arm = result.solution, context.inputs.arm
    used = int(solution.used.any(axis=1).sum())
    fit = solution.fit
    return report_of(
        context,
        title="Spatial solution" if solution.shape[1] > 1 else "Dispersion solution",
        summary=f"{used} lines of {'+'.join(sorted(context.inputs.elements)) or 'lamps that are not named'} hold the solution of {arm.name}.",
        tiles=(
            ("lines used", f"{used} of {len(solution.lines)}"),
            ("lines left out, predicted to", f"{fit.x.left_out_px:.3f}, {fit.y.left_out_px:.3f} px"),
            ("motion of the pattern", f"{solution.pattern.shift[0]:+.1f}, {solution.pattern.shift[1]:+.1f} px"),
            ("pinhole image", f"{float(np.nanmedian(result.widths.fwhm_px)):.2f} px" if np.isfinite(result.widths.fwhm_px).any() else "–"),
        ),
        sheets=_sheets(context),
        curves=_curves(context),
        notes=(_slit_fact(context) or "Resolution is that of a pinhole, not of a slit.", "Wavelengths are in air."),
    )


def _sheets(context: ArcContext) -> list[Sheet]:
    """Light of the lamps, and the error of the map's wavelengths where there is a map."""
    from soxspipe.plots.masters import thumbnail
    from soxspipe.report.calibration import Sheet

    light = thumbnail(np.maximum(context.result.light, 0.0), SHEET_PX)
    high = float(np.percentile(light, 99.5))
    sheets = [Sheet(title="Arc", caption="Light of all lamps, averaged in blocks", image=light, low=0.0, high=high)]
    if context.result.solved_map is not None:
        error = thumbnail(np.nan_to_num(context.result.solved_map.wavelength_error_nm), SHEET_PX)
        high = float(np.percentile(error[error > 0], 98.0)) if np.any(error > 0) else 1.0
        sheets.append(
            Sheet(title="Error of the wavelength", caption=f"White 0, black {1e3 * high:.1f} pm", image=error, low=0.0, high=high)
        )
    return sheets


def _curves(context: ArcContext) -> tuple[Curve, ...]:
    """Residuals and widths over wavelength, order by order."""
    from soxspipe.report.calibration import Curve

    result, solution = context.result, context.result.solution
    shown = {
        "Residual along x": solution.residual_x,
        "Residual along y": solution.residual_y,
        "FWHM of a pinhole image": result.widths.fwhm_px,
    }
    if result.slit_widths is not None:
        shown["FWHM of the slit's image"] = result.slit_widths.fwhm_px
    orders = np.unique(solution.lines.order)
    return tuple(
        Curve(title=title, x="wavelength (nm, air)", y="px", lines=tuple(_medians(context, values, order) for order in orders))
        for title, values in shown.items()
    )


def _medians(context: ArcContext, values: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Median over the pinholes of each used line of an order."""
    solution = context.result.solution
    here = (solution.lines.order == order) & solution.used.any(axis=1)
    wave = solution.lines.wavelength_nm[here]
    rank = np.argsort(wave)
    masked = np.where(solution.used[here] & np.isfinite(values[here]), values[here], np.nan)
    keep = np.asarray(np.isfinite(masked).any(axis=1))
    middle = np.array([np.nanmedian(row) if fine else np.nan for row, fine in zip(masked, keep, strict=True)])
    return wave[rank][keep[rank]], middle[rank][keep[rank]]


def _slit_fact(context: ArcContext) -> str:
    """Width of the slit's image and its resolution, in a sentence; empty without an arc through the slit."""
    made = context.result.slit_widths
    if made is None or not np.isfinite(made.fwhm_px).any():
        return ""
    width, resolution = float(np.nanmedian(made.fwhm_px)), float(np.nanmedian(made.resolution))
    return f"Through the slit of {context.inputs.slit_width_arcsec:g} arcsec lines are {width:.2f} px wide (FWHM), a resolution of {resolution:.0f}."


def _facts(context: ArcContext) -> tuple[str, ...]:
    """Lines of text under the figure."""
    solution, result = context.result.solution, context.result
    fit = solution.fit
    states = {state: int((solution.judged.state == state).sum()) for state in ImageState}
    return (
        f"degrees of x {fit.x.degrees}, of y {fit.y.degrees} (order and wavelength, by degree in slit)",
        f"lines left out are predicted to {fit.x.left_out_px:.3f} (x), {fit.y.left_out_px:.3f} px (y)",
        f"scatter beyond the errors {fit.x.misfit_px:.3f} (x), {fit.y.misfit_px:.3f} px (y)",
        f"pattern {solution.pattern.shift[0]:+.2f}, {solution.pattern.shift[1]:+.2f} px off the prediction",
        f"not seen {states[ImageState.MISSING]}, wrong {states[ImageState.WRONG]}, single images off {states[ImageState.OFF]}",
        f"blended {states[ImageState.BLENDED]}, saturated {states[ImageState.SATURATED]}, too few pinholes {states[ImageState.INCOMPLETE]}",
        f"table gives the fit back to {result.readback_px:.1e} px",
        *filter(None, [_slit_fact(context)]),
    )
