"""Header → kind of file."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from soxspipe.errors import InputError
from soxspipe.instruments.registry import ArmFacts, Instrument, find_instrument, instruments
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import card_text, text_of


class Kind(enum.Enum):
    """What a file is; the value is its name in messages."""

    SCIENCE = "object exposure"
    FLUX_STANDARD = "flux-standard exposure"
    TELLURIC_STANDARD = "telluric-standard exposure"
    NODDING_STANDARD = "nodding flux-standard exposure"
    OFF_FRAME = "off-frame"
    RAW_BIAS = "bias frame"
    RAW_DARK = "dark frame"
    PINHOLE_ARC = "single-pinhole arc frame"
    MULTI_PINHOLE_ARC = "multi-pinhole arc frame"
    SLIT_ARC = "slit arc frame"
    ARC_LAMP_OFF = "arc frame with the lamp off"
    PINHOLE_FLAT = "pinhole flat frame"
    SLIT_FLAT = "flat frame"
    FLAT_LAMP_OFF = "flat frame with the lamp off"
    BIAS = "master bias"
    DARK = "master dark"
    FLAT = "master flat"
    ORDER_TABLE = "order table"
    DISPERSION_TABLE = "dispersion table"
    DISPERSION_IMAGE = "dispersion image"
    RESPONSE = "response table"
    BAD_PIXEL_MAP = "bad-pixel map"
    OTHER = "file of another kind"

    @property
    def with_article(self) -> str:
        """With its indefinite article."""
        return f"{'an' if self.value[0] in 'aeiou' else 'a'} {self.value}"

    @property
    def plural(self) -> str:
        """Of the noun, not of what follows it."""
        noun, frame, rest = self.value.partition(" frame")
        return f"{noun}{frame}s{rest}" if frame else f"{self.value}es" if self.value.endswith("s") else f"{self.value}s"


_BY_CATEGORY = {
    "MASTER_BIAS": Kind.BIAS,
    "MASTER_DARK": Kind.DARK,
    "MASTER_FLAT": Kind.FLAT,
    "ORDER_TAB": Kind.ORDER_TABLE,
    "DISP_TAB": Kind.DISPERSION_TABLE,
    "DISP_IMAGE": Kind.DISPERSION_IMAGE,
    "RESP_TAB": Kind.RESPONSE,
    "BP_MAP": Kind.BAD_PIXEL_MAP,
}
_CATEGORY = {kind: category for category, kind in _BY_CATEGORY.items()}
_STARE, _NOD, _IMAGE = "ECHELLE,SLIT,STARE", "ECHELLE,SLIT,NODDING", "IMAGE"
_SLIT, _PINHOLE, _PINHOLES = "ECHELLE,SLIT", "ECHELLE,PINHOLE", "ECHELLE,MULTI-PINHOLE"
_ARCS = ("LAMP,WAVE", "WAVE,LAMP", "LAMP,FMTCHK")
_FLATS = ("LAMP,FLAT", "FLAT,LAMP", "LAMP,QFLAT", "LAMP,DFLAT", "DOME,FLAT")
_ORDER_FLATS = ("LAMP,FLAT", "FLAT,LAMP", "LAMP,DFLAT", "LAMP,QFLAT", "LAMP,ORDERDEF", "LAMP,DORDERDEF", "LAMP,QORDERDEF")
_BY_TYPE = {
    ("OBJECT", _STARE): Kind.SCIENCE,
    ("OBJECT,ASYNC", _STARE): Kind.SCIENCE,
    ("STD,FLUX", _STARE): Kind.FLUX_STANDARD,
    ("STD,TELLURIC", _STARE): Kind.TELLURIC_STANDARD,
    ("STD", _STARE): Kind.FLUX_STANDARD,
    ("STD,SKY", _STARE): Kind.TELLURIC_STANDARD,
    ("STD,FLUX", _NOD): Kind.NODDING_STANDARD,
    ("STD", _NOD): Kind.NODDING_STANDARD,
    ("OBJECT", _IMAGE): Kind.OFF_FRAME,
    ("BIAS", _IMAGE): Kind.RAW_BIAS,
    ("DARK", _IMAGE): Kind.RAW_DARK,
    **{(arc, _PINHOLE): Kind.PINHOLE_ARC for arc in _ARCS},
    **{(arc, _PINHOLES): Kind.MULTI_PINHOLE_ARC for arc in _ARCS},
    **{(arc, _SLIT): Kind.SLIT_ARC for arc in _ARCS},
    **{(arc, _IMAGE): Kind.ARC_LAMP_OFF for arc in _ARCS},
    **{(flat, _PINHOLE): Kind.PINHOLE_FLAT for flat in _ORDER_FLATS},
    **{(flat, _SLIT): Kind.SLIT_FLAT for flat in _FLATS},
    **{(flat, _IMAGE): Kind.FLAT_LAMP_OFF for flat in (*_FLATS, *_ORDER_FLATS)},
}
"""Raw frames by DPR TYPE and DPR TECH, in the spellings of SOXS and X-shooter."""
PIPELINE, ESO_XSHOOTER, ESO_ORDER_TABLE = "ESO PRO REC1 PIPE ID", "xsh/", "ORDER_TAB_EDGES"
"""Card, beginning of its value, and category by which products of ESO's X-shooter pipeline are known."""
_NO_SLIT = ("pin", "blind")
"""What the name of a mask without a slit holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassifiedFile:
    """A file and what its header says it is; `tag` is its PRO CATG, or ``<DPR TYPE>_<ARM>`` of a raw frame."""

    path: Path
    header: Header
    kind: Kind
    instrument: Instrument
    arm: str
    tag: str

    @property
    def is_other(self) -> bool:
        """True if no recipe takes files of its kind."""
        return self.kind is Kind.OTHER

    @property
    def facts(self) -> ArmFacts:
        """Facts of the file's arm."""
        return self.instrument.arms[self.arm]


