"""Where light of an order, wavelength and slit position falls, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import legendre, polynomial

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Axis

SLIT_UNIT_ARCSEC = 6.0
"""Slit positions are divided by this before they enter a polynomial."""

_NODES = 6.9 * np.cos(np.pi * (np.arange(10) + 0.5) / 10)
"""Chebyshev nodes over the whole slit."""
_SLIT_DEGREE = 4
"""The slit's image is smooth."""
_T_SCALE_PX = 25.0
"""Half a slit, so that coordinates are about 1."""
_NEWTON_STEPS = 5
"""Each step doubles the digits."""
RIPPLE_DEGREES, RIPPLE_REACH = (14, 3), 1.3
"""Waves of the detector are followed to 1e-3 of their size by these degrees in scaled wavelength and slit, over this range of scaled wavelengths."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderOptics:
    """One order: pixel coordinates as polynomials in ``U = (wavelength - centre_nm) / scale_nm`` and ``S = slit / 6``.

    Attributes
    ----------
    order : int
        Order number.
    centre_nm, scale_nm : float
        Of the scaled wavelength.
    along_b, along_a : ndarray, shape (wavelength degree + 1, slit degree + 1)
        Coefficients of the dispersion-axis and the slit-axis pixel.
    """

    order: int
    centre_nm: float
    scale_nm: float
    along_b: FloatArray
    along_a: FloatArray

    def b_px(self, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> FloatArray:
        """Dispersion-axis pixel."""
        return _evaluate(self.along_b, (wavelength_nm - self.centre_nm) / self.scale_nm, slit_arcsec / SLIT_UNIT_ARCSEC)

    def a_px(self, wavelength_nm: FloatArray, slit_arcsec: FloatArray) -> FloatArray:
        """Slit-axis pixel."""
        return _evaluate(self.along_a, (wavelength_nm - self.centre_nm) / self.scale_nm, slit_arcsec / SLIT_UNIT_ARCSEC)

    def wavelength_nm(self, b_px: FloatArray, slit_arcsec: FloatArray) -> FloatArray:
        """Wavelength that falls on dispersion pixel `b_px` at `slit_arcsec` (Newton, from a tabulated start)."""
        grid = np.linspace(-1.6, 1.6, 65)
        at_centre = _evaluate(self.along_b, grid, np.zeros_like(grid))
        rising = at_centre[40] > at_centre[24]
        monotonic = _monotonic_part(at_centre if rising else at_centre[::-1])
        use = monotonic if rising else slice(grid.size - monotonic.stop, grid.size - monotonic.start)
        step = 1 if rising else -1
        start = np.interp(b_px, at_centre[use][::step], grid[use][::step])
        b, slit = np.broadcast_arrays(b_px, slit_arcsec / SLIT_UNIT_ARCSEC)
        u = np.broadcast_to(start, b.shape).copy()
        slope_of = polynomial.polyder(self.along_b, axis=0)
        for _ in range(_NEWTON_STEPS):
            u -= (_evaluate(self.along_b, u, slit) - b) / _evaluate(slope_of, u, slit)
        return self.centre_nm + self.scale_nm * u

    def shifted(self, b_px: float, a_px: float) -> OrderOptics:
        """Return the order moved by constant pixels."""
        along_b, along_a = self.along_b.copy(), self.along_a.copy()
        along_b[0, 0] += b_px
        along_a[0, 0] += a_px
        return replace(self, along_b=along_b, along_a=along_a)

    def bent(self, ends_px: float) -> OrderOptics:
        """Return the order with a parabola along the dispersion added: 0 in the middle, `ends_px` at scaled wavelengths of -1 and 1."""
        return replace(self, along_b=_add(self.along_b, ends_px * np.array([[0.0], [0.0], [1.0]])))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpticalModel:
    """All orders of an arm on the trimmed, unbinned science frame of `shape` (ny, nx); `dispersion_axis` is x or y."""

    dispersion_axis: Axis
    shape: tuple[int, int]
    orders: Mapping[int, OrderOptics]

    @property
    def n_dispersion(self) -> int:
        """Pixels along the dispersion."""
        return self.shape[1] if self.dispersion_axis == "x" else self.shape[0]

    @property
    def n_slit(self) -> int:
        """Pixels along the slit axis."""
        return self.shape[0] if self.dispersion_axis == "x" else self.shape[1]

    def only(self, orders: tuple[int, ...]) -> OpticalModel:
        """Return the model with some orders alone."""
        missing = [order for order in orders if order not in self.orders]
        if missing:
            raise ValueError(f"orders {missing} are not in this arm; it has {sorted(self.orders)}")
        return replace(self, orders={order: self.orders[order] for order in orders})

    def shifted(self, b_px: float, a_px: float) -> OpticalModel:
        """Return the model moved by constant pixels."""
        return replace(self, orders={order: optics.shifted(b_px, a_px) for order, optics in self.orders.items()})

    def moved(self, b_px: Mapping[int, float], a_px: Mapping[int, float]) -> OpticalModel:
        """Return the model with every order moved by pixels of its own."""
        return replace(self, orders={order: optics.shifted(b_px[order], a_px[order]) for order, optics in self.orders.items()})

    def bent(self, ends_px: Mapping[int, float]) -> OpticalModel:
        """Return the model with some orders bent along the dispersion."""
        return replace(self, orders={order: optics.bent(ends_px.get(order, 0.0)) for order, optics in self.orders.items()})

    def realigned(self, shift_px: tuple[float, float], rotation_deg: float, stretch: float) -> OpticalModel:
        """Return the model as another alignment of the same optics shows it.

        Parameters
        ----------
        shift_px : tuple of float
            Along detector x and y, pixels.
        rotation_deg : float
            About the middle of the frame, from x towards y.
        stretch : float
            Relative change of scale about the middle of the frame; 0.001 puts a corner of 2040 pixels 1.4 pixels further out.
        """
        along_x = self.dispersion_axis == "x"
        turn = np.deg2rad(rotation_deg) * (1.0 if along_x else -1.0)
        cosine, sine = (1.0 + stretch) * np.cos(turn), (1.0 + stretch) * np.sin(turn)
        shift_b, shift_a = shift_px if along_x else shift_px[::-1]
        middle_b, middle_a = 0.5 * (self.n_dispersion - 1), 0.5 * (self.n_slit - 1)
        orders = {}
        for order, optics in self.orders.items():
            b, a = optics.along_b.copy(), optics.along_a.copy()
            b[0, 0] -= middle_b
            a[0, 0] -= middle_a
            turned_b, turned_a = cosine * b - sine * a, sine * b + cosine * a
            turned_b[0, 0] += middle_b + shift_b
            turned_a[0, 0] += middle_a + shift_a
            orders[order] = replace(optics, along_b=turned_b, along_a=turned_a)
        return replace(self, orders=orders)

    def distorted(self, rms_px: float, rng: np.random.Generator) -> OpticalModel:
        """Return the model with a smooth error of `rms_px` on both axes: a random surface of low degree in order, wavelength and slit."""
        middle = np.mean(list(self.orders))
        half = max(np.ptp(list(self.orders)) / 2, 1.0)
        bumps = {axis: _random_surface(rng) for axis in ("b", "a")}
        changed = {}
        for order, optics in self.orders.items():
            q = (order - middle) / half
            changed[order] = replace(
                optics,
                along_b=_add(optics.along_b, rms_px * _collapse(bumps["b"], q)),
                along_a=_add(optics.along_a, rms_px * _collapse(bumps["a"], q)),
            )
        return replace(self, orders=changed)

    def rippled(self, rms_px: float, rng: np.random.Generator) -> OpticalModel:
        """Return the model with waves of `rms_px` over the detector on both axes, about one along each side, as no geometry of low degree has them."""
        phases = rng.uniform(0, 2 * np.pi, (2, 3))
        u, s = (
            grid.ravel() for grid in np.meshgrid(np.linspace(-RIPPLE_REACH, RIPPLE_REACH, 81), np.linspace(-1.2, 1.2, 7), indexing="ij")
        )
        inverse = np.linalg.pinv(polynomial.polyvander2d(u, s, RIPPLE_DEGREES))
        changed = {}
        for order, optics in self.orders.items():
            b, a = (_evaluate(along, u, s) for along in (optics.along_b, optics.along_a))
            waves = (
                rms_px * (inverse @ _waves(b / self.n_dispersion, a / self.n_slit, phase)).reshape(np.add(RIPPLE_DEGREES, 1))
                for phase in phases
            )
            changed[order] = replace(optics, along_b=_add(optics.along_b, next(waves)), along_a=_add(optics.along_a, next(waves)))
        return replace(self, orders=changed)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Light path at given dispersion pixels of one order, as polynomials of the distance `t` from the order's centre.

    Attributes
    ----------
    b_px : ndarray, shape (n,)
        Dispersion pixels.
    centre_px : ndarray, shape (n,)
        Slit-axis pixel of the slit centre.
    wavelength_nm : ndarray, shape (n,)
        At the slit centre.
    slit_of_t, centre_b_of_t, t_of_slit, centre_b_of_slit : ndarray, shape (degree + 1, n)
        Slit position, and dispersion pixel at slit centre of the same wavelength minus `b_px`, against ``t / 25 px`` or ``slit / 6``.
    """

    b_px: FloatArray
    centre_px: FloatArray
    wavelength_nm: FloatArray
    slit_of_t: FloatArray
    centre_b_of_t: FloatArray
    t_of_slit: FloatArray
    centre_b_of_slit: FloatArray

    def part(self, which: slice) -> Columns:
        """Some of the columns."""
        one = {name: getattr(self, name)[which] for name in ("b_px", "centre_px", "wavelength_nm")}
        many = {name: getattr(self, name)[:, which] for name in ("slit_of_t", "centre_b_of_t", "t_of_slit", "centre_b_of_slit")}
        return Columns(**one, **many)

    def slit_arcsec(self, a_px: FloatArray) -> FloatArray:
        """Slit position at slit-axis pixels `a_px`, shape (n, m)."""
        return _per_column(self.slit_of_t, (a_px - self.centre_px[:, None]) / _T_SCALE_PX)

    def centre_b(self, a_px: FloatArray) -> FloatArray:
        """Dispersion pixel at slit centre of the light that falls on slit-axis pixels `a_px`, shape (n, m)."""
        return self.b_px[:, None] + _per_column(self.centre_b_of_t, (a_px - self.centre_px[:, None]) / _T_SCALE_PX)

    def a_px(self, slit_arcsec: FloatArray) -> FloatArray:
        """Slit-axis pixel of slit positions, shape (n, m)."""
        return self.centre_px[:, None] + _per_column(self.t_of_slit, np.asarray(slit_arcsec) / SLIT_UNIT_ARCSEC)

    def centre_b_at_slit(self, slit_arcsec: FloatArray) -> FloatArray:
        """Dispersion pixel at slit centre of the light at slit positions, shape (n, m)."""
        return self.b_px[:, None] + _per_column(self.centre_b_of_slit, np.asarray(slit_arcsec) / SLIT_UNIT_ARCSEC)


