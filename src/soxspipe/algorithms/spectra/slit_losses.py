"""Light that the slit took from an object and from the standard behind its response, and the ratio of the two over wavelength.

The image is that of the turbulent air, whose width falls as the fifth root of wavelength (Fried 1966).  Stars are centred on the slit at one
wavelength; at others the air's refraction moves them, and across the slit go that part of it which the corrector leaves and the slit's angle to
the vertical turns there.

References
----------
.. [1] Fried D. L., 1966, J. Opt. Soc. Am., 56, 1372 (seeing as wavelength to the -1/5), doi:10.1364/JOSA.56.001372.
.. [2] Filippenko A. V., 1982, PASP, 94, 715 (refraction and slits), doi:10.1086/131052.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.exposures.throughput import round_width, share_within
from soxspipe.datamodel.arrays import FloatArray, freeze
from soxspipe.datamodel.detector import Arm
from soxspipe.numerics.air import refraction_arcsec

SEEING_EXPONENT = -0.2
"""Seeing goes with wavelength to the power -1/5 (Kolmogorov turbulence)."""
SEEING_ERROR = 0.03
"""Relative, of each of the two widths: measured along the slit to 1 or 2 %, across it the image may be drawn out otherwise."""
PLACE_ERROR_ARCSEC = 0.15
"""Of each star across its slit: a sixth of the seeing, as well as acquisition and guiding put it there.  In the mean over many stars the share
is that of a star as far away, to either side."""
UNKNOWN_ANGLE_DEG = 30.0
"""Of the slit where the header has none: most are turned to the vertical, so 0 is taken and this counts as an error."""
IMAGE_BETA, WINGED_BETA = 3.6, 3.0
"""Exponent of the image: in the middle between the widest wings that telescopes show (2.5) and turbulent air alone (4.8), and a standard
deviation of all between them away."""
NODES = 129
"""Wavelengths at which the shares are worked out; between them straight lines are right to 1e-4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlitView:
    """How a star was seen.

    Attributes
    ----------
    fwhm_arcsec, slit_arcsec : float
        Width of its light along the slit at the middle of the arm, without what pixels add; and of the slit.
    airmass : float
        Of the star.
    angle_deg : float or None
        Between the slit and the direction to the zenith; None if unknown.
    places_arcsec : tuple of float
        Where the star may have stood across the slit, away from where refraction takes it to; each as likely.
    """

    fwhm_arcsec: float
    slit_arcsec: float
    airmass: float = 1.0
    angle_deg: float | None = 0.0
    places_arcsec: tuple[float, ...] = (-PLACE_ERROR_ARCSEC, PLACE_ERROR_ARCSEC)

    def share(self, wavelength_nm: FloatArray, lift_arcsec: FloatArray, beta: float = IMAGE_BETA) -> FloatArray:
        """Light that passes the slit; `lift_arcsec` is the refraction that reaches it at a zenith distance of 45 degrees, shape of the wavelengths."""
        scale = np.power(wavelength_nm / float(np.median(wavelength_nm)), SEEING_EXPONENT)
        sine = abs(float(np.sin(np.radians(self.angle_deg or 0.0))))
        across = np.abs(lift_arcsec) * sine * np.sqrt(max(self.airmass**2 - 1.0, 0.0))
        image = round_width(self.fwhm_arcsec, self.slit_arcsec, beta)
        shares = [share_within(image * scale, self.slit_arcsec, beta, across + place) for place in self.places_arcsec]
        return np.asarray(np.mean(shares, axis=0))

    def variants(self) -> tuple[SlitView, ...]:
        """One for each thing that is not known, a sigma away: the width across the slit, the place, the angle if the header has none."""
        wider = replace(self, fwhm_arcsec=self.fwhm_arcsec * (1.0 + SEEING_ERROR))
        placed = tuple(replace(self, places_arcsec=(place,)) for place in (0.0, self.places_arcsec[-1]))
        turned = (replace(self, angle_deg=UNKNOWN_ANGLE_DEG),) if self.angle_deg is None else ()
        return wider, *placed, *turned


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitLoss:
    """Light through the slit, object over standard, and its 1-sigma error; shape (n,) both."""

    ratio: FloatArray
    error: FloatArray

    def __post_init__(self) -> None:
        freeze(self, ratio=self.ratio.shape, error=self.ratio.shape)


def measure_slit_loss(wavelength_nm: FloatArray, target: SlitView, standard: SlitView, arm: Arm) -> SlitLoss:
    """Ratio of the shares that passed, by wavelength.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Of the spectrum; the widths hold for its middle.
    target, standard : SlitView
        How both were seen.
    arm : Arm
        Where stars are centred, what the corrector leaves, and how high the site is.
    """
    nodes = np.linspace(float(wavelength_nm[0]), float(wavelength_nm[-1]), NODES)
    height = arm.site.height_m if arm.site is not None else 0.0
    lift = arm.refraction_left * refraction_arcsec(nodes, reference_nm=arm.centred_nm, airmass=float(np.sqrt(2.0)), height_m=height)

    def ratio(one: SlitView = target, other: SlitView = standard, beta: float = IMAGE_BETA) -> FloatArray:
        return one.share(nodes, lift, beta) / other.share(nodes, lift, beta)

    best = ratio()
    changed = [
        ratio(beta=WINGED_BETA),
        *(ratio(one=view) for view in target.variants()),
        *(ratio(other=view) for view in standard.variants()),
    ]
    error = np.sqrt(sum((other - best) ** 2 for other in changed))
    return SlitLoss(ratio=np.interp(wavelength_nm, nodes, best), error=np.interp(wavelength_nm, nodes, error))
