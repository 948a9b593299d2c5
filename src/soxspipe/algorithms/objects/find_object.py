"""The object to extract: found in continuum light or, failing that, in emission lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.find_sources import SlitLight, bin_width, collapse, find_sources, level, level_between, strongest
from soxspipe.algorithms.objects.line_objects import find_line_sources
from soxspipe.algorithms.objects.wing_companions import find_in_wings
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.trace import SlitSource

NEEDED_SIGNIFICANCE = 8.0
"""In sigma of coherent light; no measurement is recorded for the limit itself."""
NEEDED_LINE_SIGNIFICANCE = 7.0
"""Against the scatter of all other slit positions, with two spots at least."""
NAMED_NEAR_ARCSEC = 1.0
"""As far as a slit position given by hand may be off."""
BLANK_FWHM = 1.5
"""Bins so near to an object say nothing of missing light."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundObject:
    """What lies on the slit.

    Attributes
    ----------
    source : SlitSource or None
        The object to extract; None if there is none.
    sources : tuple of SlitSource
        All objects.
    significance : float
        Of the strongest.
    skies : tuple of ndarray
        First skies.
    lines_alone : bool
        Whether emission lines are all that was seen.
    """

    source: SlitSource | None
    sources: tuple[SlitSource, ...]
    significance: float
    skies: tuple[FloatArray, ...]
    lines_alone: bool = False


def find_object(
    orders: Sequence[OrderData],
    skies: tuple[FloatArray, ...],
    *,
    named_arcsec: float | None,
    with_negatives: bool = False,
) -> FoundObject:
    """Look for objects on the slit, in continuum light and, failing that, in emission lines.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : tuple of ndarray
        Median sky of each (`first_sky`), or zeros.
    named_arcsec : float or None
        Slit position that the user named; only an object within an arcsec of it is then taken.
    with_negatives : bool
        Look for missing light too: stars of an off-frame that was taken off.

    Returns
    -------
    FoundObject
        The brightest object, or the one that was named.
    """
    bins = bin_width(orders)
    collapsed = collapse(orders, skies, bins)
    if with_negatives:
        return _of_both_signs(collapsed, skies, named_arcsec)
    light = level(collapsed)
    sources = find_in_wings(light, find_sources(light, NEEDED_SIGNIFICANCE), NEEDED_SIGNIFICANCE)
    return _chosen(sources, strongest(light), skies, named_arcsec)


def _of_both_signs(collapsed: SlitLight, skies: tuple[FloatArray, ...], named_arcsec: float | None) -> FoundObject:
    """Objects, and sources of missing light, whose fluxes are relative to the brightest of these, and negative.

    Each sign is looked for without the bins near sources of the other.
    """
    even = level_between(collapsed)
    below = find_sources(replace(even, light=-even.light), NEEDED_SIGNIFICANCE)
    above_alone = _blanked(even, below)
    above = find_sources(above_alone, NEEDED_SIGNIFICANCE)
    alone = _blanked(even, above)
    missing = find_sources(replace(alone, light=-alone.light), NEEDED_SIGNIFICANCE)
    found = _chosen(above, strongest(above_alone), skies, named_arcsec)
    return replace(found, sources=(*above, *(replace(source, relative_flux=-source.relative_flux) for source in missing)))


def _blanked(light: SlitLight, sources: Sequence[SlitSource]) -> SlitLight:
    """Without the bins near sources."""
    left = np.array(light.light)
    for source in sources:
        left[np.abs(light.slit_arcsec - source.slit_arcsec) < BLANK_FWHM * source.fwhm_arcsec] = np.nan
    return replace(light, light=left)


def _chosen(sources: tuple[SlitSource, ...], significance: float, skies: tuple[FloatArray, ...], named_arcsec: float | None) -> FoundObject:
    """The brightest object, or the one nearest to the position that the user named; `significance` is that of the strongest peak."""
    highest = max((source.significance for source in sources), default=significance)
    if named_arcsec is None:
        return FoundObject(source=sources[0] if sources else None, sources=sources, significance=highest, skies=skies)
    near = [source for source in sources if abs(source.slit_arcsec - named_arcsec) <= NAMED_NEAR_ARCSEC]
    chosen = min(near, key=lambda source: abs(source.slit_arcsec - named_arcsec)) if near else None
    return FoundObject(source=chosen, sources=sources, significance=highest, skies=skies)


def find_line_object(fits: Sequence[SkyFit], found: FoundObject, *, fwhm_arcsec: float, named_arcsec: float | None) -> FoundObject:
    """Look for an object of emission lines, once the sky is known well enough for its lines not to be mistaken.

    Parameters
    ----------
    fits : sequence of SkyFit
        Sky fitted without a mask; lines of an object are outliers to it.
    found : FoundObject
        What the continuum showed, returned if lines do not show more.
    named_arcsec : float or None
        As for `find_object`.
    fwhm_arcsec : float
        Expected width of the image.

    Returns
    -------
    FoundObject
        With the object whose lines stand out, unless it is one that the continuum shows as the fainter of several.
    """
    sources = find_line_sources(
        [fit.data for fit in fits],
        [fit.electrons for fit in fits],
        fwhm_arcsec=fwhm_arcsec,
        needed=NEEDED_LINE_SIGNIFICANCE,
    )
    if not sources or sources[0].significance < found.significance:
        return found
    chosen = _chosen(sources, sources[0].significance, found.skies, named_arcsec)
    if _is_companion(chosen.source, found, fwhm_arcsec):
        return found  # its continuum has been compared with the brighter one's already
    return replace(chosen, sources=_with_continuum(chosen.sources, found.sources, fwhm_arcsec), lines_alone=True)


def _with_continuum(by_lines: Sequence[SlitSource], by_continuum: Sequence[SlitSource], fwhm_arcsec: float) -> tuple[SlitSource, ...]:
    """Sources of lines, with those of continuum that lie elsewhere; a fainter one is where its continuum, which has more light, shows it."""
    first, *others = by_lines
    elsewhere = [source for source in by_continuum if abs(source.slit_arcsec - first.slit_arcsec) >= fwhm_arcsec]
    apart = [line for line in others if all(abs(line.slit_arcsec - source.slit_arcsec) >= fwhm_arcsec for source in elsewhere)]
    return (first, *elsewhere, *apart)


def _is_companion(source: SlitSource | None, found: FoundObject, fwhm_arcsec: float) -> bool:
    """Whether a source of lines is a continuum source other than the one that was chosen."""
    near = [other for other in found.sources if source is not None and abs(other.slit_arcsec - source.slit_arcsec) < fwhm_arcsec]
    return bool(near) and found.source is not None and found.source not in near
