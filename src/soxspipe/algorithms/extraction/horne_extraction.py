"""Spatial profile, optimal sum and boxcar sum (Horne 1986)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import Field

from soxspipe.algorithms.extraction.reject_outliers import FAR_SHARE, Rejection, reject_outliers
from soxspipe.algorithms.extraction.steep_flanks import light_beside_trace
from soxspipe.algorithms.objects.object_flux import flux_along, flux_of_neighbours, has_core
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.sky.sky_and_object import N_LAGS, evaluate_sky, joint_geometry, solve_sky_and_object
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.algorithms.sky.uneven_lines import UnevenLight
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.datamodel.trace import OrderTrace
from soxspipe.numerics.rows import row_dot, row_max


class ExtractionSettings(AlgorithmSettings):
    """Settings of `extract_orders`."""

    horne_extraction_slit_length: int = Field(
        15,
        ge=2,
        le=400,
        description="Length (unbinned px) of the slit over which object flux is collected; the boxcar aperture is 2 int(length / 2).",
    )
    horne_extraction_profile_poly_order: int = Field(
        7, ge=0, le=15, description="Highest degree with which the object's profile may change along the dispersion; data choose up to it."
    )
    horne_extraction_profile_global_clipping_sigma: float = Field(
        25.0, gt=0, description="Limit on (D - S - f P)^2 / V (so 25 is 5 sigma) above which a pixel is rejected during extraction."
    )
    horne_extraction_profile_clipping_sigma: float = Field(3.0, gt=0, description="Clipping limit (sigma) when the profile is fitted.")
    horne_extraction_profile_clipping_iteration_count: int = Field(
        10, ge=0, le=100, description="Maximum number of clipping rounds when the profile is fitted."
    )
    subtract_host: bool = Field(
        True,
        description="Take off light of a host galaxy that no point source explains from under the object (never from a standard).",
    )
    horne_extraction_along_lines: bool = Field(
        False,
        description="Extract along the tilted sky lines instead of detector columns: in bad seeing lines of the object come out narrower.",
    )


ROUGH_TOLERANCE = 0.1
"""A first profile is right to a tenth of its peak."""
LEAST_FLAT = 0.0025
"""Below a 400th of the order's level the flat is scattered light, not lamp."""
PARTIAL = 0.5
"""With more than half of the profile lost, the flux rests on the model of the profile."""
PROFILE_ERROR = 0.005
"""By which the ratio of an image's core to its wings is known: rows of two bright stars whose cores are full scatter beyond their photons by 0.4 to
0.6 % of the flux times the share of the light that is lost."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExtractedOrder:
    """One order after extraction, on its window.

    Attributes
    ----------
    data : OrderData
        The order.
    sky, sky_variance, shares : ndarray, shape of the window
        Final sky model, its variance, and the object's profile.
    variance : ndarray, shape of the window
        Model variance of a pixel (flattened electrons squared), sky model's not included.
    rejection : Rejection
        Pixels left out.
    flux, flux_variance : ndarray, shape (n_disp,)
        NaN and infinity where nothing could be measured.
    covariance : ndarray, shape (n_lags, n_disp)
        Of neighbouring fluxes.
    sky_fit : SkyFit or None
        With the final spline; None without sky subtraction.
    masked : ndarray of bool, shape of the window, or None
        Pixels of other objects on the slit, which took no part.
    """

    data: OrderData
    sky: FloatArray
    sky_variance: FloatArray
    shares: FloatArray
    variance: FloatArray
    rejection: Rejection
    flux: FloatArray
    flux_variance: FloatArray
    covariance: FloatArray
    sky_fit: SkyFit | None
    masked: BoolArray | None = None

    @property
    def uneven(self) -> UnevenLight | None:
        """Light of sky lines that change along the slit, which `data` are without."""
        return None if self.sky_fit is None else self.sky_fit.uneven

    @property
    def whole_sky(self) -> FloatArray:
        """Sky model with that light."""
        return self.sky if self.uneven is None else self.sky + self.uneven.electrons


def extract_order(data: OrderData, sky_fit: SkyFit, shares: FloatArray, settings: ExtractionSettings) -> ExtractedOrder:
    """Reject outliers against the sky at hand, then solve sky and object together, with errors.

    Parameters
    ----------
    data : OrderData
        The order.
    sky_fit : SkyFit
        Shape of the sky and a first model.
    shares : ndarray, shape of the window
        Object profile.
    settings : ExtractionSettings
        Its global clipping limit is used.

    Returns
    -------
    ExtractedOrder
        Flux, sky and errors.
    """
    limit = settings.horne_extraction_profile_global_clipping_sigma
    geometry = joint_geometry(sky_fit.spline, data.u_px, data.slit, data.good)
    sky_range = np.where(data.window.inside, sky_fit.spline.local_range(data.u_px), 0.0)
    rejection = reject_outliers(data, sky_fit.electrons, shares, sky_range, limit)
    beside = flux_of_neighbours(rejection.flux, has_core(shares, data.good & ~rejection.rejected))
    variance = data.variance(sky_fit.electrons + np.maximum(beside, 0.0)[:, None] * np.maximum(shares, 0.0))
    weight = np.where(data.good & ~rejection.rejected, 1.0 / variance, 0.0)
    final = solve_sky_and_object(data, sky_fit.spline, geometry, shares, weight)
    sky = np.where(data.window.inside, evaluate_sky(final.spline, geometry), 0.0)
    tilted = light_beside_trace(final.flux, np.sqrt(final.variance), shares, weight, data.u_px)
    return ExtractedOrder(
        data=data,
        sky=sky,
        sky_variance=final.sky_variance,
        shares=shares,
        variance=variance,
        rejection=rejection,
        flux=final.flux + tilted,
        flux_variance=final.variance + tilted**2,
        covariance=final.covariance,
        sky_fit=replace(sky_fit, spline=final.spline, electrons=sky),
    )


def extract_order_without_sky(data: OrderData, shares: FloatArray, settings: ExtractionSettings) -> ExtractedOrder:
    """Horne's sum on data from which no sky is to be subtracted; arguments and result as for `extract_order`."""
    nothing = np.zeros(shares.shape)
    rejection = reject_outliers(data, nothing, shares, nothing, settings.horne_extraction_profile_global_clipping_sigma)
    flux, error = flux_along(data.electrons, rejection.variance, shares, data.good & ~rejection.rejected)
    known = np.isfinite(error)
    return ExtractedOrder(
        data=data,
        sky=nothing,
        sky_variance=nothing,
        shares=shares,
        variance=rejection.variance,
        rejection=rejection,
        flux=np.where(known, flux, np.nan),
        flux_variance=error**2,
        covariance=np.zeros((N_LAGS, flux.size)),
        sky_fit=None,
    )


