"""Gain and number of integrations that the headers state, held against the photon noise of the exposures' own pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.frames.photon_transfer import MANY_LINES, PhotonTransfer, measure_photon_transfer
from soxspipe.algorithms.frames.prepare import orient_and_trim
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.stored_image import seen
from soxspipe.reductions.names import first_and_more

SCENE_ERROR = 0.12
"""What structure of the scene does to the photon noise of clean frames, rms of its logarithm (simulated, both arms)."""
WORTH_A_LOOK, POORLY_KNOWN = 0.3, 0.2
"""A first measurement that is off by this, or known no better than that, is repeated on more lines."""
SURE_SIGMA = 2.5
"""By so much photon noise must contradict the header where the read noise contradicts it too; what is believed lies within as much."""
SURE_SIGMA_ALONE = 5.0
"""And by so much where it stands alone."""
UNKNOWN = 0.5
"""Photon noise known no better than this tells nothing."""
UNLIKE_ONE = 0.15
"""Logarithm of a gain: one nearer to 1 differs from its inverse by less than the scene may do to photon noise."""
SAME_GAIN = 0.1
"""Logarithm by which gains of one detector may differ."""
LEAST_RATIO, MOST_RATIO = 0.85, 2.6
"""Scatter without light over the read noise of header or file: rounding and drift below; dark charge, and detectors that are twice as noisy
as the file says, above."""
AS_EXPECTED, FAR_OFF = 0.1, 0.6
"""Without light the inverse must give the read noise to this, and the gain as stated must miss it by that, both in logarithms: no read-out of a
detector is 1.8 times as noisy as another one, or half as noisy."""
COUPLING = 0.9
"""Neighbours that share charge make photon noise seem less, by a logarithm of 0.3 for 2 % each; what is above this are integrations."""
LEAST_OFF = 0.5
"""Logarithm of a number of integrations over the stated one that can be told: 2 over 1 has 0.69."""
LEAST_BELOW = 0.001
"""Share of the frame that lies below its dark parts: a star three pixels wide in one order of fifteen covers twice as much; clean frames have none."""
PAUSE_S = 5.0
"""Longest pause after an integration; SOXS takes 3.3 s."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhotonNoise:
    """What the exposures' own photon noise says of their headers.

    Attributes
    ----------
    detector : Detector
        With the gain that the pixels show, where the header states its inverse.
    raw : tuple of RawFrame
        With the integrations that the pixels show.
    is_difference : bool
        Whether the exposures are differences of two: an off-frame was taken off before.
    warnings : tuple of str
        For the user.
    """

    detector: Detector
    raw: tuple[RawFrame, ...]
    is_difference: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureLook:
    """One exposure: its name, the integrations that its header states, those that fit into its sequence, and the noise of its pixels."""

    name: str
    stated: int
    by_time: range
    photons: PhotonTransfer

    def off(self, gain: float, integrations: int) -> float:
        """Logarithm of electrons per ADU, as photon noise shows them, over what gain and integrations make them; NaN if unknown."""
        return math.log(self.photons.electrons_per_adu / (gain * integrations))

    @property
    def error(self) -> float:
        """Of that logarithm."""
        return math.hypot(self.photons.relative_error, SCENE_ERROR)

    @property
    def is_lit(self) -> bool:
        """Whether photon noise tells anything."""
        return self.photons.relative_error < UNKNOWN

    def noise_ratio(self, used: Detector, gain: float, integrations: int) -> float:
        """Scatter without light over the read noise expected, were gain and integrations these."""
        return self.photons.dark_sigma_adu * gain * math.sqrt(integrations) / used.read_noise_e


