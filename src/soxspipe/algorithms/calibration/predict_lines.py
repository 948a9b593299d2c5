"""Where the pinhole images of the lamps' lines are expected on the detector."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.calibration.dispersion_basis import DispersionBasis
from soxspipe.algorithms.orders.dispersion import solve_order
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray, freeze
from soxspipe.datamodel.geometry import DispersionPolynomial

BEYOND_EDGE_PX = 12.0
"""Lines predicted so far outside the detector are searched for as well: the geometry may have moved by as much."""
SAME_LINE_PX = 0.35
"""Two entries of the list closer than this in one order are one line: the first that is not in doubt stands for it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampLines:
    """Lines of lamps: wavelength (nm, air), ion (``ArI``), and whether the identification is in doubt; shape (n,) each."""

    wavelength_nm: FloatArray
    ion: tuple[str, ...]
    doubtful: BoolArray

    def of(self, elements: Collection[str]) -> LampLines:
        """The lines of some elements (``Ar``, ``ThAr``), and those of unknown origin; all lines if no element is named."""
        if not elements:
            return self
        use = np.array([element_of(ion) in elements or ion == "UNK" for ion in self.ion])
        ions = tuple(ion for ion, keep in zip(self.ion, use, strict=True) if keep)
        return LampLines(wavelength_nm=self.wavelength_nm[use], ion=ions, doubtful=self.doubtful[use])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcPrediction:
    """Geometry, lines and mask of an arm as they are known beforehand.

    Attributes
    ----------
    basis : DispersionBasis
        Variables of the geometry.
    x, y : DispersionPolynomial
        Predicted pixel of order, wavelength and slit position.
    lines : LampLines
        Lines of all lamps.
    mask_arcsec : ndarray, shape (n_pinholes,)
        Slit positions of the pinholes of the multi-pinhole mask; the middle one is the single pinhole.
    ranges_nm : mapping of int to tuple of float
        Wavelengths that each order holds.
    expected : ndarray, shape (2, n)
        Order and wavelength (nm) of the lines that have been seen on the instrument.
    """

    basis: DispersionBasis
    x: DispersionPolynomial
    y: DispersionPolynomial
    lines: LampLines
    mask_arcsec: FloatArray
    ranges_nm: Mapping[int, tuple[float, float]]
    expected: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcLines:
    """Candidate lines, one entry per order and line: shape (n_lines,).

    Attributes
    ----------
    order : ndarray of int
        Order number.
    wavelength_nm : ndarray
        Laboratory wavelength, air.
    ion : ndarray of str
        ``ArI``.
    doubtful : ndarray of bool
        Identification in doubt: such a line must agree with its neighbours closely.
    expected : ndarray of bool
        Seen on the instrument in this order before.
    """

    order: IntArray
    wavelength_nm: FloatArray
    ion: np.typing.NDArray[np.str_]
    doubtful: BoolArray
    expected: BoolArray

    def __post_init__(self) -> None:
        shape = self.order.shape
        freeze(self, wavelength_nm=shape, ion=shape, doubtful=shape, expected=shape)

    def __len__(self) -> int:
        return int(self.order.size)

    def where(self, use: BoolArray) -> ArcLines:
        """Some of the lines."""
        names = ("order", "wavelength_nm", "ion", "doubtful", "expected")
        return ArcLines(**{name: getattr(self, name)[use] for name in names})

    @property
    def element(self) -> np.typing.NDArray[np.str_]:
        """Element of each line's ion."""
        return np.array([element_of(str(ion)) for ion in self.ion])


def element_of(ion: str) -> str:
    """``ArI`` to ``Ar``; ``UNK`` and ``ThAr`` stay."""
    return ion if ion in ("UNK", "ThAr") else ion.rstrip("IV")


def pixels_of(
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    order: IntArray,
    wavelength_nm: FloatArray,
    slit_arcsec: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Pixels of light of several orders; arrays of one shape, or such that broadcast."""
    order, wave, slit = np.broadcast_arrays(order, np.asarray(wavelength_nm, np.float64), np.asarray(slit_arcsec, np.float64))
    x_px, y_px = np.empty(order.shape), np.empty(order.shape)
    for number in np.unique(order):
        here = order == number
        low, high = float(wave[here].min()), float(wave[here].max())
        solution = solve_order(x, y, int(number), (low, high if high > low else low + 1.0), 6.0)
        x_px[here], y_px[here] = solution.pixels(wave[here], slit[here])
    return x_px, y_px


def candidate_lines(prediction: ArcPrediction, elements: Collection[str], shape: tuple[int, int]) -> ArcLines:
    """Every line of the lamps that are on, in every order that holds it and on the detector.

    Parameters
    ----------
    prediction : ArcPrediction
        Of the arm.
    elements : collection of str
        Elements of the lamps that are on; empty if it is not known.
    shape : tuple of int
        Rows and columns of the unbinned frame.
    """
    lines = prediction.lines.of(elements)
    parts = []
    for order, (low, high) in prediction.ranges_nm.items():
        index = np.flatnonzero((lines.wavelength_nm >= low) & (lines.wavelength_nm <= high))
        parts.append(np.column_stack([np.full(index.size, order), index]))
    order, index = np.concatenate(parts).T
    wave = lines.wavelength_nm[index]
    x, y = pixels_of(prediction.x, prediction.y, order, wave, np.zeros(wave.size))
    inside = (x > -BEYOND_EDGE_PX) & (x < shape[1] + BEYOND_EDGE_PX) & (y > -BEYOND_EDGE_PX) & (y < shape[0] + BEYOND_EDGE_PX)
    ion = np.array(lines.ion)
    known = {(int(number), round(value, 4)) for number, value in prediction.expected.T.tolist()}
    expected = np.array(
        [(number, round(value, 4)) in known for number, value in zip(order.tolist(), wave.tolist(), strict=True)], dtype=bool
    )
    every = ArcLines(order=order, wavelength_nm=wave, ion=ion[index], doubtful=lines.doubtful[index], expected=expected)
    return every.where(inside & ~_repeated(order, x, y, every.doubtful))


def _repeated(order: IntArray, x: FloatArray, y: FloatArray, doubtful: BoolArray) -> BoolArray:
    """True for entries that stand where another entry of the order does."""
    same = (order[:, None] == order[None, :]) & (np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]) < SAME_LINE_PX)
    rank = np.argsort(np.argsort(doubtful * order.size + np.arange(order.size)))
    return np.asarray(np.any(same & (rank[None, :] < rank[:, None]), axis=1))


def anchored(prediction: ArcPrediction, x: DispersionPolynomial, y: DispersionPolynomial) -> ArcPrediction:
    """The prediction moved so that it agrees with a solution `x`, `y` at the centre of the slit."""
    return replace(prediction, x=_with_centre(prediction.x, x), y=_with_centre(prediction.y, y))


def _with_centre(predicted: DispersionPolynomial, centre: DispersionPolynomial) -> DispersionPolynomial:
    first, second = predicted.coefficients, centre.coefficients
    shape = np.maximum(first.shape, second.shape)
    total = np.zeros(shape, dtype=np.longdouble)
    total[: first.shape[0], : first.shape[1], : first.shape[2]] = first
    total[:, :, 0] = 0.0
    total[: second.shape[0], : second.shape[1], 0] = second[:, :, 0]
    return DispersionPolynomial(coefficients=total)
