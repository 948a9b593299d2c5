"""Where a reduction's data and choices came from: what every product's header repeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

CardValue: TypeAlias = str | int | float | bool | None
Card: TypeAlias = tuple[str, CardValue, str]
"""Keyword without ``HIERARCH`` (``ESO DET OUT1 RON``), value, comment; ``COMMENT`` and ``HISTORY`` carry their text as value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file that took part: path, category (``<DPR TYPE>_<ARM>`` of raw frames, else PRO CATG) and the MD5 of its bytes (calibrations only)."""

    path: str
    category: str
    md5: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Identity of one reduction.

    Attributes
    ----------
    recipe : str
        ``soxs-stare`` or ``soxs-stare-std``.
    sof_name : str
        Base name of the products: the SOF's name without ``.sof``, or one made from the first raw frame.
    night : str
        ``YYYY-MM-DD`` of the night's start.
    header : tuple of Card
        Primary header of the first exposure, structural keywords (SIMPLE, BITPIX, NAXIS, BZERO, ...) left out.
    raw, calibrations : tuple of InputFile
        Exposures in time order; calibrations in the order given.
    parameters : tuple of (str, value)
        Recipe settings by published name, nested blocks flattened, in the order of the settings file.
    command : str
        The command or call that started the run; empty if unknown.
    """

    recipe: str
    sof_name: str
    night: str
    header: tuple[Card, ...] = ()
    raw: tuple[InputFile, ...] = ()
    calibrations: tuple[InputFile, ...] = ()
    parameters: tuple[tuple[str, CardValue], ...] = field(default_factory=tuple)
    command: str = ""