def hold_against_photons(raw: Sequence[RawFrame], used: Detector, arm: Arm) -> PhotonNoise:
    """Correct gain and integrations where the exposures' own pixels contradict the headers beyond doubt; say it, and what stays unexplained.

    Parameters
    ----------
    raw : sequence of RawFrame
        The exposures.
    used : Detector
        With the gain and read noise that headers or files state.
    arm : Arm
        Says where spectra run.
    """
    looks = [_look(frame, used, arm) for frame in raw]
    known = [look for look in looks if look is not None]
    gain, gain_words = judge_gain(known, used)
    counts = [
        frame.observation.integrations if look is None else judge_integrations(look, used, gain)
        for frame, look in zip(raw, looks, strict=True)
    ]
    judged = [(look, count) for look, count in zip(looks, counts, strict=True) if look is not None]
    differences = [look for look, count in judged if is_difference(look, gain, count)]
    single = [(look, count) for look, count in judged if look not in differences]
    source = used.gain_source if gain == used.gain_e_per_adu else f"the pixels ({used.gain_source} states its inverse)"
    return PhotonNoise(
        detector=replace(used, gain_e_per_adu=gain, gain_source=source),
        raw=tuple(_with_integrations(frame, number) for frame, number in zip(raw, counts, strict=True)),
        is_difference=bool(differences),
        warnings=(*gain_words, *_count_words(judged), *_difference_words(differences), *_unexplained_words(single, gain)),
    )


def _look(frame: RawFrame, used: Detector, arm: Arm) -> ExposureLook | None:
    """Noise of one exposure, measured on more lines where it seems to be off; None of a frame that is too small."""
    adu, observation = orient_and_trim(seen(frame.adu), used), frame.observation
    photons = measure_photon_transfer(adu, arm.dispersion_axis)
    if photons is None:
        return None
    one = ExposureLook(name=frame.name, stated=observation.integrations, by_time=_by_time(observation), photons=photons)
    if photons.relative_error < POORLY_KNOWN and abs(one.off(used.gain_e_per_adu, one.stated)) < WORTH_A_LOOK:
        return one
    return replace(one, photons=measure_photon_transfer(adu, arm.dispersion_axis, MANY_LINES) or photons)


def _by_time(observation: Observation) -> range:
    """Integrations that fit into a sequence, pauses included; empty where its length is not known."""
    if observation.sequence_s is None:
        return range(0)
    most = math.floor(observation.sequence_s / observation.exptime_s + 0.01)
    return range(max(math.ceil(observation.sequence_s / (observation.exptime_s + PAUSE_S) - 0.01), 1), most + 1)


def judge_gain(found: Sequence[ExposureLook], used: Detector) -> tuple[float, tuple[str, ...]]:
    """The gain, or its inverse where that alone explains what most exposures show, and what to say."""
    stated, inverse = used.gain_e_per_adu, 1.0 / used.gain_e_per_adu
    swapped = [one for one in found if _is_swapped(one, used)]
    if used.gain_is_file or 2 * len(swapped) <= len(found):
        return stated, ()
    scatter = float(np.median([one.photons.dark_sigma_adu for one in swapped]))
    shown = [one.photons.electrons_per_adu / one.stated for one in swapped if one.is_lit]
    light = f"grows with light as for {float(np.median(shown)):.2g} e-/ADU, and " if shown else ""
    return inverse, (
        f"{_named(swapped)}: the gain is {stated:.3g} e-/ADU by {used.gain_source}, but the pixels' noise {light}without light is {scatter:.2f} ADU, "
        f"as {inverse:.3g} e-/ADU and {used.read_noise_e:g} e- make it: the header states the inverse; {inverse:.3g} e-/ADU is used, correct it",
    )


def _is_swapped(one: ExposureLook, used: Detector) -> bool:
    """Whether the inverse of the gain explains an exposure's noise, with light and without, and the gain as stated does not."""
    stated, inverse = used.gain_e_per_adu, 1.0 / used.gain_e_per_adu
    usual = used.usual_gain_e_per_adu or 1.0
    if abs(math.log(stated)) < UNLIKE_ONE or (abs(math.log(usual)) > UNLIKE_ONE and abs(math.log(stated / usual)) < SAME_GAIN):
        return False
    by_stated, by_inverse = (abs(one.off(gain, one.stated)) if one.is_lit else math.nan for gain in (stated, inverse))
    noise_stated, noise_inverse = (one.noise_ratio(used, gain, one.stated) for gain in (stated, inverse))
    if abs(math.log(inverse / usual)) < SAME_GAIN and noise_inverse > LEAST_RATIO:
        return noise_stated < LEAST_RATIO or not by_stated < by_inverse
    if not one.is_lit:
        return _misfit(noise_inverse) < AS_EXPECTED and _misfit(noise_stated) > FAR_OFF
    count = max(round(one.stated * math.exp(one.off(stated, one.stated))), 1)
    fits = LEAST_RATIO < noise_inverse < MOST_RATIO
    fits &= _misfit(noise_inverse) < min(_misfit(noise_stated), _misfit(one.noise_ratio(used, stated, count)))
    return fits and by_stated > SURE_SIGMA * one.error and by_inverse < min(SURE_SIGMA * one.error, by_stated)


