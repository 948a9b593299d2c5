"""Headers of products: what the raw header said, cleaned, joined with what the pipeline did."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card, CardValue, InputFile, Provenance
from soxspipe.io.fits_header import Header, parse_header
from soxspipe.io.fits_writer import CARDS_REMEMBERED, format_card

_STRUCTURAL = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|TFIELDS|BSCALE|BZERO|BLANK|BUNIT|DATAMIN|DATAMAX|EXTNAME|EXTVER|EXTLEVEL"
    r"|CHECKSUM|DATASUM|END|CONTINUE|INHERIT|Z[A-Z]+\d*|ARCFILE|ORIGFILE|DATE|SXSPRE|CRPIX\d|CRVAL\d|CTYPE\d|CUNIT\d|CD\d_\d|PC\d_\d|CROTA\d)"
)
_REMOVED = re.compile(r"ESO (DPR|PRO|QC) .*")
_DETECTOR_OF_IMAGE = re.compile(r"GAIN|ESO DET (READ (CURID|SPEED)|OUT1 (CONAD|GAIN|RON)|CHIP RON)")
_RENAMED = {"RADECSYS": "RADESYS", "ESO TEL TARG EQUINOX": "EQUINOX"}
SOF_KEYWORD = "ESO PRO REC1 SOF"
_CALIBRATION = re.compile(r"ESO PRO REC1 CAL\d+ (NAME|CATG|DATAMD5)")
_DIGITS = re.compile(r"(\d+)")
LONGEST_VALUE = 24
"""Letters of a setting's value in a message; lists and ranges are longer and stand in the settings product."""
_UNIT_IN_COMMENT = {"electrons": "e-", "electron": "e-", "kelvin": "K", "celsius": "C"}


def product_cards(
    provenance: Provenance,
    *,
    arm: str,
    catg: str,
    tech: str,
    metrics: Sequence[Metric],
    extra: Sequence[Card],
    made_at: str,
    version: str,
    is_image: bool,
) -> tuple[Card, ...]:
    """Cards of a product's primary header, sorted by keyword.

    Parameters
    ----------
    provenance : Provenance
        Raw header, inputs and settings.
    arm : str
        Of the spectrograph.
    catg, tech : str
        PRO CATG and PRO TECH; empty leaves them out.
    metrics : sequence of Metric
        Written as ``ESO QC`` cards where they have a value.
    extra : sequence of Card
        Replace cards of the same keyword.
    made_at, version : str
        ISO time of the reduction, the only thing in a product that differs between two runs; version of the package.
    is_image : bool
        Tables lose the keywords that describe the detector's read-out.

    Returns
    -------
    tuple of Card
        Comments and history last.
    """
    raw = [card for card in map(_renamed, provenance.header) if _is_kept(card[0], is_image)]
    made: list[Card] = [
        ("DATE", made_at, "[UTC] when this product was made"),
        ("SXSPRE", made_at, "[UTC] when the frame was prepared"),
        ("ESO SEQ ARM", arm, "spectrograph arm"),
        ("ESO PRO TYPE", "REDUCED", "product type"),
        ("ESO PRO CATG", catg, "product category"),
        ("ESO PRO TECH", tech, "observation technique"),
        *_provenance_cards(provenance, arm, version),
        *map(metric_card, filter(_is_measured, metrics)),
        *extra,
    ]
    return sorted_cards([*raw, *(card for card in made if card[1] != "")])


def later_calibration(cards: Sequence[Card], file: InputFile, moment: str) -> tuple[Card, ...]:
    """Header of a product that was calibrated again: one more calibration in the place of those of its category, and the time of it.

    Parameters
    ----------
    cards : sequence of Card
        Of the product as it was.
    file : InputFile
        The calibration.
    moment : str
        ISO time (UTC).
    """
    known = {name: (value, comment) for name, value, comment in cards}
    count = len(_listed(known, "ESO PRO REC1 CAL{} NAME"))
    kept = [i for i in range(1, count + 1) if known.get(f"ESO PRO REC1 CAL{i} CATG", ("",))[0] != file.category]
    others = [(name, *rest) for name, rest in known.items() if not _CALIBRATION.fullmatch(name) and name != "COMMENT"]
    listed = [
        (f"ESO PRO REC1 CAL{place} {what}", *known[f"ESO PRO REC1 CAL{i} {what}"])
        for place, i in enumerate(kept, start=1)
        for what in ("NAME", "CATG", "DATAMD5")
        if f"ESO PRO REC1 CAL{i} {what}" in known
    ]
    made = [("DATE", moment, known.get("DATE", ("", ""))[1]), ("SXSPRE", moment, known.get("SXSPRE", ("", ""))[1])]
    comments = [card for card in cards if card[0] == "COMMENT"]
    return sorted_cards([*others, *listed, *_calibration_cards(file, len(kept) + 1), *made, *comments])


