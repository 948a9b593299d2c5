"""Shapes of stars and galaxies along the slit that are not plain Moffats or Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.simulate.atmosphere import SlitImage, moffat_alpha, moffat_through_slit, refraction_arcsec, seeing_fwhm, slit_share
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import Facts

_STEP_ARCSEC = 0.1
"""A third of a pixel, of which `_FINER` parts are averaged near the centre."""
_REACH_ARCSEC = 20.0
"""Beyond the slit's ends."""
_FINER = 5
_SHARE_KNOTS, _SHARE_DEGREE = 17, 6
"""Wavelengths at which the slit's share is integrated, and degree of the polynomial between: 1e-4, with a star that leaves the slit as well."""
REFERENCE_NM = {"NIR": 1250.0, "VIS": 550.0, "UVB": 430.0}
"""Where magnitudes count, and the slit is centred."""
REFRACTION = {"NIR": 0.5, "VIS": 0.1, "UVB": 0.1}
"""Share of the atmosphere's that is left: the corrector works in the visual only."""
_TRAIL_POINTS = 15
"""Points closer than the image is wide."""
_TAIL_POINTS = 25
_TAIL_SCALES = 5.0
"""An exponential is nothing beyond 5 scales."""


def image_motion(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Positions (arcsec, mean 0) that a star's image takes during an exposure, and the share of the light at each, shape (n,)."""
    place: FloatArray = np.zeros(1)
    share: FloatArray = np.ones(1)
    if scene.image_trail_arcsec > 0:
        steps = (np.arange(_TRAIL_POINTS) + 0.5) / _TRAIL_POINTS - 0.5
        place, share = _spread(place, share, scene.image_trail_arcsec * steps, np.ones(_TRAIL_POINTS))
    if scene.image_tail_arcsec != 0:
        scales = _TAIL_SCALES * (np.arange(_TAIL_POINTS) + 0.5) / _TAIL_POINTS
        place, share = _spread(place, share, scene.image_tail_arcsec * scales, np.exp(-scales))
    if scene.image_hump_arcsec > 0:
        humps = np.array([1.0 - scene.image_hump_share, scene.image_hump_share])
        place, share = _spread(place, share, np.array([0.0, scene.image_hump_arcsec]), humps)
    return place - float(np.sum(place * share)), share


def smear(image: SlitImage, place_arcsec: FloatArray, share: FloatArray, size_arcsec: float) -> SlitImage:
    """An image of a source of `size_arcsec` that stands at several places in turn."""
    if place_arcsec.size == 1:
        return image
    moved = sum(
        weight * np.interp(image.z - at / size_arcsec, image.z, image.cumulative) for at, weight in zip(place_arcsec, share, strict=True)
    )
    return replace(image, cumulative=np.asarray(moved))


@lru_cache(maxsize=64)
def sersic_through_slit(half_width_arcsec: float, half_light_arcsec: float, index: float, seeing_arcsec: float, beta: float) -> SlitImage:
    """A round Sersic galaxy, blurred by a Moffat, in a slit; distances along it in arcsec.

    Parameters
    ----------
    half_width_arcsec : float
        Of the slit.
    half_light_arcsec : float
        Radius that holds half of the light.
    index : float
        1 is an exponential disc, 4 de Vaucouleurs' law.
    seeing_arcsec, beta : float
        Of the Moffat.
    """
    from scipy.signal import fftconvolve  # its import takes half a second, and few scenes have a galaxy

    n = round(_REACH_ARCSEC / _STEP_ARCSEC)
    fine = (np.arange((2 * n + 1) * _FINER) + 0.5) * _STEP_ARCSEC / _FINER - (n + 0.5) * _STEP_ARCSEC
    radius = np.hypot(fine[:, None], fine[None, :]) / half_light_arcsec
    falling = 2.0 * index - 1.0 / 3.0 + 0.009876 / index  # Prugniel & Simien 1997
    density = np.exp(-falling * radius ** (1.0 / index)).reshape(2 * n + 1, _FINER, 2 * n + 1, _FINER).mean(axis=(1, 3))
    axis = np.arange(-n, n + 1) * _STEP_ARCSEC
    alpha = float(moffat_alpha(np.asarray(seeing_arcsec), beta))
    star = np.power(1.0 + (axis[:, None] ** 2 + axis[None, :] ** 2) / alpha**2, -beta)
    blurred = np.maximum(fftconvolve(density / density.sum(), star / star.sum(), mode="same"), 0.0)
    across_z = np.linspace(-1.0, 1.0, 201)
    across = np.interp(across_z * half_width_arcsec, axis, blurred.sum(axis=0))
    cover = np.clip((half_width_arcsec - np.abs(axis)) / _STEP_ARCSEC + 0.5, 0.0, 1.0)
    along = blurred @ cover
    cumulative = np.concatenate([[0.0], np.cumsum(along)])
    borders = np.concatenate([axis - 0.5 * _STEP_ARCSEC, [axis[-1] + 0.5 * _STEP_ARCSEC]])
    return SlitImage(
        z=borders, cumulative=cumulative / cumulative[-1], across_z=across_z, across=across / across.sum(), passed=float(along.sum())
    )


def slit_shares(scene: Scene, facts: Facts, wavelength_nm: FloatArray, seeing_arcsec: float) -> FloatArray:
    """Share of a star's light that passes the slit's width."""
    parts = [share * _moffat_shares(scene, wavelength_nm, seeing_arcsec, beta) for beta, share in _mixture(scene, facts, wavelength_nm)]
    return np.asarray(np.sum(parts, axis=0))


def _moffat_shares(scene: Scene, wavelength_nm: FloatArray, seeing_arcsec: float, exponent: float) -> FloatArray:
    knots = np.linspace(wavelength_nm.min(), wavelength_nm.max(), _SHARE_KNOTS)
    alpha = moffat_alpha(seeing_fwhm(knots, seeing_arcsec, scene.seeing_slope), exponent)
    off = scene.across_offset_arcsec + refraction_across(scene, knots)
    shares = np.array([slit_share(0.5 * scene.slit_width_arcsec / a, exponent, o / a) for a, o in zip(alpha, off, strict=True)])
    return np.asarray(np.polynomial.Polynomial.fit(knots, shares, _SHARE_DEGREE)(wavelength_nm))


def refraction_left(scene: Scene, wavelength_nm: FloatArray) -> FloatArray:
    """Refraction that reaches the slit, towards the zenith, against the wavelength at which stars are centred, arcsec."""
    share = REFRACTION[scene.arm] if scene.refraction is None else scene.refraction
    return share * refraction_arcsec(wavelength_nm, reference_nm=REFERENCE_NM[scene.arm], airmass=scene.airmass)


def refraction_across(scene: Scene, wavelength_nm: FloatArray) -> FloatArray:
    """The part of it that a slit turned away from the vertical has across, arcsec."""
    return np.sin(np.radians(scene.slit_angle_deg)) * refraction_left(scene, wavelength_nm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StarPart:
    """One of the Moffat images that a star's image is a mixture of.

    Attributes
    ----------
    image : SlitImage
        Seen through the slit.
    size : ndarray, shape (n,)
        Core radius per column, arcsec.
    passed : ndarray, shape (m,)
        Share of the star's light that is in this part and passes the slit's width, on the fine grid of wavelength.
    """

    image: SlitImage
    size: FloatArray
    passed: FloatArray


def star_parts(scene: Scene, facts: Facts, grid_nm: FloatArray, column_nm: FloatArray, seeing_arcsec: float) -> list[StarPart]:
    """The image of a star: a Moffat, or two whose shares change linearly with wavelength, smeared along the slit."""
    parts = []
    for beta, share in _mixture(scene, facts, grid_nm):
        size = moffat_alpha(seeing_fwhm(column_nm, seeing_arcsec, scene.seeing_slope), beta)
        typical = float(np.median(size))
        star = moffat_through_slit(0.5 * scene.slit_width_arcsec / typical, beta)
        smeared = smear(star, *image_motion(scene), typical)
        parts.append(StarPart(image=smeared, size=size, passed=share * _moffat_shares(scene, grid_nm, seeing_arcsec, beta)))
    return parts


def _mixture(scene: Scene, facts: Facts, wavelength_nm: FloatArray) -> list[tuple[float, FloatArray]]:
    """Exponents of the Moffats that the image is a mixture of, and the share of each at every wavelength."""
    if scene.moffat_beta_red is None:
        return [(scene.moffat_beta, np.ones_like(wavelength_nm))]
    ends = [nm for entry in facts.spectral_format.orders for nm in entry.full_nm]
    red = np.clip((wavelength_nm - min(ends)) / (max(ends) - min(ends)), 0.0, 1.0)
    return [(scene.moffat_beta, 1.0 - red), (scene.moffat_beta_red, red)]


def _spread(place: FloatArray, share: FloatArray, more: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Every place once more at every further displacement."""
    return np.add.outer(place, more).ravel(), np.multiply.outer(share, weight / weight.sum()).ravel()
