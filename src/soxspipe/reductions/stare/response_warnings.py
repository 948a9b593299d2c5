"""What does not fit between a response and a spectrum; needs no algorithm, so that wrong inputs are reported at once."""

from __future__ import annotations

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import ResponseCurve


def response_warnings(response: ResponseCurve | None, flat_md5: str, observation: Observation, arm: Arm, *, flattened: bool) -> list[str]:
    """What does not fit between a response and the exposures that it is used on."""
    if response is None:
        return []
    found = []
    other_flat = bool(response.flat_md5) and response.flat_md5 != flat_md5
    if other_flat and (response.flat_level is None or not flattened):
        found.append("the response was made with another master flat than the one used here; the flux scale may be wrong")
    if not response.is_sampled and observation.binning[arm.dispersion_index] != 1:
        found.append("the response does not say at which binning it was made; it is taken to be that of the frame")
    return found