def classify(path: Path, header: Header) -> ClassifiedFile | None:
    """Tell what a file is from its header.

    Returns
    -------
    ClassifiedFile or None
        None if the header names no instrument that the package knows, or an arm that it does not have.

    Raises
    ------
    InputError
        If the header's arm and the arm in its product category differ.
    """
    instrument = _instrument_of(header)
    if instrument is None:
        return None
    keys = instrument.keywords
    category = text_of(header, keys.pro_catg).upper()
    stem, _, suffix = category.rpartition("_")
    kind = _BY_CATEGORY.get(stem, Kind.OTHER)
    arm = text_of(header, keys.arm).upper()
    dpr_type, dpr_tech = text_of(header, keys.dpr_type).upper(), text_of(header, keys.dpr_tech).upper()
    if kind is not Kind.OTHER and suffix in instrument.arms:
        if arm and arm != suffix:
            raise InputError(f"{path}: {keys.arm} is {arm!r} but {keys.pro_catg} is {category!r}, one arm is needed")
        arm = suffix
    if arm not in instrument.arms:
        if kind is Kind.OTHER and (dpr_type, dpr_tech) not in _BY_TYPE:
            return None
        raise InputError(f"{path}: {_found(header, keys.arm, instrument.arms)}")
    if not category:
        kind = _raw_kind(dpr_type, dpr_tech, text_of(header, instrument.arms[arm].slit_keyword))
    return ClassifiedFile(path=path, header=header, kind=kind, instrument=instrument, arm=arm, tag=category or f"{dpr_type}_{arm}")


def _raw_kind(dpr_type: str, dpr_tech: str, slit: str) -> Kind:
    """Kind of a raw frame; flats through the pinhole, of which some say ``ECHELLE,SLIT``, are known by what stands in the slit wheel."""
    if dpr_type in _ORDER_FLATS and dpr_tech == _SLIT and mask_of(slit) == "PINHOLE":
        return Kind.PINHOLE_FLAT
    return _BY_TYPE.get((dpr_type, dpr_tech), Kind.OTHER)


