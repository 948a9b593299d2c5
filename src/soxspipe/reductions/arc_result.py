"""What comes out of the recipes that solve an arc, and how it is worked out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.check_mask import MaskCheck
from soxspipe.algorithms.calibration.lamps_seen import lamps_seen
from soxspipe.algorithms.calibration.line_widths import LineWidths, WidthTable, measure_line_widths, tabulate_widths
from soxspipe.algorithms.calibration.predict_lines import ArcPrediction, candidate_lines, pixels_of
from soxspipe.algorithms.calibration.solve_arc import ArcSolution, solve_arc
from soxspipe.algorithms.calibration.solve_map import SolvedMap
from soxspipe.datamodel.arrays import FloatArray, Image, IntArray
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.reductions.lamp_inputs import LampInputs

LARGEST_READBACK_PX = 1e-3
"""A table that does not give the fit back to this is not worth its lines; said in a warning."""
FEWEST_LINES = 4
"""Fewer lines in an order leave it to its neighbours."""
LARGEST_LEFT_OUT_PX = 0.2
"""Lines predicted from the others this badly mean that the solution is not good; the reference's best is at 0.08 px."""

Polynomials = tuple[DispersionPolynomial, DispersionPolynomial]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcResult:
    """Solution of an arc.

    Attributes
    ----------
    light : ndarray of float32, shape (ny, nx)
        Of the arc, electrons, for the report.
    solution : ArcSolution
        Lines, images and fit, in pixels of the frame as it was read out.
    x, y : DispersionPolynomial
        The solution as the table holds it: float64, unbinned pixels.
    readback_px : float
        Largest distance between the table and the fit.
    widths, width_table : LineWidths, WidthTable
        Resolution.
    slit_widths : LineWidths or None
        The same of the slit's image, at the slit positions of the pinholes; None without an arc through the slit.
    solved_map : SolvedMap or None
        Wavelength, slit position and order of every pixel.
    mask : tuple of MaskCheck
        Pinholes seen, by order.
    shift_px : tuple of float
        Median motion along x and y against the first solution; NaN without one.
    slit_centre_arcsec : dict of int to float
        Slit position of the middle between the edges, by order.
    warnings : tuple of str
        For the user.
    """

    light: Image
    solution: ArcSolution
    x: DispersionPolynomial
    y: DispersionPolynomial
    readback_px: float
    widths: LineWidths
    width_table: WidthTable
    slit_widths: LineWidths | None = None
    solved_map: SolvedMap | None = None
    mask: tuple[MaskCheck, ...] = ()
    shift_px: tuple[float, float] = (float("nan"), float("nan"))
    slit_centre_arcsec: dict[int, float] | None = None
    warnings: tuple[str, ...] = ()


def solve(inputs: LampInputs, image: ArcImage, slit_arcsec: FloatArray, settings: ArcSettings) -> ArcSolution:
    """Solve an arc frame of any binning."""
    unbinned = (image.shape[0] * inputs.detector.binning[1], image.shape[1] * inputs.detector.binning[0])
    lines = candidate_lines(inputs.prediction, inputs.elements, unbinned)
    prediction = binned_prediction(inputs.prediction, inputs.detector.binning)
    start = (
        None
        if inputs.first is None
        else tuple(_scaled(polynomial, factor) for polynomial, factor in zip(inputs.first, inputs.detector.binning, strict=True))
    )
    first = None if start is None else (start[0], start[1])
    return solve_arc(image, prediction, lines, slit_arcsec, settings, dispersion_axis=inputs.arm.dispersion_axis, start=first)


def arc_result(inputs: LampInputs, image: ArcImage, solution: ArcSolution) -> ArcResult:
    """The solution with its table, widths and warnings."""
    slit_powers = 1 if solution.shape[1] == 1 else None  # one pinhole at the slit's centre says nothing of the rest of the slit
    x, y = (
        _table_form(polynomial, factor, slit_powers)
        for polynomial, factor in zip((solution.fit.x_polynomial, solution.fit.y_polynomial), inputs.detector.binning, strict=True)
    )
    widths = measure_line_widths(image, solution, inputs.arm.dispersion_axis)
    readback = _readback(inputs, solution, (x, y))
    result = ArcResult(
        light=image.electrons.astype(np.float32), solution=solution, x=x, y=y, readback_px=readback, widths=widths,
        width_table=tabulate_widths(solution, widths),
    )  # fmt: skip
    return replace(result, warnings=_warnings(inputs, result))