def order_spectrum(
    extracted: ExtractedOrder,
    trace: OrderTrace,
    *,
    label: str,
    aperture_px: float,
    wavelength_nm: FloatArray,
    saturated: BoolArray,
    forced: bool,
) -> tuple[OrderSpectrum, FloatArray]:
    """Put an extracted order into ascending wavelength, with aperture sums beside the optimal one.

    Parameters
    ----------
    extracted : ExtractedOrder
        Result of the extraction.
    trace : OrderTrace
        Trace of the order.
    label : str
        Its name.
    aperture_px : float
        Length of the boxcar aperture (binned px).
    wavelength_nm : ndarray, shape (n_disp,)
        At the trace; NaN drops the dispersion pixel.
    saturated : ndarray of bool, shape of the window
        Saturated pixels.
    forced : bool
        Whether the trace is forced.

    Returns
    -------
    OrderSpectrum
        Only dispersion pixels with a wavelength.
    ndarray, shape (n_lags, n)
        Covariance of neighbouring fluxes in the same sequence.
    """
    aperture = _aperture(extracted.data, trace.a_px, aperture_px)
    columns = _columns(extracted, aperture) | {
        "a_px": trace.a_px,
        "wavelength_nm": wavelength_nm,
        "pixel_scale_nm": _pixel_scale(extracted.data.window.b_px, wavelength_nm),
    }
    quality = _quality(extracted, aperture, saturated, columns["profile_fraction"], forced=forced)
    weak = columns["mean_flat"] < LEAST_FLAT
    columns["flux"] = np.where(weak, np.nan, extracted.flux)
    columns["variance"] = np.where(weak, np.inf, extracted.flux_variance + _filled_in(extracted.flux, columns["profile_fraction"]))
    quality = np.where(weak, quality | int(SpectrumFlag.LOW_RESPONSE), quality)
    columns["quality"] = np.where(~np.isfinite(columns["flux"]), quality | int(SpectrumFlag.NO_DATA), quality)
    keep = np.flatnonzero(np.isfinite(wavelength_nm))
    keep = keep[np.argsort(wavelength_nm[keep], kind="stable")]
    covariance = np.where(np.isfinite(columns["flux"][keep]), _sorted_covariance(extracted.covariance, keep), 0.0)
    spectrum = OrderSpectrum(order=extracted.data.window.order, label=label, **{name: column[keep] for name, column in columns.items()})
    return spectrum, covariance


