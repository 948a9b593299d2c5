"""One file of a night as a row: what its header says, in typed words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

from soxspipe.instruments.registry import Instrument, find_instrument
from soxspipe.io.classify import mask_of, why_unknown
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import gain_of, number_of, position_of, start_of, target_of, text_of

NIGHT_STARTS_H = 15
"""A night is named after the date 15 h before: afternoon calibrations and the morning after belong to it."""

_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)

_LAMP_WORDS = re.compile(r"_?lamp", re.IGNORECASE)
_LAMP_MATTERS = ("LAMP", "FLAT", "WAVE", "ORDERDEF", "FMTCHK")
_WITHOUT_OPTICS = ("BIAS", "DARK")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """What the organiser knows of a file.

    Attributes
    ----------
    path : str
        Absolute.
    size, mtime_ns : int
        Bytes, and time of the last change: with the path they say whether a cached row still holds.
    problem : str
        Why the file cannot be used; empty if nothing is wrong with it.
    instrument, arm : str
        Of the registry; empty if unknown.
    dpr_catg, dpr_type, dpr_tech : str
        Kind of a raw frame.
    product, product_tech : str
        PRO CATG and PRO TECH; empty for a raw frame.
    date_obs : str
        Start, ISO.
    mjd : float or None
        Start.
    exptime_s, duration_s : float or None
        Time of one integration, and from start to end.
    binning : str
        ``1x1``, x first.
    readout, slit, mask, lamp : str
        Read-out mode; name in the slit wheel; ``SLIT``, ``PINHOLE``, ``MULTPIN`` or empty; elements of the lamps that are on.
    gain : float or None
        Electrons per ADU.
    object, target : str
        OBJECT, and the name of the target.
    ob_id, ob_name, tpl_id, tpl_name, tpl_start : str
        Observation block and template.
    tpl_number, tpl_exposures : int
        Which exposure of the template it is, and of how many; 0 if unknown.
    rotator_deg : float or None
        Angle of the rotator; None if it was not measured, 0 for day calibrations whose header has none (it is parked then).
    temperature : float or None
        Of the optics that arms share, degrees C.
    airmass, seeing_arcsec, ra_deg, dec_deg : float or None
        Of the telescope.
    nod_offset : float or None
        Along the slit, arcsec.
    archive_name : str
        Name in the archive.
    software_lamp : bool
        The lamp was simulated by the instrument's software.
    """

    path: str
    size: int
    mtime_ns: int
    problem: str = ""
    instrument: str = ""
    arm: str = ""
    dpr_catg: str = ""
    dpr_type: str = ""
    dpr_tech: str = ""
    product: str = ""
    product_tech: str = ""
    date_obs: str = ""
    mjd: float | None = None
    exptime_s: float | None = None
    duration_s: float | None = None
    binning: str = ""
    readout: str = ""
    slit: str = ""
    mask: str = ""
    lamp: str = ""
    gain: float | None = None
    object: str = ""
    target: str = ""
    ob_id: str = ""
    ob_name: str = ""
    tpl_id: str = ""
    tpl_name: str = ""
    tpl_start: str = ""
    tpl_number: int = 0
    tpl_exposures: int = 0
    rotator_deg: float | None = None
    temperature: float | None = None
    airmass: float | None = None
    seeing_arcsec: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    nod_offset: float | None = None
    archive_name: str = ""
    software_lamp: bool = False

    @property
    def name(self) -> str:
        """File name."""
        return self.path.rpartition("/")[2]

    @property
    def is_raw(self) -> bool:
        """Whether it is an exposure, not a product."""
        return not self.product

    @property
    def category(self) -> str:
        """PRO CATG without the arm."""
        return self.product.removesuffix(f"_{self.arm}")

    @property
    def night(self) -> str:
        """Date at the start of its night; ``undated`` if the time is not known."""
        return night_of_mjd(self.mjd)

    @property
    def end_mjd(self) -> float | None:
        """End of the exposure."""
        return None if self.mjd is None else self.mjd + (self.duration_s or self.exptime_s or 0.0) / 86400.0

    @property
    def tag(self) -> str:
        """Tag in a set-of-files."""
        return self.product or f"{self.dpr_type}_{self.arm}"


FIELDS = tuple(field.name for field in fields(FrameRow))


def night_of_mjd(mjd: float | None) -> str:
    """``YYYY-MM-DD`` of a time less 15 h."""
    if mjd is None:
        return "undated"
    return (_EPOCH + timedelta(days=mjd, hours=-NIGHT_STARTS_H)).strftime("%Y-%m-%d")


def unreadable_row(path: Path, size: int, mtime_ns: int, problem: str) -> FrameRow:
    """The row of a file whose header cannot be read."""
    return FrameRow(path=str(path), size=size, mtime_ns=mtime_ns, problem=problem)


def row_of(path: Path, size: int, mtime_ns: int, header: Header) -> FrameRow:
    """The row of a file whose header has been read.

    Parameters
    ----------
    path : Path
        Absolute.
    size, mtime_ns : int
        Of the file.
    header : Header
        The one that says what the file is.

    Returns
    -------
    FrameRow
        With `problem` set if the instrument is unknown; every other gap of the header leaves its field empty.
    """
    try:
        instrument = find_instrument(text_of(header, "INSTRUME"))
    except KeyError:
        return unreadable_row(path, size, mtime_ns, why_unknown(header))
    keys, night = instrument.keywords, instrument.night
    product = text_of(header, keys.pro_catg).upper()
    arm = _arm_of(header, instrument, product)
    dpr_type = text_of(header, keys.dpr_type).upper()
    facts = instrument.arms.get(arm)
    slit = text_of(header, facts.slit_keyword).upper() if facts and dpr_type not in _WITHOUT_OPTICS else ""
    exptime = number_of(header, keys.exptime, *([night.exptime_elsewhere] if night.exptime_elsewhere else []))
    mjd, position = _mjd_of(header, instrument), position_of(header, keys)
    lamps = _lamps_of(header, instrument) if any(word in dpr_type for word in _LAMP_MATTERS) else ""
    return FrameRow(
        path=str(path), size=size, mtime_ns=mtime_ns, instrument=instrument.name, arm=arm,
        dpr_catg=text_of(header, keys.dpr_catg).upper(), dpr_type=dpr_type, dpr_tech=text_of(header, keys.dpr_tech).upper(),
        product=product, product_tech=text_of(header, keys.pro_tech).upper(),
        date_obs=text_of(header, keys.date_obs)[:40] or _iso_of(mjd), mjd=mjd,
        exptime_s=exptime, duration_s=(number_of(header, night.sequence_time) if night.sequence_time else None) or exptime,
        binning=_binning_of(header, instrument, arm), readout=text_of(header, keys.readout), slit=slit, mask=mask_of(slit), lamp=lamps,
        gain=gain_of(header, keys), object=text_of(header, keys.object), target=target_of(header, instrument),
        ob_id=text_of(header, night.observation[0]), ob_name=text_of(header, night.observation[1]),
        tpl_id=text_of(header, night.template[0]), tpl_name=text_of(header, night.template[1]),
        tpl_start=text_of(header, night.template[2]),
        tpl_number=_whole(header, night.template_number), tpl_exposures=_whole(header, night.template_exposures),
        rotator_deg=_rotator_of(header, instrument, is_lamp=bool(lamps) or (bool(slit) and "LAMP" in dpr_type)),
        temperature=number_of(header, keys.common_path_temperature) if keys.common_path_temperature else None,
        airmass=_within(header, keys.airmass, 1.0, 40.0), seeing_arcsec=_within(header, keys.seeing, 0.05, 20.0),
        ra_deg=None if position is None else position[0], dec_deg=None if position is None else position[1],
        nod_offset=number_of(header, night.nod_offset),
        archive_name=next((text for key in night.archive_name if (text := text_of(header, key))), ""),
        software_lamp=any(header.get(key) is True for key in night.software_lamps),
    )  # fmt: skip


def _arm_of(header: Header, instrument: Instrument, product: str) -> str:
    """Arm by the header, else by the product's category."""
    arm = text_of(header, instrument.keywords.arm).upper()
    suffix = product.rpartition("_")[2]
    return suffix if suffix in instrument.arms and arm not in instrument.arms else arm


