"""Companions in the wings of the brightest object: light along the slit that no single image makes.

Guiding smears an image within about 1.5 FWHM of its middle.  Further out it falls ever more slowly, whatever its shape: its wings are
convex, and so is the sum of such wings.  Another image is concave about its own middle, a bump or a shoulder.  The light beyond the core is
therefore fitted with any convex curve, on either side of the object, without and with a second image of the object's own shape.  The slit's
illumination and the level of the sky, which may bend the other way, bend slowly.

References
----------
.. [1] Hildreth C., 1954, Journal of the American Statistical Association, 49, 598, doi:10.1080/01621459.1954.10483523 (least squares with
   convex curves).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.find_sources import APART_FWHM, COMPANION_SHARE, LARGEST_COUNT, WINGS_SHARE, SlitLight, own_light
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.trace import SlitSource
from soxspipe.numerics.not_negative import not_negative

CORE_FWHM = 1.3
"""Light further out is wing; a companion's own begins before its middle, which is `APART_FWHM` away at least."""
END_ARCSEC = 0.6
"""Two pixels: so near to where the lit slit ends, blurred and moved, its flat and its light do not agree."""
OUTSIDE_FWHM = 0.5
"""So much light must be seen beyond a companion's middle that it is seen to fall again."""
WHOLE_ERROR = 3.0
"""Of the median: bins with larger errors hold few pixels, those of some orders' unlit ends."""
FEWEST_BINS = 10
"""A side with fewer bins has room for wings or for a companion, not for both."""
BEND_OF_PEAK = 0.01
"""What the level of the sky, and what it has taken of wings, may bend from the core to the slit's end the other way than wings do."""
WIDER, WIDER_GAIN = (1.6, 2.4), 0.1
"""A galaxy beside the star is wider than a star: widths over the object's that are tried, and the part of its gain by which a companion may
fit better so (2 of 40 true ones did by 0.05 to 0.1, since the wings' curve is free)."""
HOST_WIDTHS = (2.0, 3.0, 4.5, 6.0)
"""Over the object's: a host about the object is not convex within its own core."""
SEARCH_BINS, FINER = 2, (0.15, 0.075, 0.04)
"""Bins from one place to the next, half of what an image in the best seeing resolves, and steps (arcsec) about the best."""

LEAST_OF_KNOWN = 4.0
"""Sigma by which light must not be convex where a faint object was found by other means: 14 true ones of 2 to 6 % were so by 7 and more, a star's
wing that had been taken for one of 1 % by 1."""
PLACES_NEAR_ARCSEC = (-0.3, -0.15, 0.0, 0.15, 0.3)
"""About the place where it was found, which one-sided fits of wings put too far out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Image:
    """The object's image outwards on a side, unit height: its place and the light of its own along the slit."""

    slit_arcsec: FloatArray
    light: FloatArray
    middle_arcsec: float
    side: int

    def __call__(self, distance_arcsec: FloatArray) -> FloatArray:
        """Light at some distances from its middle, outwards positive."""
        here = np.interp(self.middle_arcsec + self.side * distance_arcsec, self.slit_arcsec, self.light, left=0.0, right=0.0)
        return np.asarray(here / self.light.max())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wing:
    """Light beyond the object's core on one side.

    Attributes
    ----------
    distance_arcsec, light, error : ndarray, shape (n,)
        Outwards.
    beside : tuple of ndarray, shape (n,)
        Light that may be there beside wings: of hosts about the object, and of other objects that are known.
    bend_prior : float
        Inverse variance of the bend of the sky.
    """

    distance_arcsec: FloatArray
    light: FloatArray
    error: FloatArray
    beside: tuple[FloatArray, ...]
    bend_prior: float

    def misfit(self, companion: FloatArray | None = None) -> tuple[float, float]:
        """Chi squared of the best convex curve, with a companion's image if one is given, and the height of that."""
        d = self.distance_arcsec
        reach = (d - d[0]) / (d[-1] - d[0])
        hinges = np.maximum(d[1:] - d[:, None], 0.0) / (d[1:] - d[0])
        free = [np.ones_like(d), reach, *(() if companion is None else (companion,)), reach**2]
        terms = np.concatenate([hinges, np.stack([*self.beside, *free], axis=-1)], axis=-1) / self.error[:, None]
        normal = terms.T @ terms
        normal[-1, -1] += self.bend_prior
        normal[np.diag_indices_from(normal)] += 1e-12 * np.trace(normal) / normal.shape[0]  # what is next to singular stays small
        found = not_negative(normal, terms.T @ (self.light / self.error), free=len(free))
        left = self.light / self.error - terms @ found
        return float(left @ left + self.bend_prior * found[-1] ** 2), float(found[-2])


def find_in_wings(slit_light: SlitLight, sources: Sequence[SlitSource], needed: float) -> tuple[SlitSource, ...]:
    """Look for companions that are too faint to stand out of the scatter that a bright object leaves along the slit.

    Parameters
    ----------
    slit_light : SlitLight
        Collapsed light.
    sources : sequence of SlitSource
        Objects that are known, the one that stands out most first.
    needed : float
        Significance a companion must have, in sigma of the scatter about the curve.

    Returns
    -------
    tuple of SlitSource
        Those that are known, but for faint ones that are convex wings themselves, and then those that are found.
    """
    if not sources:
        return ()
    first = sources[0]
    own = _own_image(slit_light, first)
    if not own.max() > 0.0:
        return tuple(sources)
    images = {side: _Image(slit_arcsec=slit_light.slit_arcsec, light=own, middle_arcsec=first.slit_arcsec, side=side) for side in (-1, 1)}
    known = [source for source in sources if not _is_wing(slit_light, sources, source, images)]
    found = [companion for image in images.values() if (companion := _of_side(slit_light, known, image, needed)) is not None]
    room = max(LARGEST_COUNT - len(known), 0)
    return (*known, *sorted(found, key=lambda source: -source.relative_flux)[:room])