def _misfit(ratio: float) -> float:
    """Of a scatter over the one expected."""
    return abs(math.log(ratio))


def judge_integrations(one: ExposureLook, used: Detector, gain: float) -> int:
    """Integrations that an exposure is the mean of: as stated, unless its noise with light and without (or its sequence) agree on others."""
    ratio = one.noise_ratio(used, gain, one.stated)
    by_time = () if one.stated in one.by_time else one.by_time
    if not one.is_lit:
        return by_time[0] if len(by_time) == 1 and ratio < LEAST_RATIO else one.stated
    off, limit = one.off(gain, one.stated), SURE_SIGMA * one.error
    shown, without_light = (max(round(one.stated * number), 1) for number in (math.exp(off), ratio**-2))
    if by_time:
        shown = min(by_time, key=lambda number: abs(number - shown))
    elif abs(one.off(gain, without_light)) < one.error:  # read noise alone is measured better, where there is no charge of the dark
        shown = without_light
    supported = bool(by_time) or off < 0.0 or ratio < LEAST_RATIO or off > COUPLING
    return shown if supported and abs(off) > max(LEAST_OFF, limit) and abs(one.off(gain, shown)) < limit else one.stated


def _count_words(judged: Sequence[tuple[ExposureLook, int]]) -> tuple[str, ...]:
    """A sentence on exposures whose integrations are others than their header states."""
    changed = [(one, count) for one, count in judged if count != one.stated]
    if not changed:
        return ()
    one, count = changed[0]
    return (
        f"{_named([look for look, _ in changed])}: the header states {one.stated} integration{'s' * (one.stated > 1)} (NDIT), but the pixels' noise "
        f"is that of {'a mean of ' if count > 1 else ''}{count}; {count} {'are' if count > 1 else 'is'} used for the errors",
    )


def is_difference(one: ExposureLook, gain: float, count: int) -> bool:
    """Whether light is missing, and what there is scatters more than its photons do."""
    return one.photons.below_dark > LEAST_BELOW and not (one.is_lit and one.off(gain, count) > -LEAST_OFF)


def _difference_words(found: Sequence[ExposureLook]) -> tuple[str, ...]:
    """A sentence on frames from which another exposure was taken off."""
    if not found:
        return ()
    return (
        f"{_named(found)}: up to {100 * max(one.photons.below_dark for one in found):.2g} % of the pixels lie far below the dark level: another exposure "
        "was taken off; what it shows is missing light, and its photons are not in the errors: give the raw frame, and the other as off-frame",
    )


def _unexplained_words(judged: Sequence[tuple[ExposureLook, int]], gain: float) -> tuple[str, ...]:
    """A sentence where photon noise contradicts what is used and nothing explains it."""
    odd = [(one, math.exp(-one.off(gain, count))) for one, count in judged if one.is_lit and _is_odd(one, gain, count)]
    if not odd:
        return ()
    factor = float(np.median([ratio for _, ratio in odd]))
    return (
        f"{_named([one for one, _ in odd])}: the variance of the pixels grows with light {factor:.2g} times as fast as gain ({gain:.3g} e-/ADU) and "
        "integrations (NDIT) say; flux or errors may be wrong: see the header",
    )


def _is_odd(one: ExposureLook, gain: float, count: int) -> bool:
    return abs(one.off(gain, count)) > max(LEAST_OFF, SURE_SIGMA_ALONE * one.error)


def _with_integrations(frame: RawFrame, number: int) -> RawFrame:
    if number == frame.observation.integrations:
        return frame
    return replace(frame, observation=replace(frame.observation, integrations=number))


def _named(looks: Sequence[ExposureLook]) -> str:
    return first_and_more([look.name for look in looks])
