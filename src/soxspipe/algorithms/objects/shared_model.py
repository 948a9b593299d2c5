"""One host under the point sources of several exposures in different seeing, fitted to the light of all of them.

Every exposure has a point source of its own, of any shape (`slit_model`).  The host is one: its size, place and surface brightness in
every part of every order are common, and each exposure shows it through its own seeing (`blurred_host`) and in its own light, which is
known from the light of its point source.  Heights are solved for at each step: those of an exposure in each of its rows, the host's in
the rows of all exposures together.
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
    LEAST_HOST_FWHM,
    STEP,
    BlurredHost,
)
from soxspipe.algorithms.objects.slit_model import (
    LARGEST_STEP,
    STAR_PARAMETERS,
    SlitFit,
    SlitModel,
    possible_star,
    usual_star,
    vector,
)
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.numerics.damped_steps import damped_steps

LIGHT_PRIOR = 0.07
"""Of the logarithm of an exposure's light by its point source: what is known of the slit's transmission in its seeing."""
LIGHT_ROUNDS = 2
"""The light of the point sources changes as the host takes its part: after two more rounds by less than a per cent."""
LIGHT, HOST = 0, -4
"""Columns of an exposure are its data, slopes by the shape of its star, the host, slopes by size and place of the host and by its light."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedFit:
    """A fit.

    Attributes
    ----------
    misfit : float
        Chi squared, all priors included.
    stars : tuple of SlitFit
        The point source of each exposure.
    host : ndarray, shape (2,)
        Logarithm of the size (arcsec) before the blur, and place.
    light, expected_light : ndarray, shape (exposures,)
        Logarithm of the light of each exposure over the first one's, and what its point source says of it.
    peak : ndarray, shape (rows,)
        Of the host in the light of the first exposure, before the blur.
    """

    misfit: float
    stars: tuple[SlitFit, ...]
    host: FloatArray
    light: FloatArray
    expected_light: FloatArray
    peak: FloatArray


