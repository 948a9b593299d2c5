"""Header cards that are there but cannot be used, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator

from soxspipe.instruments.registry import ArmFacts, Instrument, Keywords
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import AIRMASSES, airmass_at_altitude, gain_of, number_of, read_observation

LONGEST_SHOWN = 30
"""A longer value is no value; its beginning tells enough."""


def header_doubts(header: Header, instrument: Instrument, facts: ArmFacts, name: str) -> tuple[str, ...]:
    """Sentences about cards of a raw frame that hold no usable value, each with the card, its value and what is done instead.

    A card that is absent is no fault, but gain and read noise are: it is said which values are taken.
    """
    observation = read_observation(header, instrument, facts, name)
    used = facts.detector
    gain = (
        f"{used.gain_e_per_adu:g} e-/ADU of the detector file"
        if observation.gain_e_per_adu is None
        else f"{observation.gain_e_per_adu:g} e-/ADU"
    )
    noise = f"{used.read_noise_e:g} e- of the detector file" if observation.read_noise_e is None else f"{observation.read_noise_e:g} e-"
    keys = instrument.keywords
    found = [
        *_no_numbers(header, (*keys.conad, *keys.gain), f"the gain {gain} is used"),
        *_no_numbers(header, keys.read_noise, f"the read noise {noise} is used"),
        *_no_numbers(header, (keys.integrations,), f"{observation.integrations} integration is assumed"),
        *_no_numbers(header, keys.seeing, "it is left out"),
        *_no_numbers(header, (keys.mjd,), "the time is unknown"),
        *_missing(header, keys, facts, gain, noise),
        *_airmass(header, keys, observation.airmass),
    ]
    return tuple(f"{name}: {sentence}" for sentence in found)


def _no_numbers(header: Header, keywords: tuple[str, ...], what_follows: str) -> Iterator[str]:
    """Cards that are there and hold no number."""
    for keyword in keywords:
        value = header.get(keyword)
        if value is not None and number_of(header, keyword) is None:
            yield f"{keyword} is {_shown(value)}, which is no number; {what_follows}"


def _missing(header: Header, keys: Keywords, facts: ArmFacts, gain: str, noise: str) -> Iterator[str]:
    """Gain and read noise that frames of this arm should carry and this one does not."""
    if not facts.gain_in_header:
        return
    written = (*keys.conad, *keys.gain)
    if gain_of(header, keys) is None and all(number_of(header, key) is None and header.get(key) is None for key in written):
        yield f"no gain in the header ({' or '.join(written)}); the gain {gain} is used"
    if all(header.get(key) is None for key in keys.read_noise):
        yield f"no read noise in the header ({' or '.join(keys.read_noise)}); the read noise {noise} is used"


def _airmass(header: Header, keys: Keywords, airmass: float | None) -> Iterator[str]:
    """Air masses that are none; what is used in their place."""
    low, high = AIRMASSES
    written = [(key, number_of(header, key)) for key in keys.airmass]
    if any(number is not None and low <= number <= high for _, number in written):
        return
    cards = [f"{key} is {_shown(header.get(key))}" for key in keys.airmass if header.get(key) is not None]
    found = (
        f"{' and '.join(cards)}, an air mass of {low:g} or more is needed"
        if cards
        else f"no air mass in the header ({' or '.join(keys.airmass)})"
    )
    altitude = number_of(header, keys.altitude)
    if airmass is not None and airmass == airmass_at_altitude(altitude):
        yield f"{found}; {airmass:.3f} is taken, from {keys.altitude} {altitude:g}"
    else:
        yield f"{found}; it stays unknown, and fluxes are calibrated as at the zenith"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
