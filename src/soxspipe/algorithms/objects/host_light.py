"""Smooth light of a host galaxy under the object: told from the object's own wings, or left in.

The light along the slit is compared with two models (`slit_model`): a point source as broad, as winged and as lopsided as it likes,
and the same with a host.  Only what no point source can be is called a host and taken off.  What could be either stays in the
spectrum, and how much it is gets said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.blurred_host import FURTHEST_HOST_ARCSEC, BlurredHost
from soxspipe.algorithms.objects.point_source import StarFit, fit_star, parts_for
from soxspipe.algorithms.objects.slit_model import SlitFit, SlitModel
from soxspipe.algorithms.objects.slit_rows import SlitRows, measure_rows
from soxspipe.algorithms.objects.star_and_host import HostFit, StarAndHost
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.trace import ObjectTrace

ROWS_WANTED = 16
"""Enough for wings to be told by their colour; with more, a host's free heights fit noise."""
PARTS = 12
"""Of every order in which the height of the host is measured."""
INDICES = (0.5, 1.0, 2.0, 4.0)
"""Sersic indices tried: a smooth blob, a disc, a concentrated galaxy, de Vaucouleurs' law."""
FIRST_INDEX = 1.0
"""From the disc's star the others find theirs."""
LEAST_BLUR_BETA = 1.8
"""Wings of a blur that fell still more slowly would have no end."""
SIZES_ARCSEC = (2.5, 4.0)
"""A host as wide as twice and four times the seeing: what lies between is seen with either."""
OFFSETS_ARCSEC = (-1.2, 0.0, 1.2)
"""Of the host's centre: one beside the object looks from the object's place as if it were none."""
START_ARCSEC = 3.5
"""Between the two sizes; the fit finds its own."""
NEEDED_SIGNIFICANCE = 4.0
"""Of about 60 simulated stars without a host none came above 1.3, but for those whose image had a tail longer than the model's."""
WORTH_SAYING = 1.25
"""Significance from which light that is left in is called in doubt: hosts of 7 to 30 % came out at 1 to 3, three of those 60 stars at 1.0 to 1.1."""
WORTH_SAYING_ALONE = 2.5
"""The same in one exposure, where noise has four parameters in place of a height in every row: of 64 simulated stars (AB 16 to 20, exponents
2.2 to 4.5) six reach 1.25, two 2.0 and one 2.5."""
LEAST_DOUBTED = 0.02
"""Share from which it is: less leaves the flux right to 3 %, and stars "had" hosts of 0.5 to 1.8 %, since formulas for images are good to half a
per cent."""
NO_STAR_BETA = 1.8
"""Exponent below which no seeing has been seen, and stars of 2 are not fitted: whatever a host gains, wings so broad are one's, or in doubt."""
LEAST_SHARE = 0.04
"""A host that holds less changes the flux by less than its removal is good for."""
MOST_MISSING = 0.1
"""Light that a host lacks in some rows over what it has in others, or chi squared that it would gain so over what it gains: none of ten true ones on whole frames lacked any, two stars "had" hosts of 6
and 10 sigma that lacked a quarter, made of what the sky had left."""
WIDEST_ARCSEC = 8.5
"""Short of the widest that is tried (9 arcsec, three quarters of the slit): what stands there is sky and illumination (one was a companion that
the sky had bent)."""
PROMISING = 0.3
"""Part of the chi squared needed that one step from a point source must promise; later steps find more."""
OTHERS_MAY_GAIN = 1.0
"""Sigma by which another index may fit better than a disc that is hardly significant: where none could be worth a word none is fitted."""
OTHER_FWHM = 1.5
"""About an object beside the one that is extracted: where its light is."""
LARGEST_DOUBT = 9.0
"""Where nine tenths of the light may be a host's, nothing is known of the object's."""
BAD_FIT = 1.5
"""Chi squared per degree of freedom beyond which no model here is right: errors are enlarged, or priors would count for nothing."""
HOST_PARAMETERS = 4
"""Size, place, light and colour: what noise can use to let a host gain."""
ALIKE = 4.0
"""Chi squared within which hosts explain the light alike: two sigma."""
AS_GOOD = 9.0
"""Chi squared within which another host is as good: three sigma, since hosts that simulations made lay up to that far from the best fit."""
AS_GOOD_ALONE = 12.0
"""The same in one exposure.  Of 45 simulated hosts, whose shapes are none of the indices', what is said holds in 32 with 9, in 35 with 12 and in
36 with 16."""
LEAST_ELSEWHERE = 1.0 / 6.0
"""Part of its gain that a host has outside the order in which it gains most: light in one of six orders alone has 0.05 to 0.14 there, since the
image of the star alone was bent by it, 45 simulated hosts 0.21 and more."""

