"""From extracted orders to response, efficiency and flux."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.extraction.solve_orders import SolvedOrders
from soxspipe.algorithms.spectra.flat_level import measure_flat_level, smooth_flat
from soxspipe.algorithms.spectra.flux_calibration import flux_calibrate
from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.algorithms.spectra.response_function import fit_response, measure_efficiency
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.spectrum import EfficiencyCurve, FluxedSpectrum, MergedSpectrum, OrderSpectrum, ResponseCurve
from soxspipe.errors import ResponseError
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.settings.stare import StareSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """What flux calibration made, and by name what could not be made."""

    orders_unflattened: tuple[OrderSpectrum, ...]
    merged_unflattened: MergedSpectrum | None
    response: ResponseCurve | None
    efficiency: EfficiencyCurve | None
    fluxed: FluxedSpectrum | None
    failures: dict[str, str]


def calibrate(
    merged: MergedSpectrum, spectra: Sequence[OrderSpectrum], solved: SolvedOrders, inputs: StareInputs, settings: StareSettings, done: Done
) -> Calibrated:
    """Response and efficiency of a standard, and the flux-calibrated spectrum as far as there is a response."""
    failures: dict[str, str] = {}
    unflattened: tuple[OrderSpectrum, ...] = ()
    merged_unflattened = efficiency = None
    response = inputs.response
    flattened = inputs.masters.flat is not None and settings.use_flat
    flat_level = measure_flat_level([order.data for order in solved.orders]) if flattened else None
    if inputs.is_standard:
        unflattened = tuple(_unflatten(spectrum, spectrum.mean_flat) for spectrum in spectra)
        merged_unflattened = merge_orders(unflattened, None, inputs.arm.merge_step_nm, flattened=False, best_only=True)
    if inputs.is_standard and inputs.standard is not None and response is None:
        try:
            response = fit_response(
                merged,
                inputs.standard,
                inputs.observation,
                inputs.extinction,
                inputs.telluric_bands,
                settings.response,
                bin_nm=inputs.arm.response_bin_nm,
                flat_md5=inputs.masters.flat_md5,
                flat_level=flat_level,
                seeing_arcsec=solved.profile.fwhm_arcsec,
            )
            done("response_function", f"{int(response.bins_used.sum())} of {response.bins_used.size} bins")
        except ResponseError as err:
            failures["response"] = str(err)
        if merged_unflattened is not None:
            smooth = [_unflatten(spectrum, smooth_flat(spectrum.mean_flat)) for spectrum in spectra]
            efficiency = measure_efficiency(
                merge_orders(smooth, None, inputs.arm.merge_step_nm, flattened=False, best_only=True),
                inputs.standard,
                inputs.observation,
                inputs.extinction,
                area_cm2=inputs.arm.collecting_area_cm2,
            )
    fluxed = None
    if response is not None:
        fluxed = flux_calibrate(
            merged,
            response,
            inputs.observation,
            inputs.extinction,
            inputs.telluric_bands,
            seeing_arcsec=solved.profile.fwhm_arcsec,
            flat_level=flat_level,
        )
        done("flux_calibration", f"response of {response.star or 'unknown star'}")
    return Calibrated(
        orders_unflattened=unflattened,
        merged_unflattened=merged_unflattened,
        response=response,
        efficiency=efficiency,
        fluxed=fluxed,
        failures=failures,
    )


def _unflatten(spectrum: OrderSpectrum, flat: FloatArray) -> OrderSpectrum:
    """Electrons as the detector counted them: every flux times the flat under the object."""
    scaled = {
        name: getattr(spectrum, name) * flat for name in ("flux", "boxcar", "boxcar_robust", "boxcar_restored", "sky", "sky_aperture")
    }
    lit = flat > 0
    return replace(spectrum, variance=np.where(lit, spectrum.variance * np.where(lit, flat, 1.0) ** 2, np.inf), **scaled)
