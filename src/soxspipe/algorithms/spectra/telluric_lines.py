r"""Lines of the air, finer than the instrument resolves them, as standards under different air show them.

How the depth of a sample grows with the amount of gas depends on the lines within it: a black core between clear windows hardly grows, weak
lines grow in proportion.  Two spectra of one star after the other do not fix all lines, but the likeliest ones that give both spectra say how
the depth grows, also beyond the two.  On a grid of four samples a width of the line-spread function the optical depth is

.. math:: \tau(\lambda) = u\, \bar\tau(\lambda) \exp(s\, g(\lambda)),

with the amount u, the smooth depth of the first standard and a Gaussian field g of unit variance, whose width is that of a line.  The field,
and for each standard the width and the place of a Gaussian line-spread function, are those of the largest posterior probability, found with
the gradient (L-BFGS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from soxspipe.datamodel.arrays import ComplexArray, FloatArray, IntArray

SAMPLES_PER_E_FOLD = 46700.0
"""Of the fine grid: 0.03 nm at 1400 nm.  Half as many leave a third to a half more error, half more gain 5 %."""
STRENGTH_SCATTER = 4.0
"""Of the logarithm of the optical depth, line against window.  With 3 the deep bands are off by a tenth more."""
LINE_PX = 1.0
"""Width (sigma) of a line on the fine grid: 0.03 nm, broadened by the pressure of the air."""
WIDTH_POWER, WIDTH_SCATTER = 5000.0, 0.1
"""Resolving power that is expected of every standard, and its scatter in the logarithm: seeing narrower than the slit, and wider."""
SHIFT_SCATTER_PX = 2.0
"""Of the lines of one standard, fine grid: half a pixel of flexure."""
FLOOR = 0.004
"""Of a transmission: line-spread functions are not quite Gaussian, and change along an order."""
SMOOTH_NM = 3.6
"""Of the smooth depth: wider than a group of lines, narrower than a band."""
ROUNDS = 150
"""Of the search.  Twice as many change the error of the deep bands by less than a tenth."""
LEAST_DEPTH, MOST_DEPTH = 1e-3, 3.2
"""Between which depths are compared: less is not absorption, more shows no light."""
LOG_RANGE = (-25.0, 8.0)
"""Of the logarithm of the optical depth: beyond, nothing changes in the transmission."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """One standard: transmission and its error (infinite where unknown), and the logarithm of the amount over the first one's; shape (n,) each."""

    transmission: FloatArray
    error: FloatArray
    log_amount: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """The fine grid of `size` points, uniform in the logarithm of wavelength, and where the samples lie on it."""

    size: int
    first: IntArray
    beyond: FloatArray
    wavelength_nm: FloatArray

    @property
    def wavenumber(self) -> FloatArray:
        """Of the Fourier transform, radian a point."""
        return 2.0 * np.pi * np.arange(self.size // 2 + 1) / self.size

    def sampled(self, fine: FloatArray) -> FloatArray:
        """Values at the samples."""
        return np.asarray(fine[self.first] * (1.0 - self.beyond) + fine[self.first + 1] * self.beyond)

    def spread(self, values: FloatArray) -> FloatArray:
        """The transpose of `sampled`."""
        low = np.bincount(self.first, values * (1.0 - self.beyond), self.size)
        return np.asarray(low + np.bincount(self.first + 1, values * self.beyond, self.size))

    def convolved(self, fine: FloatArray, kernel: FloatArray | ComplexArray) -> FloatArray:
        """With a kernel that is given by its transform."""
        return np.asarray(irfft(rfft(fine) * kernel, self.size))


def _make_grid(wavelength_nm: FloatArray) -> _Grid:
    place = np.log(wavelength_nm / wavelength_nm[0]) * SAMPLES_PER_E_FOLD
    margin = 20  # four widths of the line-spread function, so that the ends of the spectrum do not meet
    size = next_fast_len(int(place[-1]) + 2 * margin, real=True)
    first = place.astype(np.int64)
    return _Grid(
        size=size,
        first=first,
        beyond=place - first,
        wavelength_nm=wavelength_nm[0] * np.exp(np.arange(size) / SAMPLES_PER_E_FOLD),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """Optical depth of the first standard's air on the fine grid, and the transform of its line-spread function."""

    grid: _Grid
    depth: FloatArray
    kernel: ComplexArray

    def growth(self, log_amounts: FloatArray) -> FloatArray:
        """Logarithm of the depth, as the instrument sees it, over the first standard's, at every sample; shape (m, n) for m logarithms of amounts."""
        first = np.log(self._seen(0.0))
        return np.array([np.log(self._seen(float(amount))) - first for amount in log_amounts])

    def _seen(self, log_amount: float) -> FloatArray:
        through = self.grid.sampled(self.grid.convolved(np.exp(-np.exp(log_amount) * self.depth), self.kernel))
        return np.clip(-np.log(np.maximum(through, np.exp(-MOST_DEPTH))), LEAST_DEPTH, MOST_DEPTH)


def find_lines(wavelength_nm: FloatArray, sights: Sequence[Sight]) -> Lines:
    """The likeliest lines behind the spectra of two or more standards.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Increasing.
    sights : sequence of Sight
        The first one's amount is the unit.
    """
    search = _make_search(wavelength_nm, sights)
    start = np.zeros(search.grid.size + 2 * len(sights))
    found = minimize(search.misfit, start, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS, "maxfun": 2 * ROUNDS}).x
    field, spread = found[: search.grid.size], found[search.grid.size :]
    return Lines(grid=search.grid, depth=search.depth(field), kernel=search.kernel(spread[:2]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """What the posterior needs: data, logarithm of each amount and of the smooth depth on the fine grid, and the transform of a line's shape."""

    grid: _Grid
    sights: Sequence[Sight]
    amounts: tuple[FloatArray, ...]
    log_smooth: FloatArray
    line: FloatArray

    def depth(self, field: FloatArray) -> FloatArray:
        """Optical depth of the first standard's air."""
        return np.exp(np.clip(self.log_smooth + STRENGTH_SCATTER * self.grid.convolved(field, self.line), *LOG_RANGE))

    def kernel(self, spread: FloatArray) -> ComplexArray:
        """Transform of a line-spread function; both parameters in units of their scatter."""
        return np.asarray(np.exp(-0.5 * self._squared_width(spread) - 1j * SHIFT_SCATTER_PX * spread[1] * self.grid.wavenumber))

    def _squared_width(self, spread: FloatArray) -> FloatArray:
        sigma = SAMPLES_PER_E_FOLD / WIDTH_POWER / 2.3548 * np.exp(WIDTH_SCATTER * spread[0])
        return np.asarray((sigma * self.grid.wavenumber) ** 2)

    def misfit(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Minus the logarithm of the posterior probability, and its gradient."""
        field, spreads = parameters[: self.grid.size], parameters[self.grid.size :].reshape(-1, 2)
        depth = self.depth(field)
        total, gradient, uphill = 0.5 * float(parameters @ parameters), parameters.copy(), np.zeros(self.grid.size)
        for number, (sight, amount) in enumerate(zip(self.sights, self.amounts, strict=True)):
            absorbed = amount * depth
            through = np.exp(-absorbed)
            seen, kernel = rfft(through), self.kernel(spreads[number])
            residual = (self.grid.sampled(irfft(seen * kernel, self.grid.size)) - sight.transmission) / sight.error
            total += 0.5 * float(residual @ residual)
            back = rfft(self.grid.spread(residual / sight.error))
            uphill -= irfft(back * np.conj(kernel), self.grid.size) * through * absorbed
            place = self.grid.size + 2 * number
            gradient[place : place + 2] += self._spread_gradient(back, seen * kernel, spreads[number])
        gradient[: self.grid.size] += STRENGTH_SCATTER * self.grid.convolved(uphill, self.line)
        return total, gradient

    def _spread_gradient(self, back: ComplexArray, seen: ComplexArray, spread: FloatArray) -> tuple[float, float]:
        """Slopes with width and place, as sums over the Fourier transform, whose negative half is the mirror image of the positive one."""
        wider = -WIDTH_SCATTER * self._squared_width(spread) * seen
        moved = -1j * SHIFT_SCATTER_PX * self.grid.wavenumber * seen
        weight = 2.0 / self.grid.size
        return weight * float(np.vdot(back, wider).real), weight * float(np.vdot(back, moved).real)


def _make_search(wavelength_nm: FloatArray, sights: Sequence[Sight]) -> _Search:
    grid = _make_grid(wavelength_nm)
    known = np.where(np.isfinite(sights[0].error), sights[0].transmission, 1.0)
    seen = -np.log(np.clip(known, np.exp(-MOST_DEPTH), 1.0))
    smooth = gaussian_filter1d(seen, SMOOTH_NM / float(np.median(np.diff(wavelength_nm))))
    line = np.exp(-0.5 * (LINE_PX * grid.wavenumber) ** 2)
    return _Search(
        grid=grid,
        sights=[Sight(transmission=one.transmission, error=np.hypot(one.error, FLOOR), log_amount=one.log_amount) for one in sights],
        amounts=tuple(np.exp(np.interp(grid.wavelength_nm, wavelength_nm, one.log_amount)) for one in sights),
        log_smooth=np.interp(grid.wavelength_nm, wavelength_nm, np.log(np.maximum(smooth, LEAST_DEPTH))),
        line=line / np.sqrt(np.mean(np.abs(np.concatenate([line, line[1:-1]])) ** 2)),
    )
