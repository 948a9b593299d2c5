"""The spatial solution's algorithm: multi-pinhole arcs in, wavelength and slit position of every pixel out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from soxspipe.algorithms.calibration.arc_settings import with_degrees
from soxspipe.algorithms.calibration.check_mask import MaskCheck, check_mask
from soxspipe.algorithms.calibration.combine_lamps import combine_lamps
from soxspipe.algorithms.calibration.gap_light import without_gap_light
from soxspipe.algorithms.calibration.line_widths import LineWidths
from soxspipe.algorithms.calibration.slit_widths import measure_slit_widths
from soxspipe.algorithms.calibration.solve_map import SolvedMap, solve_map
from soxspipe.algorithms.orders.dispersion import invert_dispersion, solve_order
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.errors import InputError
from soxspipe.reductions.arc_result import ArcResult, arc_result, centre_motion, solve, unbinned_errors
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.progress import Done
from soxspipe.settings.spatial_solution import SpatialSolutionSettings

LARGEST_CENTRE_OFFSET_ARCSEC = 0.7
"""Half the distance between two pinholes: the middle of the slit further off the middle of the mask means a mask, or a table, out of place."""


def reduce_spatial_solution(inputs: LampInputs, settings: SpatialSolutionSettings, done: Done) -> ArcResult:
    """Solve a multi-pinhole arc and make the map."""
    if inputs.order_table is None or inputs.order_table.low is None:
        raise InputError("the order table has no edges (columns edgelow_c.., edgeup_c..); that of the master flat is needed")
    result = _solved(inputs, inputs.order_table, settings, done)  # its frame, 74 MB in NIR, is gone by now
    done("check mask", f"motion against the first solution {result.shift_px[0]:+.2f}, {result.shift_px[1]:+.2f} px")
    if inputs.slit_raw:
        result = replace(result, slit_widths=_through_slit(result, inputs, settings))
        done("slit arc", f"{int(np.isfinite(result.slit_widths.fwhm_px).any(axis=1).sum())} lines" if result.slit_widths else "")
    if not settings.make_map:
        return result
    made = _map(inputs, result, settings)
    done("map", f"{made.solved:.2%} of the pixels of the orders, to {made.distance_px:.0e} px")
    return replace(result, solved_map=made)


def _solved(inputs: LampInputs, table: OrderTable, settings: SpatialSolutionSettings, done: Done) -> ArcResult:
    """The solution of the arc, with what is seen of the mask."""
    image = combine_lamps(inputs.frames, settings.stack, use_flat=settings.use_flat)
    done("detrend", f"{len(inputs.raw)} frames")
    if settings.subtract_background:
        image = without_gap_light(image, table, inputs.detector.binning)
        done("scattered light", "a smooth surface through the gaps between the orders")
    solution = solve(inputs, image, inputs.prediction.mask_arcsec, with_degrees(settings.arc, settings.poly))
    fit = solution.fit
    done("solve", f"{int(solution.used.sum())} images, left-out error {fit.x.left_out_px:.3f}, {fit.y.left_out_px:.3f} px")
    result = arc_result(inputs, image, solution)
    mask = check_mask(image, solution)
    middles = slit_middles(result, table, inputs)
    return replace(
        result, mask=mask, shift_px=centre_motion(result, inputs), slit_centre_arcsec=middles,
        warnings=(*result.warnings, *mask_warnings(mask, inputs.arm), *_middle_warnings(middles, inputs)),
    )  # fmt: skip


def _through_slit(result: ArcResult, inputs: LampInputs, settings: SpatialSolutionSettings) -> LineWidths:
    """Widths of lines seen through the slit; one pinhole is as far from the next along the slit as across it."""
    solution, axis = result.solution, inputs.arm.dispersion_axis
    across = solution.fit_y if axis == "x" else solution.fit_x
    px_per_arcsec = float(np.median(np.abs(np.diff(across, axis=1) / np.diff(solution.slit_arcsec))))
    image = combine_lamps(inputs.slit_frames, settings.stack)
    return measure_slit_widths(image, solution, axis, inputs.slit_width_arcsec * px_per_arcsec)


def _map(inputs: LampInputs, result: ArcResult, settings: SpatialSolutionSettings) -> SolvedMap:
    """The map of the unbinned frame from the solution as its table has it."""
    assert inputs.order_table is not None
    solution, arm = result.solution, inputs.arm
    bx, by = inputs.detector.binning
    along = solution.fit_x if arm.dispersion_axis == "x" else solution.fit_y
    factor = bx if arm.dispersion_axis == "x" else by
    spans = {}
    for number in np.unique(solution.lines.order):
        places = along[(solution.lines.order == number)[:, None] & solution.used]
        if places.size:
            spans[int(number)] = (float(places.min()) * factor, float(places.max()) * factor)
    return solve_map(
        result.x, result.y, inputs.order_table, inputs.prediction.ranges_nm,
        shape=(inputs.detector.shape[0] * by, inputs.detector.shape[1] * bx), slit_length_arcsec=arm.slit_length_arcsec,
        errors=partial(unbinned_errors, inputs, solution), lines_px=spans, threshold_px=settings.map_to_image_displacement_threshold,
    )  # fmt: skip


def slit_middles(result: ArcResult, table: OrderTable, inputs: LampInputs) -> dict[int, float]:
    """Slit position, by the mask, of the middle between the edges of each order, half-way along it."""
    middles = {}
    for order in table.orders:
        if order not in inputs.prediction.ranges_nm or table.low is None or table.high is None:
            continue
        b = np.array([0.5 * (table.b_min[order] + table.b_max[order])])
        a = 0.5 * (table.low(order, b) + table.high(order, b))
        solution = solve_order(result.x, result.y, order, inputs.prediction.ranges_nm[order], 0.5 * inputs.arm.slit_length_arcsec)
        x, y = (b, a) if table.dispersion_axis == "x" else (a, b)
        inverse = invert_dispersion(solution, x, y)
        if inverse.converged[0]:
            middles[order] = float(inverse.slit_arcsec[0])
    return middles


def mask_warnings(mask: tuple[MaskCheck, ...], arm: Arm) -> tuple[str, ...]:
    """What is not seen of the mask as it should be, orders of a kind together."""
    found: list[str] = []
    if displaced := [check.order for check in mask if check.displaced]:
        found.append(
            f"{arm.named(displaced)}: light one pinhole beyond the mask and none at its other end; the mask lies one pinhole off the slit's "
            "centre, and the pinholes that lie where they should hold the solution"
        )
    unseen: dict[tuple[int, ...], list[int]] = {}
    for check in mask:
        unseen.setdefault(check.unseen, []).append(check.order)
    for pinholes, orders in unseen.items():
        if pinholes:
            found.append(
                f"{arm.named(orders)}: no light at pinhole {', '.join(map(str, pinholes))} of the mask (counted from 0); it is left out"
            )
    return tuple(found)


def _middle_warnings(middles: dict[int, float], inputs: LampInputs) -> tuple[str, ...]:
    """Orders whose middle is not that of the mask."""
    far = {order: value for order, value in middles.items() if abs(value) > LARGEST_CENTRE_OFFSET_ARCSEC}
    if not far:
        return ()
    listed = ", ".join(f"{inputs.arm.label(order)} {value:+.2f}" for order, value in far.items())
    return (f"the middle between the edges of the order table is off the middle of the mask by more than half a pinhole: {listed} arcsec",)
