"""A star's image that no formula holds exactly, and a host beside it, told apart by colour as well as by shape.

What a Moffat smeared by guiding (`slit_model`) does not hold of a star's image is the same at all wavelengths, but for the width that
seeing gives it there.  It is fitted along with the rest: a change of the image in steps of the slit, small by its prior, in the star's
own light.  So rows of light need not be good to their formula, only to their noise, and what differs between them, the part of a host
whose colour is not the star's, tells the shapes of both.  The host is round, blurred by the star's seeing, cut by the slit, and has no
negative light in any row.

References
----------
.. [1] Lawson C. & Hanson R., 1974, Solving Least Squares Problems, chapter 23 (light that is not negative).
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
    BlurredHost,
)
from soxspipe.algorithms.objects.slit_model import (
    LARGEST_STEP,
    PEAK_TOLERANCE,
    SHAPE_TOLERANCE,
    STAR_PARAMETERS,
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
STARTS = 2
"""From the best one alone the fit misses 2 of 24 simulated hosts that it finds from the best two."""
WIDTH_EXPONENT = -0.2
"""Of wavelength, by which seeing's width goes (Kolmogorov), and what a formula misses of the image with it."""
LEAST_SIZE_FWHM = 1.5
"""A smaller host, before the blur, is seen as a star is: stars with a tail "had" hosts of the least size that was allowed."""
ROW_OF_LIGHT, ROW_OF_PEAK = 0.006, 0.001
"""What a real star (NIRSPEC, exponent 2.7) has in a bin of a single row beyond its image elsewhere, over its light and over the row's peak."""
RANGE_STEPS = (0.9, 1.4, 2.0, 2.8, 4.0, 5.6)
"""Of the distance at which a quadratic chi squared has risen as far."""
END_ARCSEC = 0.6
"""Two pixels: so far from where the lit slit ends, blurred and moved, its flat and its light do not agree."""
NONE = 1e30
"""Inverse variance about 0 that keeps a host's light out of a row."""


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
    host : ndarray, shape (2,), or None
        Logarithm of the size (arcsec) before the blur, and place.
    peak : ndarray, shape (rows,)
        Of the host, before the blur; not negative.
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
    """

    def __init__(self, rows: SlitRows, fwhm_arcsec: float, blur: BlurredHost) -> None:
        self.slit, self.blur = SlitModel(rows, fwhm_arcsec, blur.index), blur
        self.n_rows, self.index = self.slit.n_rows, blur.index
        error = (ROW_OF_LIGHT * np.maximum(rows.light, 0.0)) ** 2 + (ROW_OF_PEAK * self.slit.peak[:, None]) ** 2
        live = (rows.weight > 0) & ~_near_end(rows)
        self.weight = np.where(live, 1.0 / (1.0 / np.where(live, rows.weight, 1.0) + error), 0.0)
        self.knots = KNOT_ARCSEC * np.arange(-np.ceil(REACH_ARCSEC / KNOT_ARCSEC) - 1, np.ceil(REACH_ARCSEC / KNOT_ARCSEC) + 2)
        of_width = self.slit.x * self.slit.colour[:, :, 0] ** -WIDTH_EXPONENT
        self.tents = np.maximum(1.0 - np.abs(of_width[..., None] - self.knots) / KNOT_ARCSEC, 0.0)
        self.size_limits = (float(np.log(LEAST_SIZE_FWHM * fwhm_arcsec)), float(np.log(LARGEST_HOST_ARCSEC)))
        self._tables: dict[float, FloatArray] = {}

    def alone(self, star: SlitFit) -> HostFit:
        """Fit a point source without a host, begun from a known one."""
        return self.improve(self._at(star, np.zeros(self.knots.size), None))

    def with_host(self, star: SlitFit, size_arcsec: float, places_arcsec: Sequence[float]) -> HostFit:
        """Fit a host too, begun from a point source with usual wings, as smeared as a known one or not at all, and hosts at some places.

        The best `STARTS` of these are improved: star and host have more than one minimum where they are alike.
        """
        none = np.zeros(self.knots.size)
        stars = [usual_star(star, shares) for shares in (self.slit.still_shares(), star.shares)]
        hosts = [np.array([np.clip(np.log(size_arcsec), *self.size_limits), place]) for place in places_arcsec]
        begun = sorted((self._at(one, none, host) for one in stars for host in hosts), key=lambda fit: fit.misfit)
        return min((self.improve(fit) for fit in begun[:STARTS]), key=lambda fit: fit.misfit)

    def again(self, known: HostFit) -> HostFit:
        """Fit star and host, begun from those of another blur."""
        return self.improve(self._at(known.star, known.change, known.host))

    def improve(self, start: HostFit) -> HostFit:
        """Damped Gauss-Newton steps until chi squared stands still."""
        return damped_steps(start, self._normal, self._held, self._moved, LARGEST_STEP)

    def image(self, fit: HostFit) -> FloatArray:
        """The point source, for Moffats of unit height, shape (rows, bins)."""
        return self.slit.moffats(fit.star.shape, fit.star.shares) + self.tents @ fit.change

    def host_shape(self, host: FloatArray) -> FloatArray:
        """The host, for unit central brightness before the blur, shape (rows, bins)."""
        size = float(np.exp(host[0]))
        if size not in self._tables:
            self._tables[size] = self.blur.table(size)
        return np.interp(self.slit.x - host[1], self.blur.along, self._tables[size])

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

    def gain_by_lacking(self, fit: HostFit) -> float:
        """Chi squared that the host would gain if its light could be missing in a row as well."""
        return fit.misfit - self._at(fit.star, fit.change, fit.host, lacking=True).misfit

    def heights(self, fit: HostFit) -> FloatArray:
        """The host's peak in these rows when all shapes are those of a fit to others, shape (rows,)."""
        return self._at(fit.star, fit.change, fit.host).peak

    def _at(self, star: SlitFit, change: FloatArray, host: FloatArray | None, *, lacking: bool = False) -> HostFit:
        """The best heights for these shapes, the host's not negative unless it may be `lacking`; those of `star` are not looked at."""
        here = HostFit(misfit=0.0, star=star, change=change, host=host, peak=np.zeros(self.slit.light.shape[0]))
        terms = self.slit.terms(self.image(here), None if host is None else self.host_shape(host))
        light = self.slit.light[..., None]
        found = fit_rows(terms, self.weight, light, self._prior(here))
        if host is not None and not lacking and (found[:, 1] < 0).any():
            none = found[:, 1, 0] < 0
            found[none] = fit_rows(terms[none], self.weight[none], light[none], self._prior(here, none)[none])
            found[none, 1] = 0.0
        residual = self.slit.light - (terms @ found)[..., 0]
        heights = found[:, -self.slit.linear_prior.shape[1] :, 0]
        mean, width = self._shape_priors(here)
        misfit = (
            np.sum(self.weight * residual**2)
            + np.sum(self.slit.linear_prior * heights**2)
            + np.sum(((self._vector(here) - mean) / width) ** 2)
        )
        peak = here.peak if host is None else found[:, 1, 0]
        return replace(here, misfit=float(misfit), star=replace(here.star, own=found[:, 0, 0]), peak=peak)

    def _prior(self, fit: HostFit, none: BoolArray | None = None) -> FloatArray:
        """Of the heights of a row but the star's; in some rows there is no host."""
        if fit.host is None or none is None:
            return self.slit.linear_prior
        return np.concatenate([np.where(none, NONE, 0.0)[:, None], self.slit.linear_prior], axis=1)

    def _shape_priors(self, fit: HostFit) -> tuple[FloatArray, FloatArray]:
        """Mean and width of the priors of all parameters of shape."""
        mean, width = self.slit.priors()
        image = self.slit.moffat_at(fit.star.shape, self.knots)
        own = (mean, np.zeros(self.knots.size)), (width, SHAPE_TOLERANCE * image + PEAK_TOLERANCE)
        host = ((), ()) if fit.host is None else (HOST_MEAN, HOST_PRIOR)
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
        host = None if fit.host is None else self._host_and_slopes(fit.host)
        by_host = [] if host is None else [fit.peak[:, None] * slope for slope in host[1:]]
        columns = np.concatenate(
            [np.stack([self.slit.light, *slopes], axis=-1), fit.star.own[:, None, None] * self.tents, *(one[..., None] for one in by_host)],
            axis=-1,
        )
        terms = self.slit.terms(moffats @ fit.star.shares + self.tents @ fit.change, None if host is None else host[0])
        heights = fit_rows(terms, self.weight, columns, self._prior(fit, fit.peak <= 0.0))
        left = columns - terms @ heights
        residual, slope = left[..., 0], left[..., 1:].reshape(-1, columns.shape[-1] - 1)
        weighted = slope * self.weight.reshape(-1, 1)
        mean, width = self._shape_priors(fit)
        right = weighted.T @ residual.ravel() - (self._vector(fit) - mean) / width**2
        # its image changes, and its height as far as the change looks like the star itself
        own = columns[..., 1:].sum(axis=(0, 1)) - terms[..., 0].sum(axis=1) @ heights[:, 0, 1:]
        own[right.size - len(by_host) :] -= columns[..., columns.shape[-1] - len(by_host) :].sum(axis=(0, 1))
        return weighted.T @ slope + np.diag(width**-2), right, own

    def _host_and_slopes(self, host: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The host, and its derivatives by size and place."""
        here = self.host_shape(host)
        by_size, by_place = ((self.host_shape(host + step) - here) / STEP for step in STEP * np.eye(2))
        return here, by_size, by_place

    def _held(self, fit: HostFit, right: FloatArray) -> BoolArray:
        """Parameters that stand at a limit and are drawn beyond it."""
        rest = right[STAR_PARAMETERS + self.knots.size :]
        held = [self.slit.held(fit.star, right[:STAR_PARAMETERS]), np.zeros(self.knots.size, dtype=bool)]
        if fit.host is not None:
            low, high = np.array([self.size_limits, (-FURTHEST_HOST_ARCSEC, FURTHEST_HOST_ARCSEC)]).T
            held.append(((fit.host <= low + 1e-9) & (rest < 0)) | ((fit.host >= high - 1e-9) & (rest > 0)))
        return np.concatenate(held)

    def _moved(self, fit: HostFit, step: FloatArray) -> HostFit:
        """The fit a step further, within its limits."""
        of_star, of_image, of_host = np.split(step, [STAR_PARAMETERS, STAR_PARAMETERS + self.knots.size])
        shape, shares = possible_star(vector(fit.star) + of_star)
        host = fit.host
        if host is not None:
            size, place = host + of_host
            host = np.array([np.clip(size, *self.size_limits), np.clip(place, -FURTHEST_HOST_ARCSEC, FURTHEST_HOST_ARCSEC)])
        return self._at(replace(fit.star, shape=shape, shares=shares), fit.change + of_image, host)


def _near_end(rows: SlitRows) -> BoolArray:
    """Bins within `END_ARCSEC` of an end of the light that lies within the reach of the rows, shape (rows, bins)."""
    live, x = rows.weight > 0, rows.distance_arcsec
    low = np.min(np.where(live, x, REACH_ARCSEC), axis=1, keepdims=True)
    high = np.max(np.where(live, x, -REACH_ARCSEC), axis=1, keepdims=True)
    inside = REACH_ARCSEC - KNOT_ARCSEC
    return ((low > -inside) & (x < low + END_ARCSEC)) | ((high < inside) & (x > high - END_ARCSEC))