class SharedModel:
    """Rows of all exposures, and what is fitted to them.

    Parameters
    ----------
    models : sequence of SlitModel
        Of every exposure; their rows stand for the same parts of the same orders.
    blurs : sequence of BlurredHost
        Of every exposure.
    passed : sequence of float
        Part of a point source's light that the slit lets through, in every exposure.
    """

    def __init__(self, models: Sequence[SlitModel], blurs: Sequence[BlurredHost], passed: Sequence[float]) -> None:
        self.models, self.blurs, self.passed = tuple(models), tuple(blurs), np.log(np.array(passed))
        self.size_limits = (float(np.log(LEAST_HOST_FWHM * min(model.fwhm for model in models))), float(np.log(LARGEST_HOST_ARCSEC)))

    def with_host(self, alone: Sequence[SlitFit], size_arcsec: float) -> SharedFit:
        """Fit a host, begun from point sources with usual wings, as smeared as those alone are or not at all; the better of the two."""
        host = np.array([np.clip(np.log(size_arcsec), *self.size_limits), 0.0])
        light = self._light_of(alone)
        still = [usual_star(fit, model.still_shares()) for fit, model in zip(alone, self.models, strict=True)]
        moved = [usual_star(fit, fit.shares) for fit in alone]
        best = min((self.improve(self._at(stars, host, light, light)) for stars in (still, moved)), key=lambda fit: fit.misfit)
        for _ in range(LIGHT_ROUNDS if len(self.models) > 1 else 0):
            best = self.improve(self._at(best.stars, best.host, best.light, self._light_of(best.stars)))
        return best

    def _light_of(self, stars: Sequence[SlitFit]) -> FloatArray:
        """Logarithm of the light of each exposure over the first one's in the rows that both have, slit losses aside."""
        own = [model.own_light_of_rows(star) for model, star in zip(self.models, stars, strict=True)]
        lit = [(model.weight > 0).any(axis=1) for model in self.models]
        pairs = [(light[there & lit[0]].sum(), own[0][there & lit[0]].sum()) for light, there in zip(own, lit, strict=True)]
        light, first = np.log(np.maximum(np.array(pairs), 1e-30)).T
        return np.asarray(light - first - (self.passed - self.passed[0]))

    def improve(self, start: SharedFit) -> SharedFit:
        """Damped Gauss-Newton steps until chi squared stands still."""
        return damped_steps(start, self.normal, self.held, self.moved, LARGEST_STEP)

    def normal(self, fit: SharedFit) -> tuple[FloatArray, FloatArray]:
        """Normal matrix and right-hand side of a step of all parameters: stars one after the other, host, light."""
        n = len(self.models) * (STAR_PARAMETERS + 1) + 1
        normal, right = np.zeros((n, n)), np.zeros(n)
        with_host, of_host, misfit = np.zeros((fit.peak.size, n)), np.full(fit.peak.size, 1e-30), np.zeros(fit.peak.size)
        for k, (model, star) in enumerate(zip(self.models, fit.stars, strict=True)):
            (products, _), columns, places = self._products(k, fit, self._columns(k, fit)), *self._places(k)
            normal[np.ix_(places, places)] += products[:, columns][:, :, columns].sum(axis=0)
            right[places] += products[:, columns, LIGHT].sum(axis=0)
            with_host[:, places] += products[:, columns, HOST]
            of_host += products[:, HOST, HOST]
            misfit += products[:, HOST, LIGHT]
            mean, width = model.priors()
            own = places[:STAR_PARAMETERS]
            normal[own, own] += width**-2.0
            right[own] -= (vector(star) - mean) / width**2
        # the host's height in a row is one number for all exposures
        normal -= (with_host / of_host[:, None]).T @ with_host
        right -= with_host.T @ (misfit / of_host)
        rest = np.arange(n - len(self.models) - 1, n)
        normal[rest, rest] += self._prior_width() ** -2.0
        right[rest] -= self._off_prior(fit) / self._prior_width() ** 2
        return normal, right

    def _places(self, k: int) -> tuple[list[int], list[int]]:
        """Columns of an exposure that are slopes, and the parameters that they are slopes by; the light of the first is 1."""
        columns = [*range(1, 1 + STAR_PARAMETERS), -3, -2, -1]
        first = len(self.models) * STAR_PARAMETERS
        places = [*range(k * STAR_PARAMETERS, (k + 1) * STAR_PARAMETERS), first, first + 1, first + 1 + k]
        return (columns, places) if k else (columns[:-1], places[:-1])

    def _prior_width(self) -> FloatArray:
        """Of size and place of the host, and of the light of all exposures but the first."""
        return np.array([*HOST_PRIOR, *(LIGHT_PRIOR,) * (len(self.models) - 1)])

    def _off_prior(self, fit: SharedFit) -> FloatArray:
        return np.concatenate([fit.host - np.array(HOST_MEAN), (fit.light - fit.expected_light)[1:]])

    def _products(self, k: int, fit: SharedFit, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted products of an exposure's columns without what its star's heights take of them, and those heights.

        Their shapes are (rows, columns, columns) and (rows, columns).
        """
        model, star = self.models[k], fit.stars[k]
        left, heights = model.without_star(model.moffats(star.shape, star.shares), columns)
        return (columns * model.weight[..., None]).transpose(0, 2, 1) @ left, heights

    def _columns(self, k: int, fit: SharedFit) -> FloatArray:
        model, star = self.models[k], fit.stars[k]
        host = self.host_shape(k, fit)
        by_size, by_place = (
            (self.host_shape(k, replace(fit, host=fit.host + step)) - host) / STEP * fit.peak[:, None] for step in STEP * np.eye(2)
        )
        by_star = model.slopes(star, *model.moffats_and_slopes(star))
        return np.stack([model.light, *by_star, host, by_size, by_place, host * fit.peak[:, None]], axis=-1)

    def host_shape(self, k: int, fit: SharedFit) -> FloatArray:
        """The host in the light and the seeing of an exposure, for a peak of 1; shape (rows, bins)."""
        return np.exp(fit.light[k]) * self.blurs[k](self.models[k].x - fit.host[1], float(np.exp(fit.host[0])))

    def held(self, fit: SharedFit, right: FloatArray) -> BoolArray:
        """Parameters that stand at a limit and are drawn beyond it."""
        stars = right[: len(self.models) * STAR_PARAMETERS].reshape(-1, STAR_PARAMETERS)
        held = [model.held(star, own) for model, star, own in zip(self.models, fit.stars, stars, strict=True)]
        rest = right[stars.size :]
        for k, (low, high) in enumerate((self.size_limits, (-FURTHEST_HOST_ARCSEC, FURTHEST_HOST_ARCSEC))):
            held.append(np.array([(fit.host[k] <= low + 1e-9 and rest[k] < 0) or (fit.host[k] >= high - 1e-9 and rest[k] > 0)]))
        return np.concatenate([*held, np.zeros(rest.size - 2, dtype=bool)])

    def moved(self, fit: SharedFit, step: FloatArray) -> SharedFit:
        """The fit a step further, within its limits."""
        steps = step[: len(self.models) * STAR_PARAMETERS].reshape(-1, STAR_PARAMETERS)
        stars = []
        for star, own in zip(fit.stars, steps, strict=True):
            shape, shares = possible_star(vector(star) + own)
            stars.append(replace(star, shape=shape, shares=shares))
        size, place = fit.host + step[steps.size : steps.size + 2]
        host = np.array([np.clip(size, *self.size_limits), np.clip(place, -FURTHEST_HOST_ARCSEC, FURTHEST_HOST_ARCSEC)])
        return self._at(stars, host, fit.light + np.append(0.0, step[steps.size + 2 :]), fit.expected_light)

    def _at(self, stars: Sequence[SlitFit], host: FloatArray, light: FloatArray, expected_light: FloatArray) -> SharedFit:
        """The best heights for these shapes; those of `stars` are not looked at."""
        none = np.zeros(self.models[0].light.shape[0])
        here = SharedFit(misfit=0.0, stars=tuple(stars), host=host, light=light, expected_light=expected_light, peak=none)
        solved = [self._products(k, here, np.stack([m.light, self.host_shape(k, here)], axis=-1)) for k, m in enumerate(self.models)]
        peak = np.sum([one[:, 1, 0] for one, _ in solved], axis=0) / np.maximum(np.sum([one[:, 1, 1] for one, _ in solved], axis=0), 1e-30)
        fitted = []
        for model, star, (one, own) in zip(self.models, stars, solved, strict=True):
            mean, width = model.priors()
            misfit = np.sum(one[:, 0, 0] - 2.0 * peak * one[:, 1, 0] + peak**2 * one[:, 1, 1]) + np.sum(
                ((vector(star) - mean) / width) ** 2
            )
            fitted.append(replace(star, misfit=float(misfit), own=own[:, 0] - peak * own[:, 1]))
        prior = float(np.sum((self._off_prior(here) / self._prior_width()) ** 2))
        return replace(here, stars=tuple(fitted), peak=peak, misfit=sum(star.misfit for star in fitted) + prior)

    def heights(self, fit: SharedFit) -> FloatArray:
        """The host's peak in these rows when all shapes are those of a fit to others, shape (rows,)."""
        return self._at(fit.stars, fit.host, fit.light, fit.expected_light).peak

    def own_light(self, stars: Sequence[SlitFit]) -> FloatArray:
        """Light of the point source of every exposure in all rows, shape (exposures,)."""
        return np.array([model.own_light(star) for model, star in zip(self.models, stars, strict=True)])

    def host_of_rows(self, fit: SharedFit) -> FloatArray:
        """Light of the host in every row, sum of all exposures, shape (rows,)."""
        return np.asarray(fit.peak * sum(self.host_shape(k, fit).sum(axis=1) for k in range(len(self.models))))

    def host_light(self, fit: SharedFit) -> float:
        """Light of the host in all rows of all exposures."""
        return float(np.sum(self.host_of_rows(fit)))

    def mean_error(self, fit: SharedFit, share: FloatArray) -> float:
        """Relative error of a weighted mean of the exposures' own light that the parameters leave, all of them free together."""
        normal, right = self.normal(fit)
        free = np.flatnonzero(~self.held(fit, right))
        level = np.log(np.maximum(self.own_light(fit.stars), 1e-30))
        moved = (self.moved(fit, step) for step in STEP * np.eye(right.size)[free])
        slope = np.array([share @ (np.log(np.maximum(self.own_light(one.stars), 1e-30)) - level) / STEP for one in moved])
        return float(np.sqrt(slope @ np.linalg.solve(normal[np.ix_(free, free)], slope)))
