r"""Absorption of the air in the bins of a standard star, for its response.

Where the model atmosphere reaches, its depth is the template of a bin, moved towards what the ripple says that the lines leave within the bin;
where it does not, the ripple alone is: lines that are resolved in part ripple in proportion to the light they take.  Of every band the amount
and, for the model, the saturation are fitted along with the response; the bands of water share the weather.

.. math:: \tau_i = \beta_b \left(\sqrt{1 + (2 t_i + t_i^2 / \beta_b)\, e^{a_b} / \beta_b} - 1\right)

with the template's depth t, the logarithm a of the amount over the template's and the saturation depth beta of band b (Malkmus' random bands).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.spectra.telluric_bands import BANDS, band_index, random_band_depth
from soxspipe.algorithms.spectra.telluric_template import SATURATION
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray

RIPPLE = "ripple"
MODEL_WATER_MM, USUAL_WATER_MM = 1.6, 2.5
"""Of the model atmosphere, and typical above La Silla (2 to 4 mm)."""
WEATHER_SCATTER = 0.8
"""Of the logarithm of the water above the site: a factor of two either way, 1 to 6 mm."""
SPECIES_SCATTER = {"H2O": 0.15, "O2": 0.15, "CO2": 0.3, "CH4": 0.3, RIPPLE: 0.3}
"""Of the logarithm of one band's amount about that of its species, or of the depth over the ripple: what the model says of band against band.
Carbon dioxide and methane lie among lines of water.  Depth over ripple is 1.0 to 1.7 at R = 4500 to 6500, 1 to 6 mm and air mass 1 to 2,
oxygen and water below 930 nm (line-by-line transmissions, bins of 2 and 4 nm)."""
SURE_SIGMA = 2.0
"""Of a ripple's square: what noise makes is always positive once the root is taken, and would deepen the air by a fifth of a bin's error."""
RIPPLE_DEPTH = 1.25
"""Depth over ripple of partly resolved lines."""
MODEL_SCATTER, RIPPLE_SCATTER = 0.3, 0.3
"""Of the logarithm of depth, bin against bin of one band: of the model about the air, and of the depth about what the ripple says."""
LEVEL_DEPTHS = (0.01, 0.6)
"""Depths of the bins that set the level of the ripple against the model.  In deeper ones lines are black and ripple no more: they are left as
they are; shallower ones have too little ripple to measure."""
SHALLOWEST = 1e-3
"""Depth, and ripple, that no bin can tell from none."""
MOVES = np.linspace(-1.0, 1.0, 21)
"""Of the logarithm of a bin's depth: a ripple that differs from the model by more than a factor e is not air."""
FEWEST_BINS = 5
"""From which a level is taken."""
SATURATION_SCATTER = 0.5
"""Of the logarithm of the depth at which a band saturates: 0.25 to 1 line by line."""
AIR_ERROR = 0.25
"""Of a bin's optical depth, beside the amount of its band: how evenly lines are strewn over a band (0.2 to 0.3 line by line)."""
SMALLEST_STEP = 1e-3
"""Of a parameter, by which slopes are measured: small beside what a parameter moves, large beside rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ripple:
    """Square of the relative scatter of the samples of each bin, less that of their noise, and its error; shape (n,)."""

    square: FloatArray
    noise: FloatArray

    @property
    def size(self) -> FloatArray:
        """The scatter; 0 where noise alone may make it."""
        return np.sqrt(np.where(self.square > SURE_SIGMA * self.noise, self.square, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinnedAir:
    """Templates of the bins of a standard, and what is known of the amounts beforehand.

    Attributes
    ----------
    template : ndarray, shape (n,)
        Optical depth of each bin; 0 outside the bands.
    band : ndarray of int, shape (n,)
        Place of the bin's band among the parameters, -1 for none.
    expected : ndarray, shape (2 m,)
        Logarithms of the amounts of the m bands over the template's, then of their saturation depths.
    precision : ndarray, shape (2 m, 2 m)
        Inverse covariance of what is expected.
    water : ndarray of bool, shape (m,)
        Bands whose amount is that of water over the model atmosphere's.
    error : ndarray, shape (n,)
        Of the depth of each bin over the depth, beside the amount of its band.
    """

    template: FloatArray
    band: IntArray
    expected: FloatArray
    precision: FloatArray
    error: FloatArray
    water: BoolArray

    @property
    def n_bands(self) -> int:
        """Number of bands that the bins lie in."""
        return self.expected.size // 2

    def depth(self, parameters: FloatArray) -> FloatArray:
        """Optical depth of every bin, shape (n,)."""
        inside = self.band >= 0
        amount, saturation = (np.exp(part[self.band[inside]]) for part in np.split(parameters, 2))
        depth = np.zeros(self.template.shape)
        depth[inside] = random_band_depth(self.template[inside], amount, saturation)[0]
        return depth

    def slopes(self, parameters: FloatArray) -> FloatArray:
        """Derivative of the depth of every bin with every parameter, shape (n, 2 m); a bin knows its own band alone."""
        here, m = self.depth(parameters), self.n_bands
        slopes = np.zeros((here.size, 2 * m))
        inside = np.flatnonzero(self.band >= 0)
        for first in (0, m):
            ahead = parameters.copy()
            ahead[first : first + m] += SMALLEST_STEP
            slopes[inside, first + self.band[inside]] = ((self.depth(ahead) - here) / SMALLEST_STEP)[inside]
        return slopes


def binned_air(centre_nm: FloatArray, model_depth: FloatArray, ripple: Ripple, airmass: float) -> BinnedAir:
    """Templates and expectations for the bins of a standard.

    Parameters
    ----------
    centre_nm : ndarray, shape (n,)
        Of the bins, air.
    model_depth : ndarray, shape (n,)
        Of the model atmosphere for air mass 1, NaN where it does not reach.
    ripple : Ripple
        Of the samples of each bin.
    airmass : float
        Of the standard.
    """
    modelled = np.isfinite(model_depth)
    number = np.where(modelled, nearest_band(centre_nm), band_index(centre_nm))
    label = np.where(number >= 0, 2 * number + modelled, -1)  # a band that the model covers in part counts as two
    present = np.unique(label[label >= 0])
    template = np.where(modelled, _refined(np.nan_to_num(model_depth), ripple, np.where(modelled, number, -1)), RIPPLE_DEPTH * ripple.size)
    expected, covariance = _expected(present, float(np.log(airmass)))
    return BinnedAir(
        template=np.where(number >= 0, template, 0.0),
        band=np.where(number >= 0, np.searchsorted(present, label), -1),
        expected=np.concatenate([expected, np.full(present.size, np.log(SATURATION))]),
        error=np.full(centre_nm.shape, AIR_ERROR),
        water=np.array([label % 2 == 1 and BANDS[int(label) // 2].species == "H2O" for label in present], dtype=bool),
        precision=np.linalg.inv(
            np.block(
                [
                    [covariance, np.zeros_like(covariance)],
                    [np.zeros_like(covariance), SATURATION_SCATTER**2 * np.eye(present.size)],
                ]
            )
        ),
    )


def _refined(model_depth: FloatArray, ripple: Ripple, number: IntArray) -> FloatArray:
    """The model's depths, moved to where model and ripple together have them against the other bins of their band; shape (n,)."""
    refined = np.array(model_depth)
    expected = (np.maximum(model_depth, SHALLOWEST) / RIPPLE_DEPTH) ** 2
    clear = ripple.noise < RIPPLE_SCATTER * expected
    level = (model_depth > LEVEL_DEPTHS[0]) & (model_depth < LEVEL_DEPTHS[1]) & clear
    for band in np.unique(number[number >= 0]):
        if np.sum(level & (number == band)) >= FEWEST_BINS:
            bins = (number == band) & (model_depth < LEVEL_DEPTHS[1])
            height = float(np.median(ripple.square[level & bins] / expected[level & bins]))
            refined[bins] *= np.exp(_mean_move(ripple.square[bins], ripple.noise[bins], max(height, 0.0) * expected[bins]))
    return refined


