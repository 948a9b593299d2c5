"""The stare recipe's algorithm: values in, values out."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.spectra.merge_orders import merge_orders
from soxspipe.datamodel.spectrum import CountsSpectrum, MergedSpectrum
from soxspipe.qc.slit_metrics import orders_over_the_end
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare import notes
from soxspipe.reductions.stare.calibrate import make_efficiency, make_fluxed, make_response, merge_unflattened, unflatten_orders
from soxspipe.reductions.stare.exposures import combine_groups, plan_exposures, without_flat_structure
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.moved import frame_warnings
from soxspipe.reductions.stare.prepared import prepare_set
from soxspipe.reductions.stare.response_warnings import misfit_warnings
from soxspipe.reductions.stare.result import StareResult
from soxspipe.reductions.stare.solution import ShownSolution
from soxspipe.reductions.stare.solution_warnings import flat_warnings, slit_loss_warnings
from soxspipe.reductions.stare.solve_groups import solve_groups
from soxspipe.settings.stare import StareSettings


def reduce_stare(inputs: StareInputs, settings: StareSettings, done: Done = lambda step, note: None) -> StareResult:
    """Reduce one stare-mode observation: what all exposures share; `solve_stack` has the boxes of the recipe's figure, one line each.

    Parameters
    ----------
    inputs : StareInputs
        Exposures, calibrations and facts.
    settings : StareSettings
        The user's choices.
    done : callable
        Told of every step that ends.

    Returns
    -------
    StareResult
        Every value that was made on the way.

    Raises
    ------
    AlgorithmError
        If the data cannot be reduced.
    """
    ready = prepare_set(inputs)
    inputs = ready.inputs
    done("prepare", ready.note)
    plan = plan_exposures(ready)
    if len(ready.exposures) > 1:
        done("compare_exposures", plan.note)
    solved = solve_groups(ready, plan, settings, done)
    main = solved.main
    groups, flat_structure = without_flat_structure(solved.groups)
    combined = combine_groups(groups, plan, ready, solved.failures)
    spectra = combined.spectra
    if len(plan.groups) > 1:
        done("combine_exposures", f"{len(groups)} groups")
    for record in combined.records if len(combined.records) > 1 else ():
        done("exposure", notes.exposure(record))
    flattened = settings.use_flat and inputs.masters.flat is not None
    merged = merge_orders(spectra, combined.covariances, inputs.arm.merge_step_nm, flattened=flattened)
    done("merge_orders", f"median SNR {np.median(merged.snr[merged.variance > 0]):.1f}")
    unflattened = unflatten_orders(spectra) if inputs.is_standard else ()
    merged_unflattened = merge_unflattened(unflattened, inputs.arm) if unflattened else None
    width = groups[0].star_width(float(np.median(merged.wavelength_nm)))
    over_end = bool(orders_over_the_end(main.trace, inputs.arm.half_slit_arcsec))
    response = make_response(merged, width, main.flat_level, inputs, settings, done, over_end=over_end)
    efficiency = make_efficiency(spectra, inputs)
    counts = _counts(merged, width, main, inputs, settings)
    fluxed = None
    if response.curve is not None:
        fluxed = make_fluxed(counts, response.curve, inputs.arm, inputs.extinction, inputs.telluric_bands)
        done("flux_calibration", f"response of {response.curve.star or 'unknown star'}")
    return StareResult(
        stacked=main.shown,
        detrended=main.frames.detrended,
        background=main.background,
        sky=main.sky,
        sky_subtracted=main.frames.sky_subtracted,
        residual_sigma=main.frames.residual_sigma,
        trace=main.trace,
        profile=main.profile,
        orders=spectra,
        merged=merged,
        orders_unflattened=unflattened,
        merged_unflattened=merged_unflattened,
        wavelength_shift=main.shift,
        host=main.host,
        flat_structure=flat_structure,
        slit=main.slit,
        counts=counts,
        response=response.curve,
        efficiency=efficiency,
        fluxed=fluxed,
        noise=ready.noise,
        patterns=ready.patterns,
        afterglow=ready.afterglow,
        exposures=combined.records,
        warnings=(
            *combined.warnings,
            *main.warnings,
            *(f"{name} could not be made: {reason}" for name, reason in response.failures.items()),
            *flat_warnings(flat_structure, inputs.arm),
            *misfit_warnings(response.curve, inputs.telluric_bands),
            *slit_loss_warnings(fluxed, response.curve, inputs.observation),
            *frame_warnings(inputs.observation, settings),
        ),
        failures={f"order {order}": reason for order, reason in combined.lost.items()} | dict(response.failures),
        diagnostics=main.diagnostics,
    )


def _counts(
    merged: MergedSpectrum, width_arcsec: float, main: ShownSolution, inputs: StareInputs, settings: StareSettings
) -> CountsSpectrum:
    """The merged spectrum with all that a response, of now or later, has to know of it."""
    return CountsSpectrum(
        merged=merged,
        observation=inputs.observation,
        fwhm_arcsec=width_arcsec,
        flat_level=main.flat_level,
        flat_md5=inputs.masters.flat_md5,
        in_doubt=main.in_doubt,
        is_standard=inputs.is_standard,
        correct_slit_loss=settings.correct_slit_loss,
    )