Hosts = list[tuple[StarAndHost, HostFit]]
"""Hosts of every index, with their models."""


def measure_host(
    fits: Sequence[SkyFit],
    rejected: Sequence[BoolArray],
    trace: ObjectTrace,
    star: StarFit | None = None,
) -> HostLight | None:
    """Look for light of a host and measure it.

    Parameters
    ----------
    fits : sequence of SkyFit
        Orders with their first skies.
    rejected : sequence of ndarray of bool
        Pixels struck by cosmic rays.
    trace : ObjectTrace
        The object.
    star : StarFit or None
        A point source fitted to the same pixels, if it is at hand; used if it has as many rows.

    Returns
    -------
    HostLight or None
        None if a point source explains the light.  `taken` is False if a host is less significant than `NEEDED_SIGNIFICANCE`.
    """
    fitted = star_under_host(fits, rejected, trace, star, parts_for(ROWS_WANTED, len(fits)))
    if fitted is None:
        return None
    found = _search(fitted, trace.fwhm_arcsec)
    if found is None or not found.hosts:
        return None
    model, best = _least(found.hosts)
    elsewhere = found.gain_elsewhere(model, best)
    if best.host is None or beyond_reach(best.host) or not _worth_asking(found, model.share(best), elsewhere):
        return None
    lights, size = found.left(), float(np.exp(best.host[0]))
    # a star with a tail looks like a host of the least size
    larger = found.smallest > 1.01 * float(np.exp(model.host_limits[0][0]))
    taken = larger and _is_host(found, model.share(best), size, elsewhere) and not may_leave_none(lights, model.own_light(best))
    delivered = max(model.own_light(best if taken else found.alone), 1e-30)
    middles, peaks = _heights(fits, rejected, trace, model, best) if taken else ({}, {})
    return HostLight(
        taken=taken,
        significance=max(found.significance, 0.0),
        share=model.share(best),
        doubt=doubt_of_host([(low / delivered, high / delivered) for low, high in lights], taken=taken),
        size_arcsec=size,
        offset_arcsec=float(best.host[1]),
        index=model.index,
        distance_arcsec=model.blur.along,
        light=model.table(size),
        middle_px=middles,
        peak=peaks,
    )


def one_sided(trace: ObjectTrace, half_slit_arcsec: float) -> bool:
    """Whether an object stands nearer to an end of the slit than its own width: a host is told by light on both sides."""
    return abs(trace.slit_arcsec) > half_slit_arcsec - trace.fwhm_arcsec


def star_under_host(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, star: StarFit | None, parts: int
) -> StarFit | None:
    """The point source that is at hand if it has as many rows per order, else one that is fitted; None where there is no light to fit."""
    return star if star is not None and star.parts == parts else fit_star(fits, rejected, trace, parts, star)


def significance_of(gain: float, n_heights: int) -> float:
    """Sigma by which a host is better than a point source that it gains so much chi squared against, by Fisher's approximation.

    Noise alone lets a host gain 1 for each of its free heights.
    """
    return float(np.sqrt(2.0 * max(gain, 0.0)) - np.sqrt(2.0 * n_heights - 1.0))


def worth_saying(significance: float, share: float, least: float = WORTH_SAYING) -> bool:
    """Whether a host of this significance and share of the object's light is at least in doubt."""
    return significance >= least and share >= LEAST_DOUBTED


def no_star(alone: HostFit) -> bool:
    """Whether a point source that is to explain all light has wings that no star has."""
    return float(alone.star.shape[2]) < NO_STAR_BETA


def may_be_taken(significance: float, share: float, missing: float, size_arcsec: float) -> bool:
    """Whether light is called a host: significant, worth its removal, of a size that tells it from the sky, and there in all rows.

    `missing` is what it lacks in some rows over what it has in others.
    """
    return significance >= NEEDED_SIGNIFICANCE and share >= LEAST_SHARE and missing <= MOST_MISSING and size_arcsec <= WIDEST_ARCSEC


def may_leave_none(lights: Sequence[tuple[float, float]], own_light: float) -> bool:
    """Whether hosts that fit as well as the best leave no more of the object's light than `LARGEST_DOUBT` means: it is not known, and stays."""
    return min(least for least, _ in lights) * (1.0 + LARGEST_DOUBT) < own_light