def mask_of(slit: str) -> str:
    """Class of what stands in the slit wheel, by its name: ``SLIT``, ``PINHOLE``, ``MULTPIN`` or empty."""
    name = slit.upper()
    if "MULT" in name:
        return "MULTPIN"
    return "PINHOLE" if "PIN" in name else "SLIT" if "SLIT" in name or name[:1].isdigit() else ""


def odd_tags(tags: Mapping[Path, str], files: Sequence[ClassifiedFile]) -> tuple[str, ...]:
    """Sentences about tags of a set-of-files that no kind of file has; headers decide, tags do not."""
    unknown: dict[str, list[ClassifiedFile]] = {}
    for file in files:
        tag = tags.get(file.path, "").upper()
        if tag and tag != file.tag and not _is_tag(tag, file.instrument):
            unknown.setdefault(tag, []).append(file)
    return tuple(
        f"tag {tag!r} of {found[0].path.name}{f' and {len(found) - 1} more' if len(found) > 1 else ''} is not known; by its header it is "
        f"{found[0].tag!r}, which decides"
        for tag, found in unknown.items()
    )


def _is_tag(tag: str, instrument: Instrument) -> bool:
    """Whether a tag is that of a kind of file, with its arm: a product's category, or the type of a raw frame in any spelling."""
    stem, _, arm = tag.rpartition("_")
    types = {dpr_type.replace(",", "_") for dpr_type, _ in _BY_TYPE}
    return arm in instrument.arms and (stem in _BY_CATEGORY or any(stem.replace(",", "_").startswith(known) for known in types))


def why_unknown(header: Header) -> str:
    """Why `classify` cannot tell what a file is: which value its header has, and which are known."""
    instrument = _instrument_of(header)
    if instrument is None:
        return _found(header, "INSTRUME", [entry.name for entry in instruments()])
    return _found(header, instrument.keywords.arm, instrument.arms)


def _found(header: Header, keyword: str, known: Iterable[str]) -> str:
    """What a header says under a keyword, and what is known."""
    return f"{card_text(header, keyword)}, known are {', '.join(known)}"


def is_eso_order_table(file: ClassifiedFile) -> bool:
    """Whether a file is the order table of ESO's X-shooter pipeline, whose category is none of ours."""
    return file.tag.startswith(ESO_ORDER_TABLE)


def is_of_eso_pipeline(file: ClassifiedFile) -> bool:
    """Whether ESO's X-shooter pipeline made a file, whose tables of orders and wavelengths have a form of their own."""
    return text_of(file.header, PIPELINE).lower().startswith(ESO_XSHOOTER) or is_eso_order_table(file)


def needed_header(kinds: Sequence[Kind], instrument: Instrument, arm: str) -> str:
    """What the header of a file of one of several kinds says, for messages."""
    keys = instrument.keywords
    said = [f"{keys.pro_catg} {_CATEGORY[kind]}_{arm}" for kind in kinds if kind in _CATEGORY]
    by_technique: dict[str, list[str]] = {}
    for (dpr_type, technique), kind in _BY_TYPE.items():
        if kind in kinds:
            by_technique.setdefault(technique, []).append(dpr_type)
    said += [f"{keys.dpr_type} {' or '.join(types)} and {keys.dpr_tech} {technique}" for technique, types in by_technique.items()]
    return ", or ".join(said)


def slit_of(file: ClassifiedFile) -> str:
    """Name of the slit; empty for pinhole masks and the blind position, through which no slit is seen."""
    name = text_of(file.header, file.facts.slit_keyword)
    return "" if any(word in name.lower() for word in _NO_SLIT) else name.replace("JH", "").strip()


def is_blank(file: ClassifiedFile) -> bool:
    """Whether the slit wheel was at its closed position, through which no light comes."""
    return "BLANK" in text_of(file.header, file.facts.slit_keyword).upper()


def _instrument_of(header: Header) -> Instrument | None:
    name = text_of(header, "INSTRUME")
    if not name:
        return None
    known = {entry.lower() for instrument in instruments() for entry in instrument.header_names}
    return find_instrument(name) if name.lower() in known else None
