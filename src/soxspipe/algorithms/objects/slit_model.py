"""A point source of any shape along the slit, fitted to rows of light, and what a host beside it promises.

The point source is a Moffat of free width and exponent, both of which may change with wavelength, that stood at several places along
the slit during the exposure: places `NODE_STEP` of a FWHM apart out to 1.5 FWHM, with shares that are not negative.  That makes it as
lopsided, drawn out or doubled as guiding makes stars, while its wings stay those of seeing.  Its height, a constant and a parabola of
what the sky model may have taken or left, and a shift of the trace are free in every row and solved for at each step, so that the few
parameters of shape are all that is searched for (Gauss-Newton with damping).  A host, a Sersic profile, is not fitted here: one step
from the point source says what it could gain.

References
----------
.. [1] Golub G. & Pereyra V., 2003, Inverse Problems, 19, R1, doi:10.1088/0266-5611/19/2/201 (variable projection).
.. [2] Prugniel P. & Simien F., 1997, A&A, 321, 111 (Sersic's b).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.slit_rows import SlitRows
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.damped_steps import damped_steps
from soxspipe.numerics.not_negative import not_negative
from soxspipe.numerics.rows import fit_rows, row_slope

NODES = np.arange(-6, 7)
"""Places of the image during the exposure, out to 1.5 FWHM to either side."""
NODE_STEP = 0.25
"""Half of what the image resolves."""
MIDDLE = NODES.size // 2
PEAK_TOLERANCE = 0.001
"""Of a real image against any formula, in units of its peak: the mean over all rows is believed to this."""
SHAPE_TOLERANCE = 0.005
"""The same in units of the light itself: wings are no better known than that."""
PARABOLA_OF_PEAK, PARABOLA_OF_SKY = 0.005, 0.003
"""What the sky model leaves of the object's wings and of the slit's illumination."""
SHIFT_OF_FWHM = 0.03
"""Error of the trace."""
SHAPE_MEAN, SHAPE_PRIOR = (-0.1, -0.2, 3.0, 0.0), (0.3, 0.2, 1.5, 1.0)
"""log of width over the trace's, its exponent of wavelength, the Moffat's exponent (2.5 to 4.5 at most sites), its change with wavelength."""
SHAPE_LIMITS = ((np.log(0.3), -1.0, 1.4, -4.0), (np.log(1.3), 0.6, 9.0, 4.0))
"""Logarithm of the width, its slope, Moffat exponent and its slope: what seeing can be."""
SHARE_PRIOR = 0.05
"""A star stands still unless its image says otherwise: what a share of 0.2 costs (chi squared of 16) is little where it is real."""
HOST_SOFTENING_FWHM = 0.5
"""Seeing rounds off a host's cusp."""
USUAL_BETA = 3.2
"""Exponent from which a fit with a host begins: the wings that a star alone needs hold the host."""
STAR_PARAMETERS = len(SHAPE_MEAN) + NODES.size - 1
"""Shape, and shares of all places but the middle one, which has the rest."""
LARGEST_STEP = 0.4
"""Keeps the fit where it is nearly linear."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitFit:
    """A fit.

    Attributes
    ----------
    misfit : float
        Chi squared, all priors included.
    shape : ndarray, shape (4,)
        As `SHAPE_MEAN` has them.
    shares : ndarray, shape (nodes,)
        Of the places of the point source; sum 1.
    own : ndarray, shape (rows,)
        Height of the point source's Moffats.
    """

    misfit: float
    shape: FloatArray
    shares: FloatArray
    own: FloatArray


class SlitModel:
    """Rows of light and what is fitted to them.

    Parameters
    ----------
    rows : SlitRows
        The data.
    fwhm_arcsec : float
        Width of the object at median wavelength.
    index : float
        Sersic index of the hosts that are asked for what they promise.
    """

    def __init__(self, rows: SlitRows, fwhm_arcsec: float, index: float = 1.0) -> None:
        self.light, self.colour, self.x = rows.light, rows.colour[:, None, None], rows.distance_arcsec
        self.x_step = row_slope(self.x)
        self.fwhm, self.index = fwhm_arcsec, index
        self.places = NODES * NODE_STEP * fwhm_arcsec
        # the average over a pixel is a place on either side that has the pixel's variance
        beside = rows.pixel_arcsec**2 / 24.0 / (NODE_STEP * fwhm_arcsec) ** 2
        self.usual_shares = np.delete(np.where(np.abs(NODES) == 1, min(beside, 0.25), 0.0), MIDDLE)
        self.n_rows, self.peak, self.parabola = rows.n_lit, rows.peak, rows.parabola
        light = np.maximum(rows.light, 0.0)
        self.weight = rows.weight_beside((PEAK_TOLERANCE * self.peak[:, None]) ** 2 + (SHAPE_TOLERANCE * light) ** 2)
        self.parabola_prior = 1.0 / ((PARABOLA_OF_PEAK * self.peak) ** 2 + (PARABOLA_OF_SKY * rows.sky) ** 2)
        self.shift_prior = 1.0 / (SHIFT_OF_FWHM * fwhm_arcsec * self.peak) ** 2
        constant = np.zeros_like(self.peak)  # which is free
        self.linear_prior = np.stack([self.shift_prior, constant, self.parabola_prior, self.parabola_prior], axis=-1)

    def moffats(self, shape: FloatArray, shares: FloatArray | None = None) -> FloatArray:
        """The Moffat at every place, unit height, shape (rows, bins, nodes); summed with the places' shares if given, shape (rows, bins)."""
        if shares is None:
            return self._powers(shape, self.places)[0]
        stood = shares > 0
        return self._powers(shape, self.places[stood])[0] @ shares[stood]

    def _powers(self, shape: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Moffats at places and what their derivatives are made of: ``base^-beta``, log base, base, (2 distance / width)^2, and beta."""
        width = self.fwhm * np.exp(shape[0]) * self.colour ** shape[1]
        beta = np.clip(self._exponent(shape), SHAPE_LIMITS[0][2], SHAPE_LIMITS[1][2])
        square = np.square((self.x[:, :, None] - places) * (2.0 / width))
        base = 1.0 + (2.0 ** (1.0 / beta) - 1.0) * square
        logarithm = np.log(base)
        return np.exp(-beta * logarithm), logarithm, base, square, beta

    def _exponent(self, shape: FloatArray) -> FloatArray:
        """The Moffats' exponent without its limits, shape (rows, 1, 1)."""
        return np.asarray(shape[2] + shape[3] * np.log(self.colour))

    def moffat_at(self, shape: FloatArray, distance_arcsec: FloatArray) -> FloatArray:
        """The Moffat of a star that stood still, at median wavelength and some distances from it, shape of these."""
        width = self.fwhm * np.exp(shape[0])
        return np.asarray((1.0 + (2.0 ** (1.0 / shape[2]) - 1.0) * np.square(2.0 * distance_arcsec / width)) ** -shape[2])

    def moffats_and_slopes(self, fit: SlitFit) -> tuple[FloatArray, FloatArray]:
        """The Moffats of a fit, and the derivatives of the star by the four parameters of its shape, shape (4, rows, bins)."""
        moffats, logarithm, base, square, beta = self._powers(fit.shape, self.places)
        steep = 2.0 ** (1.0 / beta)
        per_square = beta * moffats / base
        by_width = (2.0 * (steep - 1.0) * per_square * square) @ fit.shares
        by_beta = (np.log(2.0) * steep / beta**2 * per_square * square - logarithm * moffats) @ fit.shares
        by_beta *= (beta == self._exponent(fit.shape))[:, :, 0]  # beyond its limits it stands still
        log_colour = np.log(self.colour[:, :, 0])
        return moffats, np.stack([by_width, by_width * log_colour, by_beta, by_beta * log_colour])

    def start(self, known: SlitFit | None = None) -> SlitFit:
        """Best of a few shapes, with the shares that the mean of all rows asks for; begun from a fit to other rows of the same light if one is known."""
        if known is not None:
            return self.improve(self._at(known.shape, known.shares))
        tried = []
        for width in (0.38, 0.6, 0.85):
            for beta in (2.2, 3.5):
                shape = np.array([np.log(width), SHAPE_MEAN[1], beta, 0.0])
                tried.append(self._at(shape, self._shares_of_mean(shape)))
        best = sorted(tried, key=lambda fit: fit.misfit)[:2]
        return min((self.improve(fit) for fit in best), key=lambda fit: fit.misfit)

    def still_shares(self) -> FloatArray:
        """Shares of a star that stood still: what the average over a pixel makes of it."""
        return np.insert(self.usual_shares, MIDDLE, 1.0 - self.usual_shares.sum())

    def still(self, fit: SlitFit) -> SlitFit:
        """The best star that stood still (width, exponents free), begun from a fit's wings."""
        at = self._at(np.array([0.0, fit.shape[1], min(fit.shape[2], 3.5), 0.0]), self.still_shares())
        return self.improve(at, moving=False)

    def promise(self, fit: SlitFit, size_arcsec: float, offset_arcsec: float = 0.0) -> float:
        """Chi squared that a host of a size and a distance from the object could save at most by one step from a point source."""
        moffats, by_shape = self.moffats_and_slopes(fit)
        star = moffats @ fit.shares
        host = sersic(self.x - offset_arcsec, size_arcsec, self.index, HOST_SOFTENING_FWHM * self.fwhm)
        slopes = self.slopes(fit, moffats, by_shape)
        without, with_it = (self._step(self.terms(star, h), slopes, fit)[2] for h in (None, host))
        return without - with_it

    def improve(self, start: SlitFit, *, moving: bool = True) -> SlitFit:
        """Damped Gauss-Newton steps until chi squared stands still; the places' shares are held unless the star is `moving`."""

        def held(fit: SlitFit, right: FloatArray) -> BoolArray:
            found = self.held(fit, right)
            if not moving:
                found[len(SHAPE_MEAN) : STAR_PARAMETERS] = True
            return found

        return damped_steps(start, self._normal, held, self._moved, LARGEST_STEP)

    def _normal(self, fit: SlitFit) -> tuple[FloatArray, FloatArray]:
        """Normal matrix and right-hand side of a step from a fit."""
        moffats, by_shape = self.moffats_and_slopes(fit)
        normal, right, _ = self._step(self.terms(moffats @ fit.shares, None), self.slopes(fit, moffats, by_shape), fit)
        return normal, right

    def held(self, fit: SlitFit, right: FloatArray) -> BoolArray:
        """Parameters that stand at a limit and are drawn beyond it."""
        low, high = (np.array([*limits, *(edge,) * (NODES.size - 1)]) for limits, edge in zip(SHAPE_LIMITS, (0.0, 1.0), strict=True))
        here = vector(fit)
        return ((here <= low + 1e-9) & (right < 0)) | ((here >= high - 1e-9) & (right > 0))

    def own_light(self, fit: SlitFit) -> float:
        """Light of the point source in all rows, electrons times bins."""
        return float(np.sum(self.own_light_of_rows(fit)))

    def own_light_of_rows(self, fit: SlitFit) -> FloatArray:
        """Light of the point source in every row, electrons times bins, shape (rows,)."""
        return np.asarray(fit.own * self.moffats(fit.shape, fit.shares).sum(axis=1))

    def _shares_of_mean(self, shape: FloatArray) -> FloatArray:
        """Shares of the places, not negative, from the rows scaled by their peaks."""
        weight = (self.weight * self.peak[:, None] ** 2).ravel()
        terms = np.concatenate([self.moffats(shape), np.ones((*self.x.shape, 1))], axis=-1).reshape(weight.size, -1)
        normal = (terms * weight[:, None]).T @ terms
        found = not_negative(normal, terms.T @ (weight * (self.light / self.peak[:, None]).ravel()), free=1)[: NODES.size]
        total = found.sum()
        return found / total if total > 0 else (NODES == 0).astype(np.float64)

    def terms(self, star: FloatArray, host: FloatArray | None) -> FloatArray:
        """Terms that are linear in every row: point source, host, its shift, parabola; shape (rows, bins, terms)."""
        moved = row_slope(star) / self.x_step
        own = [star[..., None]] if host is None else [star[..., None], host[..., None]]
        return np.concatenate([*own, moved[..., None], self.parabola], axis=-1)

    def without_star(self, star: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What the terms of a star (height, shift, parabola) leave of columns, shape (rows, bins, columns), and the heights given."""
        terms = self.terms(star, None)
        found = fit_rows(terms, self.weight, columns, self.linear_prior)
        return columns - terms @ found, found[:, 0]

    def _at(self, shape: FloatArray, shares: FloatArray) -> SlitFit:
        terms = self.terms(self.moffats(shape, shares), None)
        found = fit_rows(terms, self.weight, self.light[..., None], self.linear_prior)
        residual = self.light - (terms @ found)[..., 0]
        found = found[..., 0]
        priors = self.parabola_prior * (found[:, -1] ** 2 + found[:, -2] ** 2) + self.shift_prior * found[:, -4] ** 2
        here = SlitFit(
            misfit=float(np.sum(self.weight * residual**2) + np.sum(priors)),
            shape=shape,
            shares=shares,
            own=found[:, 0],
        )
        mean, width = self.priors()
        return replace(here, misfit=here.misfit + float(np.sum(((vector(here) - mean) / width) ** 2)))

    def slopes(self, fit: SlitFit, moffats: FloatArray, by_shape: FloatArray) -> list[FloatArray]:
        """Derivatives of the model by the parameters of shape, shape (rows, bins) each."""
        own = fit.own[:, None]
        by_place = [own * (moffats[..., k] - moffats[..., MIDDLE]) for k in range(NODES.size) if k != MIDDLE]
        return [own * slope for slope in by_shape] + by_place

    def _step(self, terms: FloatArray, slopes: Sequence[FloatArray], fit: SlitFit) -> tuple[FloatArray, FloatArray, float]:
        """Normal matrix and right-hand side of a step, and the chi squared it promises."""
        columns = np.stack([self.light, *slopes], axis=-1)
        left = columns - terms @ fit_rows(terms, self.weight, columns, self.linear_prior)
        residual, slope = left[..., 0], left[..., 1:].reshape(-1, len(slopes))
        weighted = slope * self.weight.reshape(-1, 1)
        mean, width = self.priors()
        normal = weighted.T @ slope + np.diag(width**-2)
        right = weighted.T @ residual.ravel() - (vector(fit) - mean) / width**2
        saved = float(right @ np.linalg.solve(normal, right))
        return normal, right, float(np.sum(self.weight * residual**2)) - saved

    def priors(self) -> tuple[FloatArray, FloatArray]:
        """Mean and width of the priors of all parameters of shape."""
        return np.array([*SHAPE_MEAN, *self.usual_shares]), np.array([*SHAPE_PRIOR, *(SHARE_PRIOR,) * (NODES.size - 1)])

    def _moved(self, fit: SlitFit, step: FloatArray) -> SlitFit:
        """The fit a step further, within its limits."""
        return self._at(*possible_star(vector(fit) + step))


def vector(fit: SlitFit) -> FloatArray:
    """All parameters of shape; the share of the middle place is what the others leave."""
    return np.concatenate([fit.shape, np.delete(fit.shares, MIDDLE)])


def sersic(distance_arcsec: FloatArray, size_arcsec: float, index: float, softening_arcsec: float) -> FloatArray:
    """Sersic profile of unit height; half of the light of a round galaxy lies within its diameter `size_arcsec`."""
    falling = 2.0 * index - 1.0 / 3.0 + 0.009876 / index
    half = 0.5 * size_arcsec
    radius = np.hypot(distance_arcsec, softening_arcsec)
    return np.asarray(np.exp(-falling * ((radius / half) ** (1.0 / index) - (softening_arcsec / half) ** (1.0 / index))))


def usual_star(fit: SlitFit, shares: FloatArray) -> SlitFit:
    """A point source as wide as that of a fit, with usual wings, where a host beside it may be looked for."""
    return replace(fit, shape=np.array([fit.shape[0], SHAPE_MEAN[1], USUAL_BETA, 0.0]), shares=shares)


def possible_star(parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shape and shares of the places of the star that is nearest to some parameters and within the limits."""
    n = len(SHAPE_MEAN)
    others = np.maximum(parameters[n:], 0.0)
    others *= min(1.0, 0.95 / max(float(others.sum()), 1e-9))
    return np.clip(parameters[:n], *SHAPE_LIMITS), np.insert(others, MIDDLE, 1.0 - others.sum())
