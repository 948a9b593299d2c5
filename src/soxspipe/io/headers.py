"""Header cards → the words of the package."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from soxspipe.datamodel.observation import Arc, Observation
from soxspipe.datamodel.provenance import Card
from soxspipe.errors import InputError
from soxspipe.instruments.registry import ArmFacts, Instrument, Keywords
from soxspipe.io.fits_header import Header

_STRUCTURAL = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|END|CHECKSUM|DATASUM|EXTNAME|EXTVER|TFIELDS|THEAP|"
    r"(TTYPE|TFORM|TUNIT|TDIM|TNULL|TSCAL|TZERO|TDISP)\d+|Z(IMAGE|TENSION|SIMPLE|EXTEND|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE|NAME\d+|VAL\d+|"
    r"QUANTIZ|DITHER0|BLANK|PCOUNT|GCOUNT|HECKSUM|DATASUM)"
)

_NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([EeDd][+-]?\d{1,3})?")

LONGEST_EXPOSURE_S = 1e6
"""Exposure times beyond this are not exposure times."""
MOST_INTEGRATIONS = 10_000
"""More than a detector averages; a larger number is a mistake."""
AIRMASSES = (1.0, 40.0)
"""An air mass lies between the zenith's and the horizon's."""
GAINS, READ_NOISES, SEEINGS = (1e-3, 1e3), (1e-3, 1e4), (0.05, 20.0)
"""What is believed of gains (either way round), read noises (electrons) and seeing monitors (arcsec)."""
FIRST_MJD, LAST_MJD = 40_000.0, 120_000.0
"""1968 to 2187: dates outside are mistakes of a clock."""

_HOURS_TO_DEG = 15.0
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_SEXAGESIMAL = re.compile(r"([+-]?)(\d{1,3})[:\s](\d{1,2})[:\s](\d{1,2}(?:\.\d{0,9})?)")


def text_of(header: Header, keyword: str | None) -> str:
    """A keyword's value as stripped text; empty if absent."""
    return str(header.get(keyword, "")).strip() if keyword else ""


def card_text(header: Header, keyword: str) -> str:
    """What a header says under a keyword, for messages: ``EXPTIME is 'long'``, ``has no EXPTIME``."""
    return f"{keyword} is {header.get(keyword)!r}" if keyword in header else f"has no {keyword}"


def number_of(header: Header, *keywords: str) -> float | None:
    """Finite number under the first of the keywords that holds one; a number written as text counts."""
    for keyword in keywords:
        number = _as_number(header.get(keyword))
        if number is not None:
            return number
    return None


def _as_number(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value.strip().upper().replace("D", "E"))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def read_observation(header: Header, instrument: Instrument, facts: ArmFacts, name: str) -> Observation:
    """What the header of an exposure says.

    Parameters
    ----------
    header : fits.Header
        Of a raw exposure (or of a calibration, for its exposure time).
    instrument, facts : Instrument, ArmFacts
        Whose keywords to read.
    name : str
        File name, for messages.

    Raises
    ------
    InputError
        If the exposure time is missing, not positive or beyond any exposure, or the binning is not one the detector has.
    """
    keys = instrument.keywords
    exptime = number_of(header, keys.exptime)
    is_bias = text_of(header, keys.dpr_type).upper() == "BIAS"  # the one exposure that takes no time
    if exptime is None or not (0 < exptime <= LONGEST_EXPOSURE_S or (is_bias and exptime == 0)):
        raise InputError(f"{name}: {card_text(header, keys.exptime)}, a time above 0 s is needed, at most {LONGEST_EXPOSURE_S:g} s")
    slit, position = text_of(header, facts.slit_keyword), position_of(header, keys)
    return Observation(
        arm=facts.arm.name,
        kind=text_of(header, keys.dpr_type).upper(),
        target=target_of(header, instrument),
        exptime_s=exptime,
        integrations=integrations_of(header, keys),
        sequence_s=_first(_within(header, _given(keys.sequence_exptime), 1e-3, LONGEST_EXPOSURE_S)),
        mjd=start_of(header, keys),
        date_obs=text_of(header, keys.date_obs)[:40],
        airmass=airmass_of(header, keys),
        seeing_arcsec=_mean(_within(header, keys.seeing, *SEEINGS)),
        ra_deg=None if position is None else position[0],
        dec_deg=None if position is None else position[1],
        binning=binning_of(header, keys, facts, name),
        gain_e_per_adu=gain_of(header, keys),
        read_noise_e=read_noise_of(header, keys),
        slit_name=slit,
        slit_width_arcsec=slit_width_of(slit),
        rotator_deg=rotator_of(header, keys),
        slit_angle_deg=slit_angle_of(header, keys),
    )