def light_columns(optics: OrderOptics, b_px: FloatArray) -> Columns:
    """Follow the slit through the dispersion pixels `b_px` of an order."""
    slit = np.append(_NODES, 0.0)
    wave = optics.wavelength_nm(b_px[:, None], slit[None, :])
    a = optics.a_px(wave, np.broadcast_to(slit, wave.shape))
    centre = a[:, -1]
    t = (a[:, :-1] - centre[:, None]) / _T_SCALE_PX
    shift = optics.b_px(wave[:, :-1], np.zeros_like(t)) - b_px[:, None]
    nodes = np.broadcast_to(_NODES / SLIT_UNIT_ARCSEC, t.shape)
    return Columns(
        b_px=b_px,
        centre_px=centre,
        wavelength_nm=wave[:, -1],
        slit_of_t=_fit_through_origin(t, SLIT_UNIT_ARCSEC * nodes),
        centre_b_of_t=_fit_through_origin(t, shift),
        t_of_slit=_fit_through_origin(nodes, t * _T_SCALE_PX),
        centre_b_of_slit=_fit_through_origin(nodes, shift),
    )


def fit_orders(
    order: FloatArray, wavelength_nm: FloatArray, slit_arcsec: FloatArray, b_px: FloatArray, a_px: FloatArray
) -> dict[int, OrderOptics]:
    """Fit an optical model to pinhole positions: one surface in ``order x wavelength``, order and slit, degrees 6, 5 and 2.

    Parameters
    ----------
    order, wavelength_nm, slit_arcsec, b_px, a_px : ndarray, shape (n,)
        Positions of arc lines through pinholes.
    """
    product = order * wavelength_nm
    product_0, product_1 = np.median(product), np.ptp(product) / 2
    order_0, order_1 = np.mean(np.unique(order)), np.ptp(order) / 2
    u, q, s = (product - product_0) / product_1, (order - order_0) / order_1, slit_arcsec / SLIT_UNIT_ARCSEC
    terms = [(i, j, k) for i in range(7) for j in range(6) for k in range(3) if i + j <= 6 and not (k == 2 and i + j > 3)]
    design = np.stack([u**i * q**j * s**k for i, j, k in terms], axis=1)
    b_fit = np.linalg.lstsq(design, b_px, rcond=None)[0]
    a_fit = np.linalg.lstsq(design, a_px, rcond=None)[0]
    table = np.column_stack([np.array(terms, dtype=np.float64), b_fit, a_fit])
    numbers = [int(n) for n in np.unique(order)]
    return orders_from_surface(table, numbers, product=(float(product_0), float(product_1)), order_scale=(float(order_0), float(order_1)))


