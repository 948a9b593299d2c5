"""A pretended reduction in counts, or with a response that is on the disk, calibrated as the recipe does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from soxspipe.datamodel.provenance import InputFile
from soxspipe.datamodel.spectrum import CountsSpectrum
from soxspipe.io.calibration_tables import read_response
from soxspipe.io.classify import classify
from soxspipe.io.files import md5_of
from soxspipe.io.fits import read_header
from soxspipe.io.static import read_extinction, read_telluric_bands
from soxspipe.reductions.stare.calibrate import make_fluxed
from soxspipe.reductions.stare.context import StareContext
from soxspipe.settings.dump import parameters
from soxspipe.settings.stare import StareSettings
from support.runs import make_stare_run

SEEING_ARCSEC = 1.234567891234
"""With as many digits as a measurement has."""


def counts_run(response: Path | None, settings: StareSettings) -> StareContext:
    """A NIR target without a response, or with one; extinction and bands are those of the package."""
    run = make_stare_run("NIR", settings=settings)
    arm = run.inputs.arm
    seen = replace(run.inputs.observation, airmass=1.0 + 1.0 / 3.0, slit_name="SLIT1.0", slit_width_arcsec=1.0)
    inputs = replace(
        run.inputs, observation=seen, response=None, extinction=read_extinction(arm.extinction_site), telluric_bands=read_telluric_bands()
    )
    counts = CountsSpectrum(merged=run.result.merged, observation=seen, fwhm_arcsec=SEEING_ARCSEC, flat_md5=inputs.masters.flat_md5)
    result, provenance = (
        replace(run.result, counts=counts, response=None, fluxed=None),
        replace(run.provenance, parameters=parameters(settings)),
    )
    if response is not None:
        file = classify(response, read_header(response))
        assert file is not None
        curve = read_response(file)
        fluxed = make_fluxed(counts, curve, arm, inputs.extinction, inputs.telluric_bands)
        result, inputs = replace(result, response=curve, fluxed=fluxed), replace(inputs, response=curve)
        given = InputFile(path=str(response), category=file.tag, md5=md5_of(response))
        provenance = replace(provenance, calibrations=(*provenance.calibrations, given))
    return replace(run, inputs=inputs, result=result, provenance=provenance)