def doubt_of_host(left: Sequence[Sequence[float]], *, taken: bool) -> float:
    """By what part of the object's light its flux may be too high or too low for hosts that fit as well, at most `LARGEST_DOUBT`.

    Parameters
    ----------
    left : sequence of (float, float)
        For the best host of every index: the least and the most that it may leave to the object, over the flux that is delivered.
    taken : bool
        Whether the host is taken off; else all of it may be in the flux.
    """
    least, most = min(min(one) for one in left), max(max(one) for one in left)
    too_high = 1.0 / max(least, 1.0 / (1.0 + LARGEST_DOUBT)) - 1.0
    too_low = 1.0 - 1.0 / max(most, 1.0) if taken else 0.0
    return float(max(too_high, too_low, 0.0))


def promise_of_host(smooth: SlitModel, alone: SlitFit) -> float:
    """Chi squared that one step from a point source to a host could save."""
    return max(smooth.promise(alone, size, offset) for size in SIZES_ARCSEC for offset in OFFSETS_ARCSEC)


def promise_wanted(n_heights: int) -> float:
    """Below it no host could save the chi squared that would make it worth a word."""
    return PROMISING * (WORTH_SAYING**2 + n_heights)


def beyond_reach(host: FloatArray | None) -> bool:
    """Whether a host is best as far off the object as it may lie, so that it is another object."""
    return host is not None and abs(float(host[1])) > 0.9 * FURTHEST_HOST_ARCSEC


def without_side(rows: SlitRows, host: FloatArray | None, fwhm_arcsec: float) -> SlitRows:
    """Rows without the places near and beyond another object."""
    end = FURTHEST_HOST_ARCSEC - OTHER_FWHM * fwhm_arcsec
    side = 1.0 if host is None or host[1] > 0 else -1.0
    return replace(rows, weight=np.where(side * rows.distance_arcsec > end, 0.0, rows.weight))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """The point source alone, and the hosts that may be there beside it, with their models."""

    alone: HostFit
    hosts: Hosts
    parts: int
    """Rows per order."""

    @property
    def likeliest(self) -> float:
        """Chi squared of the best host."""
        return min(fit.misfit for _, fit in self.hosts)

    @property
    def significance(self) -> float:
        """Sigma by which there is a host."""
        return significance_of(self.gain, HOST_PARAMETERS)

    @property
    def smallest(self) -> float:
        """Size (arcsec) of the smallest host that fits as well as the best."""
        return min(float(np.exp(fit.host[0])) for _, fit in self.hosts if fit.host is not None and self._rise_left(fit) >= 0)

    def gain_elsewhere(self, model: StarAndHost, fit: HostFit) -> float:
        """Gain outside the order that gains most: a hot row of the detector lies in one order, a host in all; all of it where there is one."""
        by_order = (model.misfit_of_rows(self.alone) - model.misfit_of_rows(fit)).reshape(-1, self.parts).sum(axis=1)
        return self.gain - (max(float(by_order.max()), 0.0) / self.scatter if by_order.size > 1 else 0.0)

    @property
    def scatter(self) -> float:
        """Its chi squared per degree of freedom, at least 1: a fit that is bad all over says less."""
        return self.hosts[0][0].scatter(min((fit for _, fit in self.hosts), key=lambda fit: fit.misfit))

    @property
    def gain(self) -> float:
        """Chi squared, scaled to 1 a degree of freedom, that the best host gains against a point source alone."""
        return (self.alone.misfit - self.likeliest) / self.scatter

    def left(self) -> list[tuple[float, float]]:
        """Least and most light that hosts of each index within `AS_GOOD_ALONE` of the best may leave to the object."""
        rises = [(model, fit, self._rise_left(fit)) for model, fit in self.hosts]
        return [model.own_light_range(fit, rise) for model, fit, rise in rises if rise > 0]

    def _rise_left(self, fit: HostFit) -> float:
        """Chi squared by which a fit may still rise until it is no longer as good as the best."""
        return AS_GOOD_ALONE * self.scatter - (fit.misfit - self.likeliest)


def _worth_asking(found: _Found, share: float, gain_elsewhere: float) -> bool:
    """Whether a host is at least in doubt: there in more than one order, or the light is no star's."""
    elsewhere = significance_of(gain_elsewhere, HOST_PARAMETERS)
    shown = worth_saying(found.significance, share, WORTH_SAYING_ALONE) and elsewhere >= WORTH_SAYING
    return shown or (no_star(found.alone) and share >= LEAST_DOUBTED)


def _is_host(found: _Found, share: float, size_arcsec: float, gain_elsewhere: float) -> bool:
    """Whether light is a host's beyond doubt: significant, and not in one order alone.  It follows the star's: it is missing in no row."""
    everywhere = significance_of(gain_elsewhere, HOST_PARAMETERS) >= WORTH_SAYING_ALONE and gain_elsewhere >= LEAST_ELSEWHERE * found.gain
    return everywhere and may_be_taken(found.significance, share, 0.0, size_arcsec)