def _columns(extracted: ExtractedOrder, aperture: FloatArray) -> dict[str, Any]:
    """Sums over the slit by name, one value for every dispersion pixel of the window."""
    data, good = extracted.data, extracted.data.good & ~extracted.rejection.rejected
    light = data.electrons - extracted.sky
    model = np.nan_to_num(extracted.flux)[:, None] * extracted.shares
    sky = row_dot(aperture, extracted.whole_sky)
    return {
        "b_px": data.window.b_px,
        "boxcar": row_dot(aperture, light),
        "boxcar_robust": row_dot(aperture, np.where(good, light, 0.0)),
        "boxcar_restored": row_dot(aperture, np.where(good, light, model)),
        "sky": sky / np.maximum(np.sum(aperture, axis=1), 1e-9),
        "sky_aperture": sky,
        "profile_fraction": np.sum(np.where(good, np.maximum(extracted.shares, 0.0), 0.0), axis=1),
        "aperture_fraction": row_dot(aperture, extracted.shares),
        "mean_flat": _mean_flat(extracted),
    }


def _filled_in(flux: FloatArray, fraction: FloatArray) -> FloatArray:
    """Variance of what the profile makes up for pixels that cannot be used, shape (n_disp,).

    A share s that is seen changes by s (1 - s) times the relative error of the ratio of light seen to light lost, and the flux by 1 - s times it.
    """
    return np.square(PROFILE_ERROR * np.nan_to_num(flux) * np.clip(1.0 - fraction, 0.0, 1.0))


def _sorted_covariance(covariance: FloatArray, keep: IntArray) -> FloatArray:
    """Covariance with the pixel that follows by each lag, in the sequence of `keep`, which runs up or down; shape (n_lags, n)."""
    kept = np.array(covariance[:, keep])
    if keep.size > 1 and keep[0] > keep[-1]:
        for lag in range(1, kept.shape[0] + 1):
            kept[lag - 1] = np.roll(kept[lag - 1], -lag)
    return kept


def _pixel_scale(b_px: IntArray, wavelength_nm: FloatArray) -> FloatArray:
    """Nanometres per dispersion pixel; NaN where the wavelength is."""
    scale, known = np.full(wavelength_nm.shape, np.nan), np.isfinite(wavelength_nm)
    if known.sum() > 1:
        scale[known] = np.abs(np.gradient(wavelength_nm[known], b_px[known].astype(np.float64)))
    return scale


def _mean_flat(extracted: ExtractedOrder) -> FloatArray:
    """Flat under the object, weighted by the profile over the pixels whose flat is usable; 0 where there are none, shape (n_disp,)."""
    data = extracted.data
    weight = np.where(data.good, np.maximum(extracted.shares, 0.0), 0.0)
    total = weight.sum(axis=1)
    return np.where(total > 0, np.sum(weight * data.flat, axis=1) / np.where(total > 0, total, 1.0), 0.0)


def _aperture(data: OrderData, a_px: FloatArray, length: float) -> FloatArray:
    """Share of every pixel that lies within `length` px centred on the trace."""
    distance = data.window.a_px - a_px[:, None]
    overlap = np.minimum(distance + 0.5, 0.5 * length) - np.maximum(distance - 0.5, -0.5 * length)
    return np.where(data.window.inside, np.clip(overlap, 0.0, 1.0), 0.0)


def _quality(extracted: ExtractedOrder, aperture: FloatArray, saturated: BoolArray, fraction: FloatArray, *, forced: bool) -> IntArray:
    core = (aperture > 0) & (extracted.shares > FAR_SHARE * row_max(extracted.shares)[:, None])
    quality = np.zeros(fraction.shape, dtype=np.int32)
    quality[(saturated & core).any(axis=1)] |= SpectrumFlag.SATURATED
    quality[(extracted.rejection.rejected & core).any(axis=1)] |= SpectrumFlag.COSMIC_RAY
    quality[fraction < PARTIAL] |= SpectrumFlag.PARTIAL_PROFILE
    if forced:
        quality |= SpectrumFlag.FORCED
    among = core.astype(np.float64)
    quality[row_dot(among, extracted.sky_variance) > row_dot(among, extracted.variance)] |= SpectrumFlag.WEAK_SKY_MODEL
    if extracted.uneven is not None:
        quality[(extracted.uneven.poor & core).any(axis=1)] |= SpectrumFlag.WEAK_SKY_MODEL
    return quality