def orders_from_surface(
    table: FloatArray, orders: list[int], *, product: tuple[float, float], order_scale: tuple[float, float]
) -> dict[int, OrderOptics]:
    """Cut a surface in ``U^i Q^j S^k`` (rows i, j, k, coefficient along B, along A) into orders.

    ``U = (order * wavelength - product[0]) / product[1]`` and ``Q = (order - order_scale[0]) / order_scale[1]``.
    """
    result = {}
    i, j, k = (table[:, column].astype(int) for column in range(3))
    for order in orders:
        q = np.power((order - order_scale[0]) / order_scale[1], j)
        along_b, along_a = np.zeros((i.max() + 1, k.max() + 1)), np.zeros((i.max() + 1, k.max() + 1))
        np.add.at(along_b, (i, k), table[:, 3] * q)
        np.add.at(along_a, (i, k), table[:, 4] * q)
        result[order] = OrderOptics(
            order=order, centre_nm=product[0] / order, scale_nm=product[1] / order, along_b=along_b, along_a=along_a
        )
    return result


def _evaluate(coefficients: FloatArray, u: FloatArray, s: FloatArray) -> FloatArray:
    total = np.zeros(np.broadcast_shapes(np.shape(u), np.shape(s)))
    for k in range(coefficients.shape[1] - 1, -1, -1):
        total = total * s + polynomial.polyval(u, coefficients[:, k])
    return total