def start_of(header: Header, keys: Keywords) -> float:
    """Modified Julian date of the start: MJD-OBS where it is a date, else that of DATE-OBS, else NaN."""
    written = mjd_of(header, keys)
    return date_of(header, keys) if math.isnan(written) else written


def mjd_of(header: Header, keys: Keywords) -> float:
    """MJD-OBS; NaN where it is not a date."""
    number = number_of(header, keys.mjd)
    return number if number is not None and FIRST_MJD <= number <= LAST_MJD else math.nan


def date_of(header: Header, keys: Keywords) -> float:
    """Modified Julian date that DATE-OBS says; NaN where it is not a date with a time."""
    return mjd_of_text(text_of(header, keys.date_obs))


def mjd_of_text(text: str) -> float:
    """Modified Julian date of an ISO date; NaN where it is not a date with a time."""
    if "T" not in text:
        return math.nan
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    days = (moment - _MJD_ZERO).total_seconds() / 86400.0
    return days if FIRST_MJD <= days <= LAST_MJD else math.nan


def position_of(header: Header, keys: Keywords) -> tuple[float, float] | None:
    """Right ascension and declination in degrees; None where one of them is not an angle, or both are exactly 0: placeholders.

    Sexagesimal text is read as hours (RA) and degrees (DEC).
    """
    ra, dec = angle_of(header, keys.ra, hours=True), angle_of(header, keys.dec)
    if ra is None or dec is None or not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0) or ra == dec == 0.0:
        return None
    return ra, dec


def angle_of(header: Header, keyword: str, *, hours: bool = False) -> float | None:
    """Degrees under a keyword: a number, or sexagesimal text of hours or degrees."""
    number = number_of(header, keyword)
    match = _SEXAGESIMAL.fullmatch(text_of(header, keyword))
    if number is not None or match is None:
        return number
    sign, whole, minutes, seconds = match.groups()
    size = int(whole) + int(minutes) / 60.0 + float(seconds) / 3600.0
    return (-size if sign == "-" else size) * (_HOURS_TO_DEG if hours else 1.0)