def differences(header: Header, provenance: Provenance) -> tuple[str, ...]:
    """What made a product and is not the same now: ``inputs`` (their names), settings by published name with both values, nothing if all is the same."""
    found: list[str] = []
    for what, files in (("RAW", provenance.raw), ("CAL", provenance.calibrations)):
        names = [as_read(f"ESO PRO REC1 {what}{i} NAME", os.path.basename(file.path)) for i, file in enumerate(files, 1)]
        if names != _listed(header, f"ESO PRO REC1 {what}{{}} NAME"):
            found.append("inputs")
    before = {name: header.get(f"ESO PRO REC1 PARAM{i} VALUE") for i, name in enumerate(_listed(header, "ESO PRO REC1 PARAM{} NAME"), 1)}
    now = {
        as_read(f"ESO PRO REC1 PARAM{i} NAME", name): as_read(f"ESO PRO REC1 PARAM{i} VALUE", value)
        for i, (name, value) in enumerate(provenance.parameters, 1)
    }
    found += [_changed(str(name), before, now) for name in sorted(now.keys() | before.keys(), key=str) if now.get(name) != before.get(name)]
    return tuple(dict.fromkeys(found))


def _changed(name: str, before: Mapping[Any, Any], now: Mapping[Any, Any]) -> str:
    """A setting with its two values, or alone where they are long or one of the two has none."""
    values = [str(settings[name]) for settings in (before, now) if name in settings]
    return f"{name} was {values[0]}, is now {values[1]}" if len(values) == 2 and max(map(len, values)) <= LONGEST_VALUE else name


def _listed(header: Header | Mapping[str, Any], keyword: str) -> list[Any]:
    """Values of numbered keywords, from 1 until one is missing."""
    keywords = (keyword.format(i) for i in itertools.count(1))
    return [header.get(name) for name in itertools.takewhile(header.__contains__, keywords)]


def as_read(keyword: str, value: CardValue) -> Any:
    """A value as it comes back from a card of that keyword."""
    return parse_header((format_card(keyword, value) + "END".ljust(80)).encode("ascii")).get(keyword)


def metric_card(metric: Metric) -> Card:
    """``ESO QC <NAME>`` with a numeric value and a comment that starts with the unit."""
    unit = f"[{_UNIT_IN_COMMENT.get(metric.unit, metric.unit)}] " if metric.unit else ""
    return (f"ESO QC {metric.name}", metric.value, unit + metric.comment)


def sorted_cards(cards: Iterable[Card]) -> tuple[Card, ...]:
    """One card per keyword (the last given), sorted with numbers by value; commentary keeps its place at the end."""
    single: dict[str, Card] = {}
    commentary: list[Card] = []
    for card in cards:
        if card[0] in ("COMMENT", "HISTORY"):
            commentary.append(card)
        elif card[0].strip():
            single[card[0]] = card
    return (*sorted(single.values(), key=lambda card: _natural(card[0])), *commentary)


def header_text(cards: Iterable[Card], *keywords: str) -> str:
    """The first of the keywords that has a value, as text; empty if none has."""
    known = {name: value for name, value, _ in cards}
    return next((str(known[keyword]) for keyword in keywords if known.get(keyword) not in (None, "")), "")


def _renamed(card: Card) -> Card:
    return (_RENAMED.get(card[0], card[0]), card[1], card[2])


def _is_kept(keyword: str, is_image: bool) -> bool:
    if _STRUCTURAL.fullmatch(keyword) or _REMOVED.fullmatch(keyword):
        return False
    return is_image or not _DETECTOR_OF_IMAGE.fullmatch(keyword)


def _is_measured(metric: Metric) -> bool:
    return metric.value is not None and (isinstance(metric.value, str) or math.isfinite(metric.value))


@lru_cache(maxsize=CARDS_REMEMBERED)
def _natural(keyword: str) -> tuple[bool, tuple[str, ...], str]:
    parts = tuple(f"{int(part):09d}" if part.isdigit() else part for part in _DIGITS.split(keyword))
    return (" " in keyword, parts, keyword)


def _provenance_cards(provenance: Provenance, arm: str, version: str) -> list[Card]:
    cards: list[Card] = [
        ("ESO PRO REC1 ID", provenance.recipe, "recipe"),
        (SOF_KEYWORD, provenance.sof_name, "set of files"),
        ("ESO PRO REC1 PIPE ID", f"soxspipe/v{version}", "pipeline and version"),
        ("ESO PRO DATANCOM", len(provenance.raw), "number of raw exposures combined"),
    ]
    for i, file in enumerate(provenance.raw, start=1):
        cards += [
            (f"ESO PRO REC1 RAW{i} NAME", os.path.basename(file.path), "raw exposure"),
            (f"ESO PRO REC1 RAW{i} CATG", file.category or f"OBJECT_{arm}", "its category"),
        ]
    for i, file in enumerate(provenance.calibrations, start=1):
        cards += _calibration_cards(file, i)
    for i, (name, value) in enumerate(provenance.parameters, start=1):
        cards += [(f"ESO PRO REC1 PARAM{i} NAME", name, ""), (f"ESO PRO REC1 PARAM{i} VALUE", value, "")]
    return cards


def _calibration_cards(file: InputFile, i: int) -> list[Card]:
    return [
        (f"ESO PRO REC1 CAL{i} NAME", os.path.basename(file.path), "calibration"),
        (f"ESO PRO REC1 CAL{i} CATG", file.category, "its category"),
        (f"ESO PRO REC1 CAL{i} DATAMD5", file.md5, "MD5 of the whole file"),
    ]