def _per_column(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    total = np.zeros(np.broadcast_shapes(x.shape, (coefficients.shape[1], 1)))
    for row in coefficients[::-1]:
        total *= x
        total += row[:, None]
    return total


def _fit_through_origin(x: FloatArray, y: FloatArray) -> FloatArray:
    """Coefficients, shape (degree + 1, n), of polynomials without constant term through the rows of `y` against `x`."""
    design = np.cumprod(np.broadcast_to(x[..., None], (*x.shape, _SLIT_DEGREE)), axis=-1)
    transposed = np.swapaxes(design, 1, 2)
    solution = np.linalg.solve(transposed @ design, transposed @ y[..., None])[..., 0]
    return np.concatenate([np.zeros((1, x.shape[0])), solution.T])


def _monotonic_part(values: FloatArray) -> slice:
    """The longest rising run around the middle."""
    middle = values.size // 2
    falling = np.flatnonzero(np.diff(values) <= 0)
    below, above = falling[falling < middle], falling[falling >= middle]
    return slice(int(below[-1]) + 1 if below.size else 0, int(above[0]) + 1 if above.size else values.size)


def _random_surface(rng: np.random.Generator) -> FloatArray:
    """Coefficients (wavelength, order, slit) of a random polynomial of low degree with unit rms over the cube."""
    coefficients = rng.normal(size=(4, 3, 2))
    grid = np.linspace(-1, 1, 21)
    rms = np.sqrt(np.mean(legendre.leggrid3d(grid, grid, grid, coefficients) ** 2))
    for axis in range(3):
        basis = [np.pad(legendre.leg2poly(unit), (0, 4))[: coefficients.shape[axis]] for unit in np.eye(coefficients.shape[axis])]
        coefficients = np.moveaxis(np.tensordot(np.transpose(basis), coefficients, axes=(1, axis)), 0, axis)
    return np.asarray(coefficients / rms)


def _waves(b: FloatArray, a: FloatArray, phase: FloatArray) -> FloatArray:
    """Waves of unit rms at places along dispersion and slit in units of the detector's sides; `phase` has three."""
    u, v = 2 * np.pi * b, 2 * np.pi * a
    wave = np.sin(1.1 * u + phase[0]) * np.cos(0.7 * v + phase[1]) + 0.5 * np.sin(0.6 * u - 1.3 * v + phase[2])
    return np.asarray(wave / np.sqrt(0.375))


def _collapse(surface: FloatArray, q: float) -> FloatArray:
    return np.tensordot(surface, np.power(q, np.arange(surface.shape[1])), axes=(1, 0))


def _add(first: FloatArray, second: FloatArray) -> FloatArray:
    total = np.zeros(np.maximum(first.shape, second.shape))
    total[: first.shape[0], : first.shape[1]] += first
    total[: second.shape[0], : second.shape[1]] += second
    return total
