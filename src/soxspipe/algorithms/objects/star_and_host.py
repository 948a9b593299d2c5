"""A star's image that no formula holds exactly, and a host beside it, told apart by colour as well as by shape.

What a Moffat smeared by guiding (`slit_model`) does not hold of a star's image is the same at all wavelengths, but for the width that
seeing gives it there.  It is fitted along with the rest: a change of the image in steps of the slit, small by its prior, in the star's
own light.  So rows of light need not be good to their formula, only to their noise, and what differs between them, the part of a host
whose colour is not the star's, tells the shapes of both.  The host is round, blurred by the star's seeing and cut by the slit.  Its
light over the star's goes as a power of wavelength, from which every row may depart by about a third: noise that is free in every row
would pass for a host more often than a host's lines and breaks need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.blurred_host import (
    FURTHEST_HOST_ARCSEC,
    HOST_MEAN,
    HOST_PRIOR,
    LARGEST_HOST_ARCSEC,
    STEP,
    STEP_ARCSEC,
    BlurredHost,
)
from soxspipe.algorithms.objects.slit_model import (
    LARGEST_STEP,
    PEAK_TOLERANCE,
    SHAPE_TOLERANCE,
    STAR_PARAMETERS,
    USUAL_BETA,
    SlitFit,
    SlitModel,
    possible_star,
    usual_star,
    vector,
)
from soxspipe.algorithms.objects.slit_rows import REACH_ARCSEC, SlitRows
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.damped_steps import damped_steps
from soxspipe.numerics.rows import fit_rows

KNOT_ARCSEC = 0.3
"""A pixel: finer changes of the image are not seen."""
RATIOS = (0.1, 0.4)
"""Light of the host over the star's where the fit begins: a star of wide wings with a weak host and one of steep wings with a strong host
are minima of their own."""
DEPARTURE = 0.3
"""Of a row's light from the power law: features of a supernova, breaks of a galaxy."""
WIDTH_EXPONENT = -0.2
"""Of wavelength, by which seeing's width goes (Kolmogorov), and what a formula misses of the image with it."""
LEAST_SIZE_FWHM = 1.5
"""A smaller host, before the blur, is seen as a star is: stars with a tail "had" hosts of the least size that was allowed."""
ROW_OF_LIGHT, ROW_OF_PEAK = 0.006, 0.001
"""What a real star (NIRSPEC, exponent 2.7) has in a bin of a single row beyond its image elsewhere, over its light and over the row's peak."""
SHIFT_OF_FWHM = 0.1
"""Of the star from the trace: a host beside it draws the trace, more so where it is bright."""
IMAGE_MEAN, IMAGE_PRIOR = (-0.1, -0.2, 3.0, 0.0), (0.3, 0.1, 1.0, 0.5)
"""Of a star's image, as `slit_model` has them, and closer: width goes as wavelength to the power of -0.2, or -0.3 where the outer scale of
turbulence is short, wings by 2 to 4, alike at all wavelengths.  What asks for more is not seeing alone."""
BETA = 2
"""Place of the exponent among the parameters of a star's shape."""
LEAST_BETA = 2.0
"""Of a star that has a host: stars of exponents below have not been seen, and with such wings it would be the host as well."""
RATIO_MEAN, RATIO_PRIOR = (float(np.log(0.1)), 0.0), (3.0, 2.0)
"""Logarithm of the host's light over the star's, any; its exponent of wavelength, as two of galaxies and supernovae differ."""
LEAST_RATIO, LARGEST_RATIO, STEEPEST_RATIO = 1e-4, 100.0, 8.0
"""No host, no star, and no two spectra further apart."""
RANGE_STEPS = (0.9, 1.4, 2.0, 2.8, 4.0, 5.6)
"""Of the distance at which a quadratic chi squared has risen as far."""
ROW_HEIGHTS = 4
"""Free in a row: star, constant, and about as much as the priors leave of the others."""
END_ARCSEC = 0.6
"""Two pixels: so far from where the lit slit ends, blurred and moved, its flat and its light do not agree."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostFit:
    """A fit.

    Attributes
    ----------
    misfit : float
        Chi squared, all priors included.
    star : SlitFit
        Shape, shares of the places and heights of the point source.
    change : ndarray, shape (knots,)
        Of its image, in units of the height of its Moffats.
    host : ndarray, shape (4,), or None
        Logarithm of the size (arcsec) before the blur, place, logarithm of its light over the star's, exponent of wavelength of that.
    peak : ndarray, shape (rows,)
        Of the host, in units of `StarAndHost.table`.
    """

    misfit: float
    star: SlitFit
    change: FloatArray
    host: FloatArray | None
    peak: FloatArray


class StarAndHost:
    """Rows of light, and the star and host that are fitted to them.

    Parameters
    ----------
    rows : SlitRows
        The data.
    fwhm_arcsec : float
        Width of the object at median wavelength.
    blur : BlurredHost
        Hosts of one Sersic index in the star's seeing.
    scatter : float
        Chi squared per degree of freedom that fits have left, by which variances are enlarged.
    """

    def __init__(self, rows: SlitRows, fwhm_arcsec: float, blur: BlurredHost, scatter: float = 1.0) -> None:
        self.slit, self.blur = SlitModel(rows, fwhm_arcsec, blur.index), blur
        self.n_rows, self.index = self.slit.n_rows, blur.index
        error = (ROW_OF_LIGHT * np.maximum(rows.light, 0.0)) ** 2 + (ROW_OF_PEAK * self.slit.peak[:, None]) ** 2
        live = (rows.weight > 0) & ~_near_end(rows)
        self.weight = np.where(live, 1.0 / (1.0 / np.where(live, rows.weight, 1.0) + error) / scatter, 0.0)
        self.linear_prior = self.slit.linear_prior.copy()
        self.linear_prior[:, 0] = 1.0 / (SHIFT_OF_FWHM * fwhm_arcsec * self.slit.peak) ** 2
        self.knots = KNOT_ARCSEC * np.arange(-np.ceil(REACH_ARCSEC / KNOT_ARCSEC) - 1, np.ceil(REACH_ARCSEC / KNOT_ARCSEC) + 2)
        of_width = self.slit.x * self.slit.colour[:, :, 0] ** -WIDTH_EXPONENT
        self.tents = np.maximum(1.0 - np.abs(of_width[..., None] - self.knots) / KNOT_ARCSEC, 0.0)
        low = (np.log(LEAST_SIZE_FWHM * fwhm_arcsec), -FURTHEST_HOST_ARCSEC, np.log(LEAST_RATIO), -STEEPEST_RATIO)
        high = (np.log(LARGEST_HOST_ARCSEC), FURTHEST_HOST_ARCSEC, np.log(LARGEST_RATIO), STEEPEST_RATIO)
        self.host_limits = np.array(low), np.array(high)
        self._tables: dict[float, FloatArray] = {}

    def alone(self, star: SlitFit) -> HostFit:
        """Fit a point source without a host, begun from a known one."""
        return self.improve(self._at(star, np.zeros(self.knots.size), None))

    def with_host(self, star: SlitFit, size_arcsec: float, places_arcsec: Sequence[float]) -> list[HostFit]:
        """Fit a host too, begun from a point source with usual wings, as smeared as a known one or not at all, and hosts at some places.

        One fit for each of `RATIOS`, the best first.
        """
        none = np.zeros(self.knots.size)
        stars = [usual_star(star, shares) for shares in (self.slit.still_shares(), star.shares)]
        fits = []
        for ratio in RATIOS:
            hosts = [np.clip([np.log(size_arcsec), place, np.log(ratio), 0.0], *self.host_limits) for place in places_arcsec]
            begun = (self._at(one, none, host) for one in stars for host in hosts)
            fits.append(self.improve(min(begun, key=_misfit)))
        return sorted(fits, key=_misfit)

    def improve(self, start: HostFit) -> HostFit:
        """Damped Gauss-Newton steps until chi squared stands still."""
        return damped_steps(start, self._normal, self._held, self._moved, LARGEST_STEP)

    def scatter(self, fit: HostFit) -> float:
        """Chi squared of a fit per degree of freedom, at least 1."""
        return max(1.0, fit.misfit / max(int((self.weight > 0).sum()) - ROW_HEIGHTS * self.n_rows, 1))

    def image(self, fit: HostFit) -> FloatArray:
        """The point source, for Moffats of unit height, shape (rows, bins)."""
        return self.slit.moffats(fit.star.shape, fit.star.shares) + self.tents @ fit.change

    def table(self, size_arcsec: float) -> FloatArray:
        """The host along `BlurredHost.along`, with the light of a star of unit height."""
        if size_arcsec not in self._tables:
            seen = self.blur.table(size_arcsec)
            self._tables[size_arcsec] = seen * (self.slit.fwhm / (seen.sum() * STEP_ARCSEC))
        return self._tables[size_arcsec]

    def host_shape(self, host: FloatArray) -> FloatArray:
        """The host with the light of a star of unit height, shape (rows, bins)."""
        return np.interp(self.slit.x - host[1], self.blur.along, self.table(float(np.exp(host[0]))))

    def ratio(self, host: FloatArray) -> FloatArray:
        """Light of the host over the star's by the power law, shape (rows, 1)."""
        return np.asarray(np.exp(host[2]) * self.slit.colour[:, :, 0] ** host[3])

    def own_light(self, fit: HostFit) -> float:
        """Light of the point source in all rows, electrons times bins."""
        return float(np.sum(fit.star.own * self.image(fit).sum(axis=1)))

    def own_light_range(self, fit: HostFit, rise: float) -> tuple[float, float]:
        """Least and most light of the point source where chi squared has risen by `rise` at most.

        All shapes are moved together to where star and host trade most light, and further as long as chi squared allows: far from the
        best fit it may rise more slowly than near it.  Those at a limit stay there.
        """
        normal, right, slope = self._step(fit)
        free = np.flatnonzero(~self._held(fit, right))
        trade = np.linalg.solve(normal[np.ix_(free, free)], slope[free])
        error = float(np.sqrt(slope[free] @ trade))
        reach = np.sqrt(rise) * error
        along, light = np.zeros(right.size), self.own_light(fit)
        along[free] = np.sqrt(rise) * trade / max(error, 1e-30)
        ends = [light - reach, light + reach]
        for side, sign in enumerate((-1.0, 1.0)):
            for far in RANGE_STEPS:
                there = self._moved(fit, sign * far * along)
                if there.misfit - fit.misfit > rise:
                    break
                ends[side] = float((min, max)[side](ends[side], self.own_light(there)))
        return ends[0], ends[1]

    def host_light(self, fit: HostFit) -> float:
        """Light of the host in all rows, electrons times bins."""
        return 0.0 if fit.host is None else float(np.sum(fit.peak * self.host_shape(fit.host).sum(axis=1)))

    def share(self, fit: HostFit) -> float:
        """Light of the host over the star's."""
        return self.host_light(fit) / self.own_light(fit)

    def heights(self, fit: HostFit) -> FloatArray:
        """The host's peak in these rows when all shapes are those of a fit to others, shape (rows,)."""
        return self._at(fit.star, fit.change, fit.host).peak

    def misfit_of_rows(self, fit: HostFit) -> FloatArray:
        """Chi squared of each row, priors of its heights included, shape (rows,)."""
        return self._solve(fit)[1]

    def _at(self, star: SlitFit, change: FloatArray, host: FloatArray | None) -> HostFit:
        """The best heights for these shapes; those of `star` are not looked at."""
        here = HostFit(misfit=0.0, star=star, change=change, host=host, peak=np.zeros(self.slit.light.shape[0]))
        heights, of_rows = self._solve(here)
        mean, width = self._shape_priors(here)
        misfit = np.sum(of_rows) + np.sum(((self._vector(here) - mean) / width) ** 2)
        own = heights[:, 0]
        if host is not None:
            here = replace(here, peak=self.ratio(host)[:, 0] * (own + heights[:, 1]))
        return replace(here, misfit=float(misfit), star=replace(here.star, own=own))

    def _solve(self, fit: HostFit) -> tuple[FloatArray, FloatArray]:
        """Heights of all terms in every row for the shapes of a fit, and chi squared of the rows."""
        terms, prior = self._terms(fit, self.image(fit), None if fit.host is None else self.host_shape(fit.host))
        heights = fit_rows(terms, self.weight, self.slit.light[..., None], prior)
        residual = self.slit.light - (terms @ heights)[..., 0]
        of_rows = np.sum(self.weight * residual**2, axis=1) + np.sum(prior * heights[:, 1:, 0] ** 2, axis=1)
        return heights[..., 0], of_rows

    def _terms(self, fit: HostFit, image: FloatArray, host: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Terms that are linear in every row, shape (rows, bins, terms), and inverse variances about 0 of all heights but the star's.

        The star brings the host's light by the power law with it; departures from that are electrons, as the star's height is.
        """
        if fit.host is None or host is None:
            return self.slit.terms(image, None), self.linear_prior
        light = self.ratio(fit.host) * host
        return self.slit.terms(image + light, light), np.insert(self.linear_prior, 0, (DEPARTURE * self.slit.peak) ** -2, axis=1)

    def _shape_priors(self, fit: HostFit) -> tuple[FloatArray, FloatArray]:
        """Mean and width of the priors of all parameters of shape."""
        mean, width = self.slit.priors()
        mean[: len(IMAGE_MEAN)], width[: len(IMAGE_MEAN)] = IMAGE_MEAN, IMAGE_PRIOR
        usual = self.slit.moffat_at(np.array([0.0, WIDTH_EXPONENT, USUAL_BETA, 0.0]), self.knots)
        own = (mean, np.zeros(self.knots.size)), (width, SHAPE_TOLERANCE * usual + PEAK_TOLERANCE)
        host = ((), ()) if fit.host is None else ((*HOST_MEAN, *RATIO_MEAN), (*HOST_PRIOR, *RATIO_PRIOR))
        return np.concatenate([*own[0], host[0]]), np.concatenate([*own[1], host[1]])

    @staticmethod
    def _vector(fit: HostFit) -> FloatArray:
        """All parameters of shape: star, changes of its image, host."""
        return np.concatenate([vector(fit.star), fit.change, [] if fit.host is None else fit.host])

    def _normal(self, fit: HostFit) -> tuple[FloatArray, FloatArray]:
        """Normal matrix and right-hand side of a step."""
        return self._step(fit)[:2]

    def _step(self, fit: HostFit) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Normal matrix and right-hand side of a step, and how the point source's light goes with each parameter."""
        moffats, by_shape = self.slit.moffats_and_slopes(fit.star)
        slopes = self.slit.slopes(fit.star, moffats, by_shape)
        image = moffats @ fit.star.shares + self.tents @ fit.change
        host, by_host = (None, []) if fit.host is None else self._host_and_slopes(fit, fit.host)
        columns = np.concatenate(
            [np.stack([self.slit.light, *slopes], axis=-1), fit.star.own[:, None, None] * self.tents, *(one[..., None] for one in by_host)],
            axis=-1,
        )
        terms, prior = self._terms(fit, image, host)
        heights = fit_rows(terms, self.weight, columns, prior)
        left = columns - terms @ heights
        residual, slope = left[..., 0], left[..., 1:].reshape(-1, columns.shape[-1] - 1)
        # whole columns: what priors of the heights pay is part of chi squared, and of its slopes
        weighted = (columns[..., 1:] * self.weight[..., None]).reshape(slope.shape)
        mean, width = self._shape_priors(fit)
        right = weighted.T @ residual.ravel() - (self._vector(fit) - mean) / width**2
        # its image changes, and its height as far as the change looks like the star itself
        own = -image.sum(axis=1) @ heights[:, 0, 1:]
        of_image = right.size - len(by_host)
        own[:of_image] += columns[..., 1 : 1 + of_image].sum(axis=(0, 1))
        return weighted.T @ slope + np.diag(width**-2), right, own

    def _host_and_slopes(self, fit: HostFit, host: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """The host's shape, and derivatives of its light by its four parameters."""
        here, peak = self.host_shape(host), fit.peak[:, None]
        by_size, by_place = ((self.host_shape(host + step) - here) / STEP for step in STEP * np.eye(host.size)[:2])
        light = peak * here
        return here, [peak * by_size, peak * by_place, light, light * np.log(self.slit.colour[:, :, 0])]

    def _held(self, fit: HostFit, right: FloatArray) -> BoolArray:
        """Parameters that stand at a limit and are drawn beyond it."""
        rest = right[STAR_PARAMETERS + self.knots.size :]
        held = [self.slit.held(fit.star, right[:STAR_PARAMETERS]), np.zeros(self.knots.size, dtype=bool)]
        if fit.host is not None:
            held[0][BETA] |= fit.star.shape[BETA] <= LEAST_BETA + 1e-9 and right[BETA] < 0
            low, high = self.host_limits
            held.append(((fit.host <= low + 1e-9) & (rest < 0)) | ((fit.host >= high - 1e-9) & (rest > 0)))
        return np.concatenate(held)

    def _moved(self, fit: HostFit, step: FloatArray) -> HostFit:
        """The fit a step further, within its limits."""
        of_star, of_image, of_host = np.split(step, [STAR_PARAMETERS, STAR_PARAMETERS + self.knots.size])
        shape, shares = possible_star(vector(fit.star) + of_star)
        host = fit.host
        if host is not None:
            host = np.clip(host + of_host, *self.host_limits)
            shape[BETA] = max(shape[BETA], LEAST_BETA)
        return self._at(replace(fit.star, shape=shape, shares=shares), fit.change + of_image, host)


def _misfit(fit: HostFit) -> float:
    return fit.misfit


def _near_end(rows: SlitRows) -> BoolArray:
    """Bins within `END_ARCSEC` of an end of the light that lies within the reach of the rows, shape (rows, bins)."""
    live, x = rows.weight > 0, rows.distance_arcsec
    low = np.min(np.where(live, x, REACH_ARCSEC), axis=1, keepdims=True)
    high = np.max(np.where(live, x, -REACH_ARCSEC), axis=1, keepdims=True)
    inside = REACH_ARCSEC - KNOT_ARCSEC
    return ((low > -inside) & (x < low + END_ARCSEC)) | ((high < inside) & (x > high - END_ARCSEC))
