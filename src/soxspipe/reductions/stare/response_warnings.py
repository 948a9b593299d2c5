"""What does not fit between a response and a spectrum; needs no algorithm, so that wrong inputs are reported at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soxspipe.datamodel.calibrations import TelluricBands
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import ResponseCurve

FAR_OFF, FAR_OFF_SIGMA = 0.1, 5.0
"""A bin that the curve misses by more than a tenth, which is no noise."""
MOST_FAR_OFF = 0.1
"""Of the clear bins: sound standards have 0 to 0.02 so far off; one with a flat that did not suit it had 0.42."""
FEWEST_BINS = 20
"""With fewer clear bins a share says little."""


def response_warnings(response: ResponseCurve | None, flat_md5: str, observation: Observation, arm: Arm, *, flattened: bool) -> list[str]:
    """What does not fit between a response and the exposures that it is used on."""
    if response is None:
        return []
    found = []
    other_flat = bool(response.flat_md5) and response.flat_md5 != flat_md5
    if other_flat and (response.flat_level is None or not flattened):
        found.append("the response was made with another master flat than the one used here; the flux scale may be wrong")
    if response.over_end:
        found.append(
            f"the standard behind the response, {response.star or 'of unknown name'}, stood over the slit's end: the response is too high for "
            "stars elsewhere on the slit by the light that it lost; use another standard"
        )
    if not response.is_sampled and observation.binning[arm.dispersion_index] != 1:
        found.append("the response does not say at which binning it was made; it is taken to be that of the frame")
    return found


def misfit_warnings(response: ResponseCurve | None, bands: TelluricBands) -> Iterator[str]:
    """Whether a response misses its own star, outside telluric bands: a smooth curve cannot follow steps, and leaves them out as outliers."""
    if response is None or response.bins_nm.size == 0 or not response.is_sampled:
        return
    wave, value = response.bins_nm, response.bins_value
    clear = (value > 0) & ~bands.contains(wave)
    off = np.abs(np.interp(wave, response.wavelength_nm, response.response) - value)
    far = clear & (off > FAR_OFF * value) & (off > FAR_OFF_SIGMA * response.bins_error)
    share = far.sum() / max(int(clear.sum()), FEWEST_BINS)
    if share > MOST_FAR_OFF:
        yield (
            f"the response misses its own star, {response.star or 'of unknown name'}, by more than {100 * FAR_OFF:.0f} % in {100 * share:.0f} % of "
            f"the clear spectrum, from {wave[far].min():.0f} to {wave[far].max():.0f} nm: fluxes are wrong there; look at the standard and its flat"
        )
