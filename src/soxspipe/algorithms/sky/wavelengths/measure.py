"""Measure how far features lie off the wavelength solution, and correct wavelengths by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.algorithms.sky.wavelengths.arm_shifts import Circumstances, join_orders
from soxspipe.algorithms.sky.wavelengths.line_shifts import measure_lines
from soxspipe.algorithms.sky.wavelengths.order_shift import OrderFit, fit_order_shift
from soxspipe.algorithms.sky.wavelengths.pattern_search import best_gain, find_candidates
from soxspipe.algorithms.sky.wavelengths.place_error import line_tilt
from soxspipe.algorithms.sky.wavelengths.sky_spectrum import LineShape, SkySpectrum, sky_spectrum
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.numerics.polynomials import chebyshev

BOXES_PX = (0.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 18.0, 22.0)
"""Images of the slit from a point to 5 arcsec."""
SIGMAS_PX = (0.5, 0.7, 0.9, 1.2, 1.6, 2.2, 3.0)
"""Blur of the optics, from undersampled to out of focus."""
START_SIGMA = 2
"""Index of the usual blur."""
USUAL_BOX_PX = 4.0
"""Of a slit of 1 arcsec, where nothing better is known."""

SHAPE_ORDERS = 5
"""The line-spread function is chosen on so many orders, those with the brightest lines."""

LEAST_SNR = 5.4
"""Of a whole pattern, so that noise does not reach it at any shift that is tried."""
LEAST_SECOND_SNR = 2.5
"""Below these a real band i was wrong by 1.2 px (see the instrument facts)."""

MOST_SCATTER_PX = 0.25
"""Lines that scatter by more than a quarter of a pixel are not those of the list."""
LEAST_AGREEING = 0.5
"""Of the strongest listed lines, twice as many as agree: chance matches are not the strongest."""
SURE_STRONG = 6
"""So many of the strongest agree by chance in no place: 4 at most in 900 matches with wrong lists (see docs/decisions/wavelengths_by_order.md).
A sky that has half of the listed lines, or is too faint to show them, is told from one that has none."""
SURE_LINES = 12
"""So many lines, most of the strongest among them, may scatter more: those of a slit of 5 arcsec are 20 px wide."""

MAP_DEGREE = 6
"""The wavelength along an order is smooth."""
RIVAL_SHARE = 0.75
"""Another place of the pattern with this share of the lines of the best makes the order ambiguous."""


def measure_wavelength_shift(
    fits: Sequence[SkyFit],
    lines: SkyLines,
    known: Circumstances,
    *,
    slit_arcsec: Mapping[int, float],
    slit_error_px: Mapping[int, float] | None = None,
    slit_width_arcsec: float | None = None,
    apply: bool,
) -> WavelengthShift | None:
    """Measure by how much sky lines lie off their map position, order by order.

    Parameters
    ----------
    fits : sequence of SkyFit
        Sky solution of each order.
    lines : SkyLines
        Line list, same medium as the map.
    known : Circumstances
        Facts of arm, arc and exposure.
    slit_arcsec : mapping of int to float
        Slit position of the object in each order, where the shift is wanted; 0 where absent.
    slit_error_px : mapping of int to float, or None
        Error of that position, px along the slit; 0 where absent.
    slit_width_arcsec : float or None
        Width of the slit, from which the search for the lines' shape starts.
    apply : bool
        Whether wavelengths are to be corrected.

    Returns
    -------
    WavelengthShift or None
        None without orders.
    """
    if not fits:
        return None
    numbers = [fit.data.window.order for fit in fits]
    cut = (sky_spectrum(fit, lines, slit_arcsec.get(order, 0.0)) for fit, order in zip(fits, numbers, strict=True))
    spectra = [spectrum for spectrum in cut if spectrum is not None]
    found: dict[int, OrderFit] = {}
    if spectra:
        shape = choose_line_shape(spectra, slit_width_arcsec, known.dispersion_binning)
        place = _place_errors(fits, slit_error_px or {})
        measured = ((spectrum.order, measure_order(spectrum, shape, place.get(spectrum.order, 0.0))) for spectrum in spectra)
        found = {order: fit for order, fit in measured if fit is not None}
    return join_orders(numbers, found, known, apply=apply)


def _place_errors(fits: Sequence[SkyFit], slit_error_px: Mapping[int, float]) -> dict[int, float]:
    """What errors of the object's position make of every order's wavelengths, px."""
    windows = {fit.data.window.order: fit.data.window for fit in fits}
    return {order: error * line_tilt(windows[order]) for order, error in slit_error_px.items() if order in windows}


def measure_order(spectrum: SkySpectrum, shape: LineShape, place_error_px: float = 0.0) -> OrderFit | None:
    """Shift of one order from its own lines alone, `sure` where they say it beyond doubt; None where nothing fits.

    `place_error_px` is what the object's place on the slit leaves open, which no line tells.
    """
    tried: list[OrderFit] = []
    for candidate in find_candidates(spectrum, shape):
        fit = fit_order_shift(spectrum.order, measure_lines(spectrum, shape, candidate), place_error_px)
        if fit is not None:
            tried.append(replace(fit, sure=_is_sound(fit)))
    if not tried:
        return None
    first, *others = sorted(tried, key=lambda fit: (fit.sure, fit.n_lines), reverse=True)
    rivals = [fit for fit in others if fit.sure and fit.n_lines > RIVAL_SHARE * first.n_lines and _differ(first, fit)]
    return replace(first, sure=first.sure and not rivals)


def _is_sound(fit: OrderFit) -> bool:
    """Whether noise, or a chance match with lines at other places, cannot be what was fitted."""
    if fit.snr < LEAST_SNR or fit.second_snr < LEAST_SECOND_SNR:
        return False
    if fit.scatter_px <= MOST_SCATTER_PX:
        return fit.strongest_agreeing >= LEAST_AGREEING or fit.n_strong >= SURE_STRONG
    return fit.strongest_agreeing >= LEAST_AGREEING and fit.n_lines >= SURE_LINES


def _differ(first: OrderFit, second: OrderFit) -> bool:
    """Whether two candidates ended at different shifts."""
    return abs(first.mean_px - second.mean_px) > 3.0 * np.hypot(first.error_px, second.error_px)


def choose_line_shape(spectra: Sequence[SkySpectrum], slit_width_arcsec: float | None, dispersion_binning: int) -> LineShape:
    """The line-spread function that makes list and sky most alike: uphill through widths of box and Gaussian from what is usual."""
    brightest = sorted(spectra, key=lambda one: float(np.mean((one.sky / one.noise) ** 2)), reverse=True)[:SHAPE_ORDERS]
    heights: dict[tuple[int, int], float] = {}

    def height(box: int, sigma: int) -> float:
        if (box, sigma) not in heights:
            shape = LineShape(box_px=BOXES_PX[box], sigma_px=SIGMAS_PX[sigma])
            heights[box, sigma] = sum(best_gain(spectrum, shape) for spectrum in brightest)
        return heights[box, sigma]

    expected = USUAL_BOX_PX * (slit_width_arcsec or 1.0) / dispersion_binning
    best = (int(np.argmin(np.abs(np.array(BOXES_PX) - expected))), START_SIGMA)
    while True:
        near = [best, *_beside(*best)]
        top = max(near, key=lambda place: height(*place))
        if top == best:
            return LineShape(box_px=BOXES_PX[best[0]], sigma_px=SIGMAS_PX[best[1]])
        best = top


def _beside(box: int, sigma: int) -> Iterable[tuple[int, int]]:
    for place in ((box - 1, sigma), (box + 1, sigma), (box, sigma - 1), (box, sigma + 1)):
        if 0 <= place[0] < len(BOXES_PX) and 0 <= place[1] < len(SIGMAS_PX):
            yield place


def corrected_wavelength(wavelength_nm: FloatArray, b_px: FloatArray, order: int, shift: WavelengthShift | None) -> FloatArray:
    """Wavelengths with the measured shift taken out, shape of `wavelength_nm`; unchanged if it is not to be applied.

    A line seen d pixels above its map position means that a pixel's wavelength is the map's d pixels below it.
    """
    found = shift.orders.get(order) if shift is not None else None
    if found is None or not found.applied or b_px.size < 2:
        return wavelength_nm
    x = 2.0 * (b_px - b_px[0]) / max(float(b_px[-1] - b_px[0]), 1.0) - 1.0
    coefficients = np.array(found.coefficients)
    pixels = np.tensordot(coefficients, chebyshev(x, coefficients.size), axes=1)
    # a polynomial through the map goes on smoothly beyond its ends, and a shift of 8 px is curved by more than 0.05 px
    series = np.polynomial.Chebyshev.fit(b_px, wavelength_nm, min(MAP_DEGREE, b_px.size - 1))
    return wavelength_nm + series(b_px - pixels) - series(b_px)
