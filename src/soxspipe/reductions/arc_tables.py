"""Tables of the recipes that solve an arc: dispersion table, lines fitted and missed, in the columns that readers know."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.line_widths import WidthTable, tabulate_widths
from soxspipe.algorithms.calibration.solve_arc import ArcSolution
from soxspipe.datamodel.arrays import BoolArray
from soxspipe.datamodel.provenance import Card
from soxspipe.io.fits_writer import Hdu, fits_chunks
from soxspipe.io.geometry_products import dispersion_hdus, rows_hdu
from soxspipe.reductions.arc_result import ArcResult, unbinned_errors
from soxspipe.reductions.gathered import Context
from soxspipe.reductions.lamp_inputs import LampInputs
from soxspipe.reductions.records import calibration_cards
from soxspipe.reductions.spec import Contents

ArcContext: TypeAlias = Context[LampInputs, ArcResult, Any]
Rows: TypeAlias = dict[str, NDArray[Any]]

GRID_WAVES, GRID_SLITS = 21, (-6.0, -3.0, 0.0, 3.0, 6.0)
"""Places at which the table of the map's errors gives them: smooth between."""


def dispersion_table(context: ArcContext, technique: str) -> Contents:
    """The dispersion table with errors of the solution, and widths of the lines, as further tables."""
    through = context.result.slit_widths
    cards = calibration_cards(context, "DISP_TAB", technique, is_image=False, extra=_circumstances(context))
    tables = (
        rows_hdu("SOLUTION_ERROR", _errors(context), {"WAVE": "nm", "SLIT": "arcsec", "X_ERR": "pix", "Y_ERR": "pix"}),
        _widths(context.result.width_table, "LINE_WIDTHS"),
        *([] if through is None else [_widths(tabulate_widths(context.result.solution, through), "SLIT_WIDTHS")]),
    )
    return fits_chunks(dispersion_hdus(cards, context.result.x, context.result.y, tables))


def fitted_lines(context: ArcContext) -> Contents:
    """One row per detected image, those left out included."""
    rows = line_rows(context)
    units = dict.fromkeys(
        [key for key in rows if key.startswith(("detector_", "observed_", "fit_", "residuals_")) or key.endswith("_px")], "pix"
    )
    units |= {
        "wavelength": "nm",
        "slit_position": "arcsec",
        "pixelScaleNm": "nm",
        "flux": "ct",
        "peak": "ct",
        "x_diff": "pix",
        "y_diff": "pix",
    }
    notes = "In column units ct stands for one electron.", "Places are pixels of the frame as it was read out."
    return fits_chunks((Hdu(cards=tuple(("COMMENT", note, "") for note in notes)), rows_hdu("", rows, units)))


def missed_lines(context: ArcContext) -> Contents:
    """One row per image that was predicted and not seen."""
    solution = context.result.solution
    rows = _places(solution, solution.judged.state == ImageState.MISSING)
    return fits_chunks(
        (Hdu(), rows_hdu("", rows, {"wavelength": "nm", "slit_position": "arcsec", "detector_x": "pix", "detector_y": "pix"}))
    )


def line_rows(context: ArcContext) -> Rows:
    """Columns of the table of fitted lines: the reference's first, in its order."""
    solution = context.result.solution
    line, _ = np.nonzero(solution.detected)
    return {
        "ion": solution.lines.ion[line],
        **_places(solution, solution.detected),
        **_fit_columns(solution),
        **_image_columns(context),
        "observed_x_err": solution.judged.x_error[solution.detected],
        "observed_y_err": solution.judged.y_error[solution.detected],
        "significance": _of_detected(solution, solution.pinholes.significance),
        "state": np.array([ImageState(int(value)).name for value in solution.judged.state[solution.detected]]),
        "doubtful": solution.lines.doubtful[line],
    }


def _of_detected(solution: ArcSolution, values: NDArray[Any]) -> NDArray[Any]:
    """Values of the pinhole images that were detected, in rows."""
    return np.asarray(values.reshape(solution.shape)[solution.detected], dtype=np.float64)


def _fit_columns(solution: ArcSolution) -> Rows:
    """Where images were seen, where they were predicted, and where the fit has them."""
    detected, state = solution.detected, solution.judged.state[solution.detected]
    x, y = _of_detected(solution, solution.pinholes.x), _of_detected(solution, solution.pinholes.y)
    dx, dy = solution.fit_x[detected] - x, solution.fit_y[detected] - y
    return {
        "observed_x": x,
        "observed_y": y,
        "x_diff": solution.predicted_x[detected] - x,
        "y_diff": solution.predicted_y[detected] - y,
        "fit_x": solution.fit_x[detected],
        "fit_y": solution.fit_y[detected],
        "residuals_x": dx,
        "residuals_y": dy,
        "residuals_xy": np.hypot(dx, dy),
        "sigma_clipped": state != ImageState.GOOD,
        "set_offset_clipped": state == ImageState.WRONG,
    }