def _own_image(slit_light: SlitLight, source: SlitSource) -> FloatArray:
    """Light of an object along the slit: as it is seen in its core, which no formula holds if guiding smeared it, with formulas for its wings."""
    own = own_light(slit_light, slit_light.light, source.slit_arcsec, source.fwhm_arcsec)
    core = np.abs(slit_light.slit_arcsec - source.slit_arcsec) < CORE_FWHM * source.fwhm_arcsec
    return np.where(core & np.isfinite(slit_light.light), slit_light.light, own)


def _of_side(slit_light: SlitLight, sources: Sequence[SlitSource], image: _Image, needed: float) -> SlitSource | None:
    """The clearest companion on a side, None if none is clear."""
    first = sources[0]
    wing = _wing(slit_light, sources, image)
    best = None if wing is None else _best(wing, image, first.fwhm_arcsec)
    if wing is None or best is None:
        return None
    (without, _), (misfit, height, place) = wing.misfit(), best
    scatter = _scatter(misfit / wing.light.size, first.fwhm_arcsec / float(slit_light.slit_arcsec[1] - slit_light.slit_arcsec[0]))
    share, gain = height / float(image.light.max()), without - misfit
    if not COMPANION_SHARE < share < 1.0 or gain < needed**2 * scatter or _is_wider(wing, image, place, misfit, gain):
        return None
    return replace(
        first, slit_arcsec=first.slit_arcsec + image.side * place, significance=float(np.sqrt(gain / scatter)), relative_flux=share
    )


def _is_wing(slit_light: SlitLight, sources: Sequence[SlitSource], source: SlitSource, images: Mapping[int, _Image]) -> bool:
    """Whether a faint object that is known is a part of the first one's wings, since these are convex where it stands."""
    first = sources[0]
    if source is first or source.relative_flux > WINGS_SHARE:
        return False
    side = 1 if source.slit_arcsec > first.slit_arcsec else -1
    away = abs(source.slit_arcsec - first.slit_arcsec)
    wing = _wing(slit_light, [other for other in sources if other is not source], images[side])
    if wing is None or away > wing.distance_arcsec[-1] - OUTSIDE_FWHM * first.fwhm_arcsec:
        return False  # there is too little light about it to tell
    without, _ = wing.misfit()
    misfit = min(wing.misfit(images[side](wing.distance_arcsec - away - off))[0] for off in PLACES_NEAR_ARCSEC)
    scatter = _scatter(misfit / wing.light.size, first.fwhm_arcsec / float(slit_light.slit_arcsec[1] - slit_light.slit_arcsec[0]))
    return without - misfit < LEAST_OF_KNOWN**2 * scatter


def _scatter(misfit: float, bins: float) -> float:
    """Variance of a companion's height over that of noise, for a chi squared per bin and an image of so many bins.

    What is beyond noise is no noise of single bins: what the sky and the flat leave is alike over the width of an image at least.
    """
    return 1.0 + max(misfit - 1.0, 0.0) * max(bins, 1.0)


def _wing(slit_light: SlitLight, sources: Sequence[SlitSource], image: _Image) -> _Wing | None:
    """The light beyond the object's core, without the cores of other objects there; None if there is too little of it."""
    first, *others = sources
    distance = image.side * (slit_light.slit_arcsec - first.slit_arcsec)
    lit = np.isfinite(slit_light.light) & np.isfinite(slit_light.error)
    lit &= slit_light.error < WHOLE_ERROR * np.median(slit_light.error[lit])
    use = lit & (distance > CORE_FWHM * first.fwhm_arcsec) & (distance < distance[lit].max() - END_ARCSEC)
    places = [image.side * (other.slit_arcsec - first.slit_arcsec) for other in others]
    for place in places:
        use &= np.abs(distance - place) > APART_FWHM * first.fwhm_arcsec
    if np.count_nonzero(use) < FEWEST_BINS:
        return None
    outwards = np.flatnonzero(use)[:: image.side]
    d = distance[outwards]
    return _Wing(
        distance_arcsec=d,
        light=slit_light.light[outwards],
        error=slit_light.error[outwards],
        beside=(*(image(d / wider) for wider in HOST_WIDTHS), *(image(d - place) for place in places if place > 0.0)),
        bend_prior=(BEND_OF_PEAK * float(image.light.max())) ** -2.0,
    )


def _best(wing: _Wing, image: _Image, fwhm_arcsec: float) -> tuple[float, float, float] | None:
    """Chi squared, height and place of the companion that fits best; None where the wing has no room for one, or none has light."""
    d = wing.distance_arcsec
    low, high = APART_FWHM * fwhm_arcsec, float(d[-1]) - OUTSIDE_FWHM * fwhm_arcsec

    def tried(places: Iterable[float]) -> list[tuple[float, float, float]]:
        fits = ((*wing.misfit(image(d - place)), float(place)) for place in places if low <= place <= high)
        return [fit for fit in fits if fit[1] > 0.0]

    best = tried(d[::SEARCH_BINS])
    for step in FINER if best else ():
        misfit, height, place = min(best)
        best = [(misfit, height, place), *tried((place - step, place + step))]
    return min(best, default=None)


def _is_wider(wing: _Wing, image: _Image, place: float, misfit: float, gain: float) -> bool:
    """Whether an image much wider than the object's own fits better."""
    return min(wing.misfit(image((wing.distance_arcsec - place) / wider))[0] for wider in WIDER) < misfit - WIDER_GAIN * gain