def unbinned_errors(
    inputs: LampInputs, solution: ArcSolution, order: IntArray, wave: FloatArray, slit: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Errors of x and y in unbinned pixels."""
    x, y = solution.fit.errors(order, wave, slit)
    return x * inputs.detector.binning[0], y * inputs.detector.binning[1]


def binned_prediction(prediction: ArcPrediction, binning: tuple[int, int]) -> ArcPrediction:
    """The prediction in pixels of a binned frame."""
    return replace(prediction, x=_scaled(prediction.x, binning[0]), y=_scaled(prediction.y, binning[1]))


def _scaled(polynomial: DispersionPolynomial, factor: int) -> DispersionPolynomial:
    """Unbinned pixels to binned ones: ``(p + 0.5) / factor - 0.5``."""
    if factor == 1:
        return polynomial
    c = np.asarray(polynomial.coefficients, dtype=np.longdouble) / factor
    c[0, 0, 0] += np.longdouble(0.5) / factor - np.longdouble(0.5)
    return DispersionPolynomial(coefficients=c)


def _table_form(polynomial: DispersionPolynomial, factor: int, slit_powers: int | None) -> DispersionPolynomial:
    """Binned pixels to unbinned ones, in double precision; the first powers of the slit position alone, if not all."""
    c = np.asarray(polynomial.coefficients[:, :, :slit_powers], dtype=np.longdouble) * factor
    c[0, 0, 0] += np.longdouble(0.5) * factor - np.longdouble(0.5)
    return DispersionPolynomial(coefficients=c.astype(np.float64))


def _readback(inputs: LampInputs, solution: ArcSolution, table: Polynomials) -> float:
    """Largest distance between the fit and the table as a reader evaluates it: powers as they stand, in double precision."""
    lines, slit = solution.lines, solution.slit_arcsec
    worst = 0.0
    bx, by = inputs.detector.binning
    for polynomial, fitted, factor in zip(table, (solution.fit_x, solution.fit_y), (bx, by), strict=True):
        read = _as_read(polynomial, lines.order[:, None], lines.wavelength_nm[:, None], slit[None, :])
        worst = max(worst, float(np.abs(read - ((fitted + 0.5) * factor - 0.5)).max()))
    return worst


def _as_read(polynomial: DispersionPolynomial, order: IntArray, wave: FloatArray, slit: FloatArray) -> FloatArray:
    """The polynomial as the contract has it, term by term."""
    order = np.asarray(order, dtype=np.float64)
    total = np.zeros(np.broadcast_shapes(order.shape, wave.shape, slit.shape))
    for (i, j, k), c in np.ndenumerate(polynomial.coefficients):
        if c:
            total += c * order**i * wave**j * slit**k
    return total


def _warnings(inputs: LampInputs, result: ArcResult) -> tuple[str, ...]:
    """What the user should know of the solution."""
    solution, found = result.solution, []
    used = np.asarray(solution.used.any(axis=1))
    for number in sorted(inputs.prediction.ranges_nm):
        count = int(used[solution.lines.order == number].sum())
        if count < FEWEST_LINES:
            found.append(
                f"order {inputs.arm.label(number)} has {count} usable lines; its solution is that of its neighbours and of the prediction"
            )
    if not inputs.elements:
        found.append("the headers name no lamp; lines of all lamps were searched for")
    found += [
        f"{lamp.used} of {lamp.expected} lines of {lamp.element} that are usually seen are there: is the lamp out, although the header names it?"
        for lamp in lamps_seen(solution) if lamp.out and lamp.element in inputs.elements
    ]  # fmt: skip
    for name, fit in (("x", solution.fit.x), ("y", solution.fit.y)):
        if fit.left_out_px > LARGEST_LEFT_OUT_PX:
            found.append(
                f"lines that are left out are predicted to {fit.left_out_px:.2f} px along {name} only; the solution is not to be trusted"
            )
    if result.readback_px > LARGEST_READBACK_PX:
        found.append(f"the dispersion table gives the fit back to {result.readback_px:.4f} px only; fewer degrees would do better")
    for number, (dx, dy) in solution.pattern.order_shift.items():
        found.append(f"order {inputs.arm.label(number)} lies {dx:+.1f}, {dy:+.1f} px (x, y) off the others, against the prediction")
    return tuple(found)


def centre_motion(result: ArcResult, inputs: LampInputs) -> tuple[float, float]:
    """Median motion of the lines at the slit's centre against the first solution, along x and y, unbinned pixels; NaN without one."""
    if inputs.first is None:
        return float("nan"), float("nan")
    lines = result.solution.lines
    zero = np.zeros(len(lines))
    ours, theirs = (
        pixels_of(result.x, result.y, lines.order, lines.wavelength_nm, zero),
        pixels_of(*inputs.first, lines.order, lines.wavelength_nm, zero),
    )
    used = result.solution.used.any(axis=1)
    return float(np.median((ours[0] - theirs[0])[used])), float(np.median((ours[1] - theirs[1])[used]))
