"""The rules of a night, as tables: which frames form a set, which recipe reduces it, which calibrations it takes and how they are chosen.

`docs/night.md` prints them.  Times are MJD, so differences are in days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPELLINGS: Mapping[str, str] = {"WAVE,LAMP": "LAMP,WAVE", "FLAT,LAMP": "LAMP,FLAT", "STD": "STD,FLUX", "STD,SKY": "STD,TELLURIC"}
"""Other spellings of a DPR TYPE, and the one that the rules use."""

COMMON = ("instrument", "arm", "night", "readout", "binning")
"""In what all frames of a set agree, whatever it is."""

RUN_GAP_H = 2.0
"""Calibrations further apart than this are separate runs: an evening's and a morning's flats are not averaged."""

MAX_EXPOSURES = 40
"""Exposures of one set; more are split: the stare recipe takes no more, and a master of so many adds little noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A calibration that a recipe takes, and how it is chosen among several.

    Attributes
    ----------
    category : str
        PRO CATG without the arm.
    makers : tuple of str
        Kinds of set that make it, best first; a later one is taken only if the earlier ones have none, with a warning.
    arms : str
        ``bias`` or ``dark`` for arms whose frames are detrended so; empty for every arm.
    match : tuple of str
        In what calibration and frames must agree; ``slit`` allows what the instrument lets be mixed.
    first : str
        Ranked before everything else by this difference.
    near : tuple of (str, float)
        Then by the sum of these differences, each over its scale.
    prefer : tuple of (str, str)
        Field and value that a calibration should have; others are taken after it, with a warning.
    with_ : str
        Taken from the same reduction as this other category, where it has one.
    required : bool
        Without it the recipe is not run; lamp-off exposures in the set stand in for a dark.
    old_days : float
        Warn if it is older (or younger) than this.
    missed : bool
        Whether it is worth a warning if there is none.
    """

    category: str
    makers: tuple[str, ...]
    arms: str = ""
    match: tuple[str, ...] = ()
    first: str = ""
    near: tuple[tuple[str, float], ...] = (("mjd", 1.0),)
    prefer: tuple[tuple[str, str], ...] = ()
    with_: str = ""
    required: bool = True
    old_days: float = 1.0
    missed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRule:
    """One kind of set.

    Attributes
    ----------
    kind : str
        As people call it.
    verb : str
        Command that reduces it; where the program has no such command yet, the set is listed as not reduced.
    label : str
        Its part of the name of a set-of-files.
    types, techniques : tuple of str
        DPR TYPE and DPR TECH; an empty tuple takes all.
    mask : str
        What must stand in the slit wheel; empty for bias and dark.
    agree : tuple of str
        In what its frames agree besides `COMMON`.
    in_runs : bool
        Frames further apart than `RUN_GAP_H` form separate sets.
    lamp : str
        ``on`` if a lamp must be on; else empty.
    off_frames : bool
        Lamp-off exposures of the same mask join (near-infrared).
    few : int
        Warn below this number of frames.
    needs : tuple of Need
        Its calibrations, in the order in which they are chosen.
    """

    kind: str
    verb: str
    label: str
    types: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    mask: str = ""
    agree: tuple[str, ...] = ()
    in_runs: bool = True
    lamp: str = ""
    off_frames: bool = False
    few: int = 1
    needs: tuple[Need, ...] = ()

    @property
    def is_target(self) -> bool:
        """Whether it is a star or target, not a calibration lamp, bias or dark."""
        return "STARE" in self.label or "NOD" in self.label or "OFFSET" in self.label

    @property
    def is_standard(self) -> bool:
        """Whether it is a flux standard."""
        return self.label.endswith("STD_FLUX")


BIAS_DAYS = 7.0
"""Levels of bias and dark hold for a week."""
LAMP_DAYS = 1.0
"""Bias and dark levels hold for a week; flats and arcs move with every change of the instrument, so a day is the limit."""

# Half a turn of the rotator moves lines and slit by as much as a day does; 5 K of the optics likewise.
_FLEXURE = (("mjd", 1.0), ("rotator_deg", 180.0), ("temperature", 5.0))

_BIAS = Need(category="MASTER_BIAS", makers=("bias",), arms="bias", match=("readout", "binning", "gain"), old_days=BIAS_DAYS)
_DARK = Need(category="MASTER_DARK", makers=("dark",), arms="dark", match=("readout",), first="exptime_s", old_days=BIAS_DAYS)
_FIRST_SOLUTION = Need(category="DISP_TAB", makers=("pinhole arc", "multi-pinhole arc"), near=_FLEXURE, old_days=LAMP_DAYS)
_CENTRES = Need(category="ORDER_TAB", makers=("pinhole flat", "slit flat"), near=_FLEXURE, old_days=LAMP_DAYS)
_FLAT = Need(
    category="MASTER_FLAT", makers=("slit flat",), match=("readout", "binning", "gain", "slit"), near=_FLEXURE, required=False,
    old_days=LAMP_DAYS,
)  # fmt: skip
_BAD_PIXELS = Need(
    category="BP_MAP", makers=("slit flat", "dark"), match=("readout", "binning"), with_="MASTER_FLAT", required=False, old_days=BIAS_DAYS,
    missed=False,
)  # fmt: skip
_BAD_PIXELS_OF_DARKS = Need(
    category="BP_MAP", makers=("dark",), match=("readout", "binning"), required=False, old_days=BIAS_DAYS, missed=False
)
_EDGES = Need(category="ORDER_TAB", makers=("slit flat", "pinhole flat"), near=_FLEXURE, with_="MASTER_FLAT", old_days=LAMP_DAYS)
_SOLUTION = Need(category="DISP_TAB", makers=("multi-pinhole arc", "pinhole arc"), near=_FLEXURE, old_days=LAMP_DAYS)
_MAP = Need(
    category="DISP_IMAGE", makers=("multi-pinhole arc",), near=_FLEXURE, with_="DISP_TAB", required=False, old_days=LAMP_DAYS
)  # fmt: skip
_RESPONSE = Need(
    category="RESP_TAB",
    makers=("flux standard", "flux standard (nod)", "flux standard (offset)"),
    prefer=(("slit", "SLIT5.0"), ("binning", "=")),
    required=False,
    old_days=LAMP_DAYS,
)

_LAMP_NEEDS = (_BIAS, _DARK)
_STAR_NEEDS = (_BIAS, _DARK, _FLAT, _BAD_PIXELS, _EDGES, _SOLUTION, _MAP)
_OB = ("exptime", "slit", "ob", "target", "tpl_name")

_FLUX = ("STD,FLUX",)
_TELLURIC = ("STD,TELLURIC",)
_OBJECT = ("OBJECT", "OBJECT,ASYNC")
_FLATS = ("LAMP,FLAT", "LAMP,DFLAT", "LAMP,QFLAT")
_ARC = ("LAMP,WAVE", "LAMP,FMTCHK")
_TRACE = (*_FLATS, "LAMP,ORDERDEF", "LAMP,DORDERDEF", "LAMP,QORDERDEF")

_STARE, _NOD, _OFFSET = ("ECHELLE,SLIT,STARE",), ("ECHELLE,SLIT,NODDING",), ("ECHELLE,SLIT,OFFSET",)


def _star(kind: str, verb: str, label: str, types: tuple[str, ...], techniques: tuple[str, ...]) -> SetRule:
    """A rule for exposures of the sky; those in nodding and offset mode keep the run of their template together."""
    flux = (_RESPONSE,) if types != _FLUX else ()
    run = () if techniques == _STARE else ("tpl_start",)
    return SetRule(
        kind=kind, verb=verb, label=label, types=types, techniques=techniques, mask="SLIT", agree=(*_OB, *run), in_runs=False,
        needs=(*_STAR_NEEDS, *flux),
    )  # fmt: skip


SETS: tuple[SetRule, ...] = (
    SetRule(kind="bias", verb="mbias", label="MBIAS", types=("BIAS",), few=5),
    SetRule(kind="dark", verb="mdark", label="MDARK", types=("DARK",), agree=("exptime",), few=3),
    SetRule(
        kind="pinhole arc", verb="disp_solution", label="DSOL", types=_ARC, techniques=("ECHELLE,PINHOLE",), mask="PINHOLE",
        agree=("exptime", "lamp"), lamp="on", off_frames=True, needs=_LAMP_NEEDS,
    ),
    SetRule(
        kind="pinhole flat", verb="order_centres", label="OLOC", types=_TRACE, techniques=("ECHELLE,PINHOLE", "ECHELLE,SLIT"), mask="PINHOLE",
        agree=("exptime", "lamp"), lamp="on", off_frames=True, needs=(*_LAMP_NEEDS, _FIRST_SOLUTION),
    ),
    SetRule(
        kind="slit flat", verb="mflat", label="MFLAT", types=_FLATS, techniques=("ECHELLE,SLIT",), mask="SLIT",
        agree=("slit", "exptime of a lamp"), lamp="on", off_frames=True, few=5, needs=(*_LAMP_NEEDS, _BAD_PIXELS_OF_DARKS, _CENTRES),
    ),
    SetRule(
        kind="multi-pinhole arc", verb="spat_solution", label="SSOL", types=_ARC, techniques=("ECHELLE,MULTI-PINHOLE",), mask="MULTPIN",
        agree=("exptime", "lamp"), lamp="on", off_frames=True,
        needs=(*_LAMP_NEEDS, _FIRST_SOLUTION, Need(
            category="ORDER_TAB", makers=("slit flat", "pinhole flat"), near=_FLEXURE, required=False, old_days=LAMP_DAYS)),
    ),
    _star("flux standard", "stare_std", "STARE_STD_FLUX", _FLUX, _STARE),
    _star("telluric standard", "stare", "STARE_STD_TELL", _TELLURIC, _STARE),
    _star("flux standard (nod)", "nod_std", "NOD_STD_FLUX", _FLUX, _NOD),
    _star("telluric standard (nod)", "nod_std", "NOD_STD_TELL", _TELLURIC, _NOD),
    _star("flux standard (offset)", "offset_std", "OFFSET_STD_FLUX", _FLUX, _OFFSET),
    _star("telluric standard (offset)", "offset_std", "OFFSET_STD_TELL", _TELLURIC, _OFFSET),
    _star("science", "stare", "STARE_OBJ", _OBJECT, _STARE),
    _star("science (nod)", "nod", "NOD_OBJ", _OBJECT, _NOD),
    _star("science (offset)", "offset", "OFFSET_OBJ", _OBJECT, _OFFSET),
)  # fmt: skip
"""In the order in which recipes run."""

RULES: Mapping[str, SetRule] = {rule.kind: rule for rule in SETS}

LAMP_OFF_TYPES = (*_ARC, *_TRACE)
"""With DPR TECH IMAGE these are exposures with the lamp off."""

ARC_LAMPS: Mapping[tuple[str, str], str] = {("SOXS", "VIS"): "ThAr"}
"""Lamp that arcs of an arm must show; arcs of the common unit's other lamps are taken for the other arm."""

NO_USE: Mapping[str, str] = {
    "DOME,FLAT": "dome flats are not used; lamp flats are",
    "SLIT ARC": "an arc through the slit serves to measure the resolution; no recipe takes it",
}