def _image_columns(context: ArcContext) -> Rows:
    """Light and width of the images; columns of the reference that nothing here measures are empty."""
    result, solution = context.result, context.result.solution
    detected, pinholes, through = solution.detected, solution.pinholes, context.result.slit_widths
    area = 2 * np.pi * _of_detected(solution, pinholes.forms.sigma_x) * _of_detected(solution, pinholes.forms.sigma_y)
    electrons, nan = _of_detected(solution, pinholes.electrons), np.full(np.count_nonzero(detected), np.nan)
    return {
        "sharpness": nan,
        "roundness1": nan,
        "roundness2": nan,
        "npix": np.full(nan.size, 81, dtype=np.int64),
        "sky": nan,
        "peak": electrons / area,
        "flux": electrons,
        "fwhm_pin_px": result.widths.fwhm_px[detected],
        "R_pin": result.widths.resolution[detected],
        "pixelScaleNm": result.widths.scale_nm[detected],
        "detector_x_shifted": solution.fit_x[detected],
        "detector_y_shifted": solution.fit_y[detected],
        "R_slit": nan if through is None else through.resolution[detected],
        "fwhm_slit_px": nan if through is None else through.fwhm_px[detected],
    }


def _places(solution: ArcSolution, chosen: BoolArray) -> Rows:
    """Which images of which lines some are, and where they were predicted."""
    line, hole = np.nonzero(chosen)
    return {
        "wavelength": solution.lines.wavelength_nm[line],
        "order": solution.lines.order[line].astype(np.float64),
        "slit_index": _slit_index(solution.shape[1])[hole],
        "slit_position": solution.slit_arcsec[hole],
        "detector_x": solution.predicted_x[chosen],
        "detector_y": solution.predicted_y[chosen],
    }


def _slit_index(n_pinholes: int) -> NDArray[np.int64]:
    """Index of each pinhole of the mask; the single one is the middle one."""
    return np.arange(n_pinholes) if n_pinholes > 1 else np.array([4])


def _errors(context: ArcContext) -> Rows:
    """Error of the solution on a grid of orders, wavelengths and slit positions."""
    solution, ranges = context.result.solution, context.inputs.prediction.ranges_nm
    slits = np.array(GRID_SLITS if solution.shape[1] > 1 else (0.0,))
    parts = []
    for number, (low, high) in ranges.items():
        wave, slit = (part.ravel() for part in np.meshgrid(np.linspace(low, high, GRID_WAVES), slits, indexing="ij"))
        parts.append((np.full(wave.size, number), wave, slit))
    order, wave, slit = (np.concatenate([part[k] for part in parts]) for k in range(3))
    x, y = unbinned_errors(context.inputs, solution, order, wave, slit)
    return {"ORDER": order.astype(np.int64), "WAVE": wave, "SLIT": slit, "X_ERR": x, "Y_ERR": y}


def _widths(table: WidthTable, name: str) -> Hdu:
    """Widths and resolution by order, slit position and wavelength."""
    rows: Rows = {
        "ORDER": table.order, "SLIT": table.slit_arcsec, "WAVE": table.wavelength_nm, "FWHM": table.fwhm_px, "R": table.resolution,
        "NUMBER": table.number,
    }  # fmt: skip
    return rows_hdu(name, rows, {"WAVE": "nm", "SLIT": "arcsec", "FWHM": "pix"})


def _circumstances(context: ArcContext) -> tuple[Card, ...]:
    solution = context.result.solution
    cards: list[Card] = [
        ("SOXS DISP DEGX", " ".join(map(str, solution.fit.x.degrees)), "degrees of x by degree in slit position"),
        ("SOXS DISP DEGY", " ".join(map(str, solution.fit.y.degrees)), "degrees of y by degree in slit position"),
        ("SOXS DISP LOOX", solution.fit.x.left_out_px, "[px] rms of lines left out, along x"),
        ("SOXS DISP LOOY", solution.fit.y.left_out_px, "[px] rms of lines left out, along y"),
        ("SOXS DISP READBACK", context.result.readback_px, "[px] largest distance between table and fit"),
        ("SOXS DISP MEDIUM", "air", "of the wavelengths"),
    ]
    if context.inputs.detector.binning != (1, 1):
        cards += [("ESO DET BINX", 1, "the table is in unbinned pixels"), ("ESO DET BINY", 1, "the table is in unbinned pixels")]
    return tuple(cards)