def _mean_move(square: FloatArray, noise: FloatArray, expected: FloatArray) -> FloatArray:
    """Mean of the logarithm of depth over the model's, given the square of the ripple, its error, and the square expected; shape (n,).

    The square is taken as measured, negative ones as well: cut at 0, noise would only ever deepen the air.
    """
    there = np.exp(2.0 * MOVES[:, None]) * expected
    variance = noise**2 + (2.0 * RIPPLE_SCATTER * there) ** 2
    misfit = (square - there) ** 2 / variance + np.log(variance) + (MOVES[:, None] / MODEL_SCATTER) ** 2
    weight = np.exp(-0.5 * (misfit - misfit.min(axis=0)))
    return np.asarray(MOVES @ weight / weight.sum(axis=0))


def nearest_band(wavelength_nm: FloatArray) -> IntArray:
    """Number of the band that holds each wavelength or lies next to it: the model shows its wings."""
    start, stop = (np.array([getattr(band, edge) for band in BANDS]) for edge in ("start_nm", "stop_nm"))
    away = np.maximum(start - wavelength_nm[:, None], wavelength_nm[:, None] - stop)
    return np.argmin(away, axis=1)


def _expected(present: IntArray, log_airmass: float) -> tuple[FloatArray, FloatArray]:
    """Logarithms of the amounts over the template's, and their covariance: a ripple stands for its own amount, water shares the weather."""
    species = [BANDS[int(label) // 2].species if label % 2 else RIPPLE for label in present]
    water = np.array([name == "H2O" for name in species], dtype=np.float64)
    modelled = np.array([name != RIPPLE for name in species], dtype=np.float64)
    own = np.array([SPECIES_SCATTER[name] for name in species])
    return log_airmass * modelled + np.log(USUAL_WATER_MM / MODEL_WATER_MM) * water, WEATHER_SCATTER**2 * np.outer(water, water) + np.diag(
        own**2
    )
