"""From extracted orders to response, efficiency and flux."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from soxspipe.algorithms.spectra.flat_level import smooth_flat
from soxspipe.algorithms.spectra.flux_calibration import flux_calibrate
from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.algorithms.spectra.response_function import fit_response, measure_efficiency
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import ExtinctionCurve, TelluricBands
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import (
    CountsSpectrum,
    EfficiencyCurve,
    FlatLevel,
    FluxedSpectrum,
    MergedSpectrum,
    OrderSpectrum,
    ResponseCurve,
)
from soxspipe.errors import ResponseError
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.settings.stare import StareSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """The response in use, given or made; None if there is none, and why it could not be made."""

    curve: ResponseCurve | None
    failures: Mapping[str, str] = field(default_factory=dict)


def unflatten_orders(spectra: Sequence[OrderSpectrum]) -> tuple[OrderSpectrum, ...]:
    """The spectra as the detector counted them."""
    return tuple(_unflatten(spectrum, spectrum.mean_flat) for spectrum in spectra)


def merge_unflattened(spectra: Sequence[OrderSpectrum], arm: Arm) -> MergedSpectrum:
    """Merge un-flattened orders; where two overlap the better one alone counts, since their scales differ."""
    return merge_orders(spectra, None, arm.merge_step_nm, flattened=False, best_only=True)


def make_response(
    merged: MergedSpectrum,
    fwhm_arcsec: float,
    flat_level: FlatLevel | None,
    inputs: StareInputs,
    settings: StareSettings,
    done: Done,
    *,
    over_end: bool,
) -> Response:
    """The response given with the inputs, else that of a standard star whose spectrum is known."""
    if not inputs.makes_response or inputs.standard is None:
        return Response(curve=inputs.response)
    try:
        curve = fit_response(
            merged,
            inputs.standard,
            inputs.observation,
            inputs.extinction,
            inputs.telluric_bands,
            settings.response,
            bin_nm=inputs.arm.response_bin_nm,
            flat_md5=inputs.masters.flat_md5,
            flat_level=flat_level,
            seeing_arcsec=fwhm_arcsec,
        )
    except ResponseError as err:
        return Response(curve=None, failures={"response": str(err)})
    done("response_function", f"{int(curve.bins_used.sum())} of {curve.bins_used.size} bins")
    return Response(curve=replace(curve, over_end=over_end))


def make_efficiency(spectra: Sequence[OrderSpectrum], inputs: StareInputs) -> EfficiencyCurve | None:
    """Efficiency on a standard star whose spectrum is known; None for other targets."""
    if not inputs.is_standard or inputs.standard is None:
        return None
    smooth = [_unflatten(spectrum, smooth_flat(spectrum.mean_flat)) for spectrum in spectra]
    return measure_efficiency(
        merge_unflattened(smooth, inputs.arm),
        inputs.standard,
        inputs.observation,
        inputs.extinction,
        area_cm2=inputs.arm.collecting_area_cm2,
    )


def make_fluxed(
    counts: CountsSpectrum, response: ResponseCurve, arm: Arm, extinction: ExtinctionCurve, telluric_bands: TelluricBands
) -> FluxedSpectrum:
    """The flux-calibrated spectrum, of a reduction and of one whose response comes later."""
    return flux_calibrate(
        counts.merged,
        response,
        counts.observation,
        extinction,
        telluric_bands,
        seeing_arcsec=counts.fwhm_arcsec,
        flat_level=counts.flat_level,
        binning_ratio=_binning_ratio(response, counts.observation, arm),
        correct_slit_loss=counts.correct_slit_loss and not counts.is_standard,
        arm=arm,
    )


def _binning_ratio(response: ResponseCurve, observation: Observation, arm: Arm) -> float:
    """Pixels of the standard over those of the frame along the dispersion; 1 for a polynomial, which does not say."""
    if not response.is_sampled:
        return 1.0
    along = arm.dispersion_index
    return response.binning[along] / observation.binning[along]


def _unflatten(spectrum: OrderSpectrum, flat: FloatArray) -> OrderSpectrum:
    """Electrons as the detector counted them: every flux times the flat under the object."""
    scaled = {
        name: getattr(spectrum, name) * flat for name in ("flux", "boxcar", "boxcar_robust", "boxcar_restored", "sky", "sky_aperture")
    }
    lit = flat > 0
    return replace(spectrum, variance=np.where(lit, spectrum.variance * np.where(lit, flat, 1.0) ** 2, np.inf), **scaled)
