"""What the noise of each exposure is, from headers, masters and its own unlit pixels; what to say when they do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.frames.read_noise import UnlitNoise, measure_unlit_noise
from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import Exposure
from soxspipe.reductions.names import first_and_more

LEAST_SHARE = 0.4
"""Pixels that show less than this share of what header and detector file state are not an exposure of this detector; the noise expected is kept."""
SAME_AS_INVERSE = 0.1
"""Scatter over gain within this share of the read noise: gain and its inverse have been swapped."""
UNLIKE_ONE = 0.1
"""A gain within this of 1 cannot be told from its inverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureNoise:
    """Read noise of one exposure: expected, what its unlit pixels show (None if too few), and used; electrons of one integration.

    `light_e` is the level of those pixels above bias and dark, `least_e` the least noise that an exposure of this detector may show.
    """

    name: str
    expected_e: float
    measured_e: float | None
    used_e: float
    light_e: float = 0.0
    least_e: float = 0.0

    @property
    def is_quiet(self) -> bool:
        """Whether unlit pixels show less noise than any exposure of the detector has."""
        return self.measured_e is not None and self.measured_e < self.least_e

    @property
    def offset_e(self) -> float:
        """Level of the unlit pixels above bias and dark where it is not light, whose shot noise alone would exceed what they show; else 0."""
        return self.light_e if self.is_quiet and self.light_e > self.expected_e**2 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNoise:
    """Noise of all exposures.

    Attributes
    ----------
    exposures : tuple of ExposureNoise
        In their order.
    quiet_level_e : float
        Part of the dark's level that has no shot noise.
    offset_e : float
        Level of the exposures above bias and dark that has none.
    warnings : tuple of str
        For the user.
    note : str
        For the step report.
    """

    exposures: tuple[ExposureNoise, ...]
    quiet_level_e: float
    offset_e: float
    warnings: tuple[str, ...]
    note: str


def judge_noise(exposures: Sequence[Exposure], names: Sequence[str], detector: Detector, masters: Masters, unlit: BoolImage) -> SetNoise:
    """Hold the read noise that is expected against every exposure's unlit pixels, and correct it where they disagree.

    Where a dark does not scale with time its level may be electronic and without shot noise; as much of it is taken for charge as
    the unlit pixels show.
    """
    measured = [measure_unlit_noise(exposure, masters, unlit) for exposure in exposures]
    share = _dark_share([noise for noise in measured if noise is not None], detector, masters)
    found = tuple(_of_one(name, noise, detector, share) for name, noise in zip(names, measured, strict=True))
    levels = [noise.dark - noise.hot for noise in measured if noise is not None]
    return SetNoise(
        exposures=found,
        quiet_level_e=(1.0 - share) * float(np.median(levels)) if levels else 0.0,
        offset_e=float(np.median([noise.offset_e for noise in found])),
        warnings=(*_corrections(found, detector), *_offsets(found), *_swapped(found, detector)),
        note=_note(found, detector),
    )


def _of_one(name: str, noise: UnlitNoise | None, detector: Detector, share: float) -> ExposureNoise:
    expected = detector.read_noise_e
    if noise is None:
        return ExposureNoise(name=name, expected_e=expected, measured_e=None, used_e=expected)
    measured = noise.read_noise_e(share)
    least = LEAST_SHARE * detector.least_read_noise_e
    used = expected if noise.agrees(expected, share) or measured < least else measured
    return ExposureNoise(name=name, expected_e=expected, measured_e=measured, used_e=used, light_e=noise.light, least_e=least)


def _dark_share(measured: Sequence[UnlitNoise], detector: Detector, masters: Masters) -> float:
    """Share of the dark's level that has shot noise: all of it where darks scale with time, else as much as the pixels show."""
    if not measured or masters.dark is None or masters.dark_scales_with_time or masters.dark_law is not None:
        return 1.0
    shares = [
        ((noise.variance - noise.masters) * noise.integrations - detector.read_noise_e**2 - noise.light - noise.hot)
        / max(noise.dark - noise.hot, 1e-6)
        for noise in measured
    ]
    return float(np.clip(np.median(shares), 0.0, 1.0))


def _corrections(found: Sequence[ExposureNoise], detector: Detector) -> list[str]:
    corrected = [noise for noise in found if noise.used_e != noise.expected_e and noise.measured_e is not None]
    quiet = [noise for noise in found if noise.is_quiet and not noise.offset_e]
    said = []
    if corrected:
        low, high = (limit(noise.used_e for noise in corrected) for limit in (min, max))
        shown = f"{low:.2f} e-" if high - low < 0.05 * high else f"{low:.2f} to {high:.2f} e-"
        said.append(
            f"{first_and_more([noise.name for noise in corrected])}: pixels without light show a read noise of {shown}, "
            f"not the {detector.read_noise_e:g} e- of {detector.read_noise_source}; {shown} is used"
        )
    if quiet:
        said.append(
            f"{first_and_more([noise.name for noise in quiet])}: pixels without light show hardly any noise, "
            f"{detector.read_noise_e:g} e- of {detector.read_noise_source} was expected and is kept"
        )
    return said


def _offsets(found: Sequence[ExposureNoise]) -> list[str]:
    """A sentence when unlit pixels lie above bias and dark without the noise of light."""
    above = [noise for noise in found if noise.offset_e]
    if not above:
        return []
    level = float(np.median([noise.offset_e for noise in above]))
    return [
        f"{first_and_more([noise.name for noise in above])}: pixels without light lie {level:.0f} e- above bias and dark, without the noise of so much "
        "light: a master of another level, or one in ADU that does not say so (BUNIT); the difference is taken off"
    ]


def _swapped(found: Sequence[ExposureNoise], detector: Detector) -> list[str]:
    """A sentence when the scatter in ADU fits the read noise with the inverse of the gain, and not with the gain."""
    gain = detector.gain_e_per_adu
    known = [noise for noise in found if noise.measured_e is not None and (noise.is_quiet or noise.used_e != noise.expected_e)]
    if not known or abs(gain - 1.0) < UNLIKE_ONE:
        return []
    scatter_adu = float(np.median([noise.measured_e for noise in known if noise.measured_e is not None])) / gain
    if abs(scatter_adu / gain / detector.read_noise_e - 1.0) > SAME_AS_INVERSE:
        return []
    return [
        f"{first_and_more([noise.name for noise in known])}: pixels without light scatter by {scatter_adu:.2f} ADU; that is the read noise of "
        f"{detector.read_noise_e:g} e- with a gain of {1 / gain:.3g} e-/ADU, not with the {gain:.3g} of {detector.gain_source}: "
        f"gain and its inverse seem to be swapped, and electrons are then {gain**2:.2g} times what they should be; correct the header"
    ]


def _note(found: Sequence[ExposureNoise], detector: Detector) -> str:
    measured = [noise.measured_e for noise in found if noise.measured_e is not None]
    shown = f", {float(np.median(measured)):.2f} e- measured" if measured else ", too few unlit pixels to measure it"
    return (
        f"gain {detector.gain_e_per_adu:.4g} e-/ADU ({detector.gain_source}), "
        f"read noise {detector.read_noise_e:.4g} e- ({detector.read_noise_source}){shown}"
    )
