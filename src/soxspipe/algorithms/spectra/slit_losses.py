"""Light that the slit took from an object and from the standard behind its response, and the ratio of the two over wavelength.

The image is that of the turbulent air, whose width falls as the fifth root of wavelength (Fried 1966); both stars are taken to be centred, and
refraction across the slit to be taken out by the corrector in front of it or by the slit's angle.

References
----------
.. [1] Fried D. L., 1966, J. Opt. Soc. Am., 56, 1372 (seeing as wavelength to the -1/5), doi:10.1364/JOSA.56.001372.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.exposures.throughput import TURBULENCE_BETA, share_within
from soxspipe.datamodel.arrays import FloatArray, freeze

SEEING_EXPONENT = -0.2
SEEING_ERROR = 0.05
"""Relative, of each of the two widths: measured along the slit to 1 or 2 %, across it the image may differ by as much as guiding does."""
WINGED_BETA = 2.5
"""Exponent of images with the widest wings that telescopes show; what it changes against the turbulent air counts as an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlitView:
    """How a star was seen: width of its image at the middle of the arm, and of the slit, arcsec."""

    fwhm_arcsec: float
    slit_arcsec: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitLoss:
    """Light through the slit, object over standard, and its 1-sigma error; shape (n,) both."""

    ratio: FloatArray
    error: FloatArray

    def __post_init__(self) -> None:
        freeze(self, ratio=self.ratio.shape, error=self.ratio.shape)


def measure_slit_loss(wavelength_nm: FloatArray, target: SlitView, standard: SlitView) -> SlitLoss:
    """Ratio of the shares that passed, by wavelength.

    Parameters
    ----------
    wavelength_nm : ndarray, shape (n,)
        Of the spectrum; the widths hold for its middle.
    target, standard : SlitView
        How both were seen.
    """
    scale = np.power(wavelength_nm / float(np.median(wavelength_nm)), SEEING_EXPONENT)

    def ratio(wider_target: float = 1.0, wider_standard: float = 1.0, beta: float = TURBULENCE_BETA) -> FloatArray:
        seen = share_within(wider_target * target.fwhm_arcsec * scale, target.slit_arcsec, beta)
        return seen / share_within(wider_standard * standard.fwhm_arcsec * scale, standard.slit_arcsec, beta)

    best = ratio()
    changed = (ratio(wider_target=1.0 + SEEING_ERROR), ratio(wider_standard=1.0 + SEEING_ERROR), ratio(beta=WINGED_BETA))
    return SlitLoss(ratio=best, error=np.sqrt(sum((other - best) ** 2 for other in changed)))