def _mjd_of(header: Header, instrument: Instrument) -> float | None:
    """Start of the exposure; None where the header has no date."""
    mjd = start_of(header, instrument.keywords)
    return None if math.isnan(mjd) else mjd


def _iso_of(mjd: float | None) -> str:
    return "" if mjd is None else (_EPOCH + timedelta(days=mjd)).strftime("%Y-%m-%dT%H:%M:%S")


def _binning_of(header: Header, instrument: Instrument, arm: str) -> str:
    """Binning as ``XxY``; 1x1 for a detector that is never binned and where the header is silent."""
    facts = instrument.arms.get(arm)
    if facts is None or not facts.binnable:
        return "1x1"
    factors = [number_of(header, *keywords) or 1.0 for keywords in (instrument.keywords.binning_x, instrument.keywords.binning_y)]
    return "x".join(f"{factor:g}" for factor in factors)


def _lamps_of(header: Header, instrument: Instrument) -> str:
    """Elements of the lamps that are on, joined in the registry's order; a lamp without element is called by its own name."""
    names = []
    for element, keyword in instrument.night.lamps.items():
        value = text_of(header, keyword)
        if value:
            names.append(_LAMP_WORDS.sub("", value) if element.startswith("Lamp") else element)
    return "".join(names)


def _rotator_of(header: Header, instrument: Instrument, *, is_lamp: bool) -> float | None:
    """Angle of the rotator.

    Daytime lamp exposures carry none, and the rotator is parked at 0 then.  Some arcs taken at night have 0 both here and for the
    parallactic angle: placeholders, not measurements.
    """
    angle, parallactic = (number_of(header, key) for key in (instrument.night.rotator, instrument.night.parallactic_angle))
    if angle is None:
        return 0.0 if is_lamp else None
    return None if angle == 0.0 and parallactic == 0.0 else angle


def _whole(header: Header, keyword: str) -> int:
    value = number_of(header, keyword)
    return int(value) if value is not None and 0 < value < 100_000 else 0


def _within(header: Header, keywords: tuple[str, ...], low: float, high: float) -> float | None:
    """Mean of the values within limits, which leaves out placeholders such as an air mass of -99."""
    values = [value for key in keywords if (value := number_of(header, key)) is not None and low <= value <= high]
    return math.fsum(values) / len(values) if values else None