def separation_arcsec(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between two positions (right ascension and declination in degrees)."""
    ra, dec = math.radians(other[0] - one[0]), math.radians(other[1] - one[1])
    sine = math.sin(dec / 2) ** 2 + math.cos(math.radians(one[1])) * math.cos(math.radians(other[1])) * math.sin(ra / 2) ** 2
    return math.degrees(2.0 * math.asin(math.sqrt(min(max(sine, 0.0), 1.0)))) * 3600.0


def rotator_of(header: Header, keys: Keywords) -> float | None:
    """Angle of the rotator, degrees; None without a card, and where both it and the parallactic angle are exactly 0: a placeholder."""
    angle = number_of(header, keys.rotator) if keys.rotator else None
    parallactic = number_of(header, keys.parallactic) if keys.parallactic else None
    return None if angle == 0.0 and parallactic == 0.0 else angle


def slit_angle_of(header: Header, keys: Keywords) -> float | None:
    """Angle between the slit and the direction to the zenith, degrees; None without a card, and where both are exactly 0: placeholders.

    ESO counts the position angle of the slit from north over west, and the parallactic angle over east.
    """
    if keys.position_angle is None or keys.parallactic is None:
        return None
    position, parallactic = number_of(header, keys.position_angle), number_of(header, keys.parallactic)
    if position is None or parallactic is None or position == parallactic == 0.0:
        return None
    return position + parallactic


def read_arc(header: Header, keys: Keywords) -> Arc:
    """When the arc behind a dispersion solution was taken, and with the rotator where.

    An arc whose header has no angle at all was taken in day time, with the rotator parked at 0; a placeholder is not an angle.
    """
    has_card = keys.rotator is not None and header.get(keys.rotator) is not None
    parked = None if has_card or keys.rotator is None else 0.0
    seconds = number_of(header, *_given(keys.sequence_exptime), keys.exptime)
    return Arc(mjd=start_of(header, keys), seconds=max(seconds or 0.0, 0.0), rotator_deg=rotator_of(header, keys) if has_card else parked)


def target_of(header: Header, instrument: Instrument) -> str:
    """Name of the target: OBJECT, unless the instrument keeps it elsewhere or OBJECT only says that it is a standard."""
    name = text_of(header, instrument.keywords.object)
    if not instrument.target_is_object or "STD," in name.upper() or not name:
        name = text_of(header, instrument.keywords.target) or name
    return name


def binning_of(header: Header, keys: Keywords, facts: ArmFacts, name: str) -> tuple[int, int]:
    """(x, y) binning; (1, 1) for a detector that is never binned and where the header is silent."""
    if not facts.binnable:
        return (1, 1)
    factors = []
    for keywords in (keys.binning_x, keys.binning_y):
        keyword = next((keyword for keyword in keywords if header.get(keyword) is not None), None)
        value = 1 if keyword is None else number_of(header, keyword)
        factor = int(value) if value is not None and float(value).is_integer() else 0
        if factor not in (1, 2, 4):
            raise InputError(f"{name}: {keyword} is {header.get(str(keyword))!r}, a binning of 1, 2 or 4 is needed")
        factors.append(factor)
    return factors[0], factors[1]


def integrations_of(header: Header, keys: Keywords) -> int:
    """Integrations (NDIT) that a frame is the mean of; 1 where the header does not say."""
    number = _first(_within(header, (keys.integrations,), 1.0, MOST_INTEGRATIONS))
    return 1 if number is None else round(number)


def airmass_of(header: Header, keys: Keywords) -> float | None:
    """Mean of the air masses at start and end that are some, else that of the telescope's altitude, else None."""
    written = _mean(_within(header, keys.airmass, *AIRMASSES))
    return airmass_at_altitude(number_of(header, keys.altitude)) if written is None else written


def airmass_at_altitude(altitude_deg: float | None) -> float | None:
    r"""Air mass of Pickering (2002), good to 1 % down to the horizon: :math:`1 / \sin(h + 244 / (165 + 47 h^{1.1}))`, h in degrees."""
    if altitude_deg is None or not 1.0 < altitude_deg <= 90.0:
        return None
    return max(1.0, 1.0 / math.sin(math.radians(altitude_deg + 244.0 / (165.0 + 47.0 * altitude_deg**1.1))))


def read_noise_of(header: Header, keys: Keywords) -> float | None:
    """Read noise in electrons under the first keyword that holds one; 0, which SOXS NIR frames carry, means unknown."""
    return _first(_within(header, keys.read_noise, *READ_NOISES))


def gain_of(header: Header, keys: Keywords) -> float | None:
    """Electrons per ADU: CONAD, else the inverse of GAIN (ADU per electron), else None."""
    conad = _first(_within(header, keys.conad, *GAINS))
    if conad is not None:
        return conad
    gain = _first(_within(header, keys.gain, *GAINS))
    return None if gain is None else 1.0 / gain


def gain_conflict(header: Header, keys: Keywords, name: str) -> str:
    """A sentence when CONAD and GAIN do not agree; else empty."""
    conad, gain = _first(_within(header, keys.conad, *GAINS)), _first(_within(header, keys.gain, *GAINS))
    if conad is None or gain is None or abs(conad * gain - 1.0) < 0.05:
        return ""
    return f"{name}: {keys.conad[0]} is {conad:g} e-/ADU but {keys.gain[0]} is {gain:g} ADU/e-; the first is used"


def slit_width_of(name: str) -> float | None:
    """Width in arcsec from a slit's name: ``SLIT1.0`` and ``1.0x11`` give 1.0."""
    match = re.search(r"\d+(\.\d+)?", name)
    width = float(match.group()) if match else 0.0
    return width if 0.05 <= width <= 20.0 else None


def header_cards(header: Header) -> tuple[Card, ...]:
    """Cards that a product repeats: everything but what describes the file's own structure."""
    return tuple(card for card in header.cards if card[0] and not _STRUCTURAL.fullmatch(card[0]))


def _given(keyword: str | None) -> tuple[str, ...]:
    return () if keyword is None else (keyword,)


def _within(header: Header, keywords: tuple[str, ...], low: float, high: float) -> list[float]:
    numbers = (number_of(header, keyword) for keyword in keywords)
    return [number for number in numbers if number is not None and low <= number <= high]


def _mean(numbers: list[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None


def _first(numbers: list[float]) -> float | None:
    return numbers[0] if numbers else None
