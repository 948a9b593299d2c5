"""Header cards that are there but cannot be used, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from soxspipe.datamodel.detector import Detector
from soxspipe.instruments.registry import ArmFacts, Instrument, Keywords
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import (
    AIRMASSES,
    GAINS,
    MOST_INTEGRATIONS,
    READ_NOISES,
    SEEINGS,
    airmass_at_altitude,
    date_of,
    mjd_of,
    number_of,
    position_of,
    read_observation,
    slit_width_of,
    text_of,
)

LONGEST_SHOWN = 30
"""A longer value is not a value; its beginning tells enough."""
CLOCKS_AGREE_S = 2.0
"""MJD-OBS and DATE-OBS are one moment, written to a millisecond; a second may be cut off."""


def unusable_cards(header: Header, instrument: Instrument, facts: ArmFacts, name: str, used: Detector | None = None) -> tuple[str, ...]:
    """Sentences about cards of a raw frame that hold no usable value, each with the card, its value and what is done instead.

    A card that is absent is no fault, but gain and read noise are: it is said which values are taken.

    Parameters
    ----------
    header, instrument, facts : Header, Instrument, ArmFacts
        Of the frame.
    name : str
        File name, for the sentences.
    used : Detector, optional
        With gain and read noise as they are used; by default those of this header, or of the detector file.
    """
    observation, keys = read_observation(header, instrument, facts, name), instrument.keywords
    own = (observation.gain_e_per_adu, observation.read_noise_e) if used is None else (None, None)
    noise_may_be_0 = not facts.gain_in_header or observation.read_noise_e is not None  # another card states it
    gain, noise = _gain_and_noise(used or facts.detector, keys, *own)
    found = [
        *_unusable(header, (*keys.conad, *keys.gain), GAINS, f"the gain {gain} is used"),
        *_unusable(header, keys.read_noise, READ_NOISES, f"the read noise {noise} is used", zero_is_unknown=noise_may_be_0),
        *_unusable(header, (keys.integrations,), (1, MOST_INTEGRATIONS), f"{observation.integrations} integration is assumed"),
        *_unusable(header, keys.seeing, SEEINGS, "it is left out", zero_is_unknown=True, negative_is_unknown=True),
        *_dates(header, keys),
        *_position(header, keys),
        *_slit(header, facts),
        *_missing(header, keys, facts, gain, noise),
        *_airmass(header, keys, observation.airmass),
    ]
    return tuple(f"{name}: {sentence}" for sentence in found)


def _gain_and_noise(used: Detector, keys: Keywords, gain: float | None, noise: float | None) -> tuple[str, str]:
    """Gain and read noise in words; those of the detector, and where they come from but for cards of the exposures, where no others are given."""
    cards = (*keys.conad, *keys.gain, *keys.read_noise)
    by_gain = f" of {used.gain_source}" if gain is None and used.gain_source not in cards else ""
    by_noise = f" of {used.read_noise_source}" if noise is None and used.read_noise_source not in cards else ""
    return f"{gain or used.gain_e_per_adu:g} e-/ADU{by_gain}", f"{noise or used.read_noise_e:g} e-{by_noise}"


def _unusable(
    header: Header,
    keywords: tuple[str, ...],
    believed: tuple[float, float],
    what_follows: str,
    *,
    zero_is_unknown: bool = False,
    negative_is_unknown: bool = False,
) -> Iterator[str]:
    """Cards that are there and hold no number, or one that is not to be believed; 0, or less, may stand for a value that is not known."""
    low, high = believed
    for keyword in keywords:
        value, number = header.get(keyword), number_of(header, keyword)
        if value is None or (number is not None and low <= number <= high):
            continue
        if number is None:
            yield f"{keyword} is {_shown(value)}, which is not a number; {what_follows}"
        elif not (zero_is_unknown and number == 0) and not (negative_is_unknown and number < 0):
            yield f"{keyword} is {_shown(value)}, a number from {low:g} to {high:g} is needed; {what_follows}"


def _dates(header: Header, keys: Keywords) -> Iterator[str]:
    """MJD-OBS and DATE-OBS that are not dates, or two, or not there at all."""
    mjd, date = mjd_of(header, keys), date_of(header, keys)
    start = date if math.isnan(mjd) else mjd
    follows = "the time is unknown" if math.isnan(start) else "the other of the two is used"
    for keyword, moment in ((keys.mjd, mjd), (keys.date_obs, date)):
        if math.isnan(moment) and header.get(keyword) not in (None, ""):
            yield f"{keyword} is {_shown(header.get(keyword))}, which is not a date; {follows}"
    if all(header.get(keyword) in (None, "") for keyword in (keys.mjd, keys.date_obs)):
        yield f"neither {keys.mjd} nor {keys.date_obs} is in the header; the time is unknown, and there is no barycentric correction"
    apart = abs(mjd - date) * 86400.0
    if apart > CLOCKS_AGREE_S:  # False where one is not known
        yield f"{keys.mjd} and {keys.date_obs} are {_duration(apart)} apart; {keys.mjd} is used"


def _position(header: Header, keys: Keywords) -> Iterator[str]:
    """Coordinates that are none."""
    written = [f"{key} is {_shown(header.get(key))}" for key in (keys.ra, keys.dec) if header.get(key) is not None]
    if written and position_of(header, keys) is None:
        yield f"{' and '.join(written)}, which is not a position; a star is known by its name alone, and there is no barycentric correction"


def _slit(header: Header, facts: ArmFacts) -> Iterator[str]:
    name = text_of(header, facts.slit_keyword)
    if name and slit_width_of(name) is None:
        yield f"{facts.slit_keyword} is {_shown(name)}, which gives no width of a slit; losses at the slit are not known"


def _missing(header: Header, keys: Keywords, facts: ArmFacts, gain: str, noise: str) -> Iterator[str]:
    """Gain and read noise that frames of this arm should carry and this one does not."""
    if not facts.gain_in_header:
        return
    written = (*keys.conad, *keys.gain)
    if all(header.get(key) is None for key in written):
        yield f"no gain in the header ({' or '.join(written)}); the gain {gain} is used"
    if all(header.get(key) is None for key in keys.read_noise):
        yield f"no read noise in the header ({' or '.join(keys.read_noise)}); the read noise {noise} is used"


def _airmass(header: Header, keys: Keywords, airmass: float | None) -> Iterator[str]:
    """Air masses that are none; what is used in their place."""
    low, high = AIRMASSES
    cards = [(key, header.get(key), number_of(header, key)) for key in keys.airmass]
    wrong = [f"{key} is {_shown(value)}" for key, value, number in cards if value is not None and not (number and low <= number <= high)]
    right = [key for key, _, number in cards if number is not None and low <= number <= high]
    needed = f"{' and '.join(wrong)}, an air mass of {low:g} or more is needed"
    if right:
        if wrong:
            yield f"{needed}; {airmass:.3f} of {right[0]} is used"
        return
    found = needed if wrong else f"no air mass in the header ({' or '.join(keys.airmass)})"
    altitude = number_of(header, keys.altitude)
    if airmass is not None and airmass == airmass_at_altitude(altitude):
        yield f"{found}; {airmass:.3f} is taken, from {keys.altitude} {altitude:g}"
    else:
        yield f"{found}; it stays unknown, and fluxes are calibrated as at the zenith"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 7200 else f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86400:.0f} days"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