def _search(star: StarFit, fwhm_arcsec: float) -> _Found | None:
    """Hosts of all indices; None where none is promised."""
    smooth = SlitModel(star.rows, fwhm_arcsec)
    if promise_of_host(smooth, star.fit) < promise_wanted(smooth.n_rows):
        return None
    found = _hosts(star.rows, fwhm_arcsec, star.fit, star.parts)
    if not found.hosts or not beyond_reach(_least(found.hosts)[1].host):
        return found
    # another object, too faint to have been found as one: the host is looked for on the other side and near the object
    rows = without_side(star.rows, _least(found.hosts)[1].host, fwhm_arcsec)
    return _hosts(rows, fwhm_arcsec, SlitModel(rows, fwhm_arcsec).start(), star.parts)


def _hosts(rows: SlitRows, fwhm_arcsec: float, star: SlitFit, parts: int) -> _Found:
    """The best hosts of every Sersic index beside which there is a star; none if that of a disc is not significant at all."""
    scatter = 1.0
    first, disc = _disc(rows, fwhm_arcsec, star, scatter)
    if first.scatter(disc) > BAD_FIT:
        scatter = first.scatter(disc)
        first, disc = _disc(rows, fwhm_arcsec, star, scatter)
    alone = first.alone(star)
    hopeless = significance_of(alone.misfit - disc.misfit, HOST_PARAMETERS) < WORTH_SAYING_ALONE - OTHERS_MAY_GAIN
    if hopeless and not no_star(alone):
        return _Found(alone=alone, hosts=[], parts=parts)
    hosts: Hosts = []
    for index in INDICES:
        model = _model(rows, fwhm_arcsec, index, disc.star, scatter)
        fits = model.with_host(disc.star, START_ARCSEC, OFFSETS_ARCSEC)
        hosts += [(model, fit) for fit in fits if model.host_light(fit) > 0.0 and model.own_light(fit) > 0.0]
    return _Found(alone=alone, hosts=hosts, parts=parts)


def _disc(rows: SlitRows, fwhm_arcsec: float, star: SlitFit, scatter: float) -> tuple[StarAndHost, HostFit]:
    """The best disc, with its model."""
    model = _model(rows, fwhm_arcsec, FIRST_INDEX, star, scatter)
    return model, model.with_host(star, START_ARCSEC, OFFSETS_ARCSEC)[0]


def _model(rows: SlitRows, fwhm_arcsec: float, index: float, star: SlitFit, scatter: float) -> StarAndHost:
    """Hosts of an index, blurred by the image of a star."""
    width, beta = fwhm_arcsec * float(np.exp(star.shape[0])), max(float(star.shape[2]), LEAST_BLUR_BETA)
    return StarAndHost(rows, fwhm_arcsec, BlurredHost(width, index, None, beta), scatter)


def _least(hosts: Hosts) -> tuple[StarAndHost, HostFit]:
    """Of the hosts that explain the light alike, the one that leaves most to the object: nothing is taken off that no host need have."""
    likeliest = min(fit.misfit for _, fit in hosts)
    alike = [one for one in hosts if one[1].misfit <= likeliest + ALIKE * one[0].scatter(one[1])]
    return max(alike, key=lambda one: one[0].own_light(one[1]))


def _heights(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, model: StarAndHost, best: HostFit
) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Height of the host in `PARTS` of every order, its shape held; never negative."""
    finer = StarAndHost(measure_rows(fits, rejected, trace, PARTS), trace.fwhm_arcsec, model.blur)
    return heights_by_order(finer.heights(best), {fit.data.window.order: fit.data.window.b_px.size for fit in fits})


def heights_by_order(heights: FloatArray, lengths: dict[int, int]) -> tuple[dict[int, FloatArray], dict[int, FloatArray]]:
    """Middles of the parts of orders of so many dispersion pixels, and the heights there, never negative."""
    middles: dict[int, FloatArray] = {order: (np.arange(PARTS) + 0.5) * n / PARTS - 0.5 for order, n in lengths.items()}
    parts = heights.reshape(len(lengths), PARTS)
    return middles, {order: np.maximum(_steady(own), 0.0) for order, own in zip(lengths, parts, strict=True)}


def _steady(values: FloatArray) -> FloatArray:
    """Median of each part and its neighbours: one spoilt part does not count."""
    padded = np.pad(values, 1, mode="edge")
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))
