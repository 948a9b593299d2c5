"""Header → kind of file, and files → one consistent set of inputs."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from soxspipe.errors import InputError, MissingInputError
from soxspipe.instruments.registry import ArmFacts, Instrument, find_instrument, instruments
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import binning_of, gain_of, number_of, text_of


class Kind(enum.Enum):
    """What a file is to the stare recipe."""

    SCIENCE = "object exposure"
    FLUX_STANDARD = "flux-standard exposure"
    TELLURIC_STANDARD = "telluric-standard exposure"
    NODDING_STANDARD = "flux-standard exposure taken in nodding mode"
    OFF_FRAME = "off-frame"
    BIAS = "master bias"
    DARK = "master dark"
    FLAT = "master flat"
    ORDER_TABLE = "order table"
    DISPERSION_TABLE = "dispersion table"
    DISPERSION_IMAGE = "dispersion image"
    RESPONSE = "response table"
    OTHER = "file of no use to this recipe"


_BY_CATEGORY = {
    "MASTER_BIAS": Kind.BIAS,
    "MASTER_DARK": Kind.DARK,
    "MASTER_FLAT": Kind.FLAT,
    "ORDER_TAB": Kind.ORDER_TABLE,
    "DISP_TAB": Kind.DISPERSION_TABLE,
    "DISP_IMAGE": Kind.DISPERSION_IMAGE,
    "RESP_TAB": Kind.RESPONSE,
}
_CATEGORY = {kind: category for category, kind in _BY_CATEGORY.items()}
MAX_EXPOSURES = 40
_STARE, _NOD = "ECHELLE,SLIT,STARE", "ECHELLE,SLIT,NODDING"
_BY_TYPE = {
    ("OBJECT", _STARE): Kind.SCIENCE,
    ("OBJECT,ASYNC", _STARE): Kind.SCIENCE,
    ("STD,FLUX", _STARE): Kind.FLUX_STANDARD,
    ("STD,TELLURIC", _STARE): Kind.TELLURIC_STANDARD,
    ("STD,FLUX", _NOD): Kind.NODDING_STANDARD,
    ("OBJECT", "IMAGE"): Kind.OFF_FRAME,
}
_EXPOSURES = (Kind.SCIENCE, Kind.FLUX_STANDARD, Kind.TELLURIC_STANDARD, Kind.NODDING_STANDARD)
_TABLES = (Kind.ORDER_TABLE, Kind.DISPERSION_TABLE, Kind.DISPERSION_IMAGE, Kind.RESPONSE)
_SLIT_KINDS = (*_EXPOSURES, Kind.OFF_FRAME, Kind.FLAT)


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
    def facts(self) -> ArmFacts:
        """Facts of the file's arm."""
        return self.instrument.arms[self.arm]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputSet:
    """Files that take part in one reduction; the exposures share one kind."""

    exposures: tuple[ClassifiedFile, ...]
    order_table: ClassifiedFile
    dispersion_table: ClassifiedFile
    dispersion_image: ClassifiedFile | None = None
    bias: ClassifiedFile | None = None
    dark: ClassifiedFile | None = None
    off_frame: ClassifiedFile | None = None
    flat: ClassifiedFile | None = None
    response: ClassifiedFile | None = None
    warnings: tuple[str, ...] = ()

    @property
    def calibrations(self) -> tuple[ClassifiedFile, ...]:
        """Every calibration that is used."""
        files = (
            self.bias, self.dark, self.off_frame, self.flat, self.order_table, self.dispersion_table, self.dispersion_image, self.response,
        )  # fmt: skip
        return tuple(file for file in files if file is not None)


def classify(path: Path, header: Header) -> ClassifiedFile | None:
    """Tell what a file is from its header.

    Returns
    -------
    ClassifiedFile or None
        None if the header names no instrument that the package knows, or an arm of no use to the recipe.

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
        raise InputError(f"{path}: {keys.arm} is {arm!r}, one of {', '.join(instrument.arms)} is needed")
    if not category:
        kind = _BY_TYPE.get((dpr_type, dpr_tech), Kind.OTHER)
    return ClassifiedFile(path=path, header=header, kind=kind, instrument=instrument, arm=arm, tag=category or f"{dpr_type}_{arm}")


def select_inputs(files: Sequence[ClassifiedFile], unrecognised: Sequence[Path] = ()) -> InputSet:
    """Choose the files that take part, and check that they belong together.

    Parameters
    ----------
    files : sequence of ClassifiedFile
        In the order given; of several master images the last is used, of several tables the first.
    unrecognised : sequence of Path
        Files that could not be classified, for messages.

    Raises
    ------
    MissingInputError
        If a required kind of file is not there.
    InputError
        If arms, binnings, read-outs, gains, read noises or slits are mixed.
    """
    used = [file for file in files if file.kind is not Kind.OTHER]
    if not used:
        raise MissingInputError(f"no file of the set is of use to the stare recipe{_listed(files, unrecognised)}")
    _require_one(used, "instrument", lambda file: file.instrument.name, "INSTRUME")
    _require_one(used, "arm", lambda file: file.arm, used[0].instrument.keywords.arm)
    exposures, warnings = _exposures(files, unrecognised)
    chosen, choices = _choose(used)
    warnings += choices
    _require_kinds(chosen, exposures[0])
    taking_part = [*exposures, *chosen.values()]
    _require_same_settings(taking_part)
    return InputSet(
        exposures=tuple(exposures),
        order_table=chosen[Kind.ORDER_TABLE],
        dispersion_table=chosen[Kind.DISPERSION_TABLE],
        dispersion_image=chosen.get(Kind.DISPERSION_IMAGE),
        bias=chosen.get(Kind.BIAS),
        dark=chosen.get(Kind.DARK),
        off_frame=chosen.get(Kind.OFF_FRAME) if Kind.DARK not in chosen else None,
        flat=chosen.get(Kind.FLAT),
        response=chosen.get(Kind.RESPONSE),
        warnings=tuple(warnings),
    )


def _instrument_of(header: Header) -> Instrument | None:
    name = text_of(header, "INSTRUME")
    if not name:
        return None
    known = {entry.lower() for instrument in instruments() for entry in instrument.header_names}
    return find_instrument(name) if name.lower() in known else None


def _exposures(used: Sequence[ClassifiedFile], unrecognised: Sequence[Path]) -> tuple[list[ClassifiedFile], list[str]]:
    """The exposures to reduce: science, else flux standard, else telluric standard, else a nodding standard; and what to say about it."""
    for kind in _EXPOSURES:
        exposures = [file for file in used if file.kind is kind]
        if len(exposures) > MAX_EXPOSURES:
            raise InputError(f"{len(exposures)} files are a {kind.value}, at most {MAX_EXPOSURES} can be stacked")
        if exposures:
            others = [file.path.name for file in used if file.kind in _EXPOSURES and file.kind is not kind]
            warnings = [f"not reduced, since the set holds a {kind.value}: {', '.join(others)}"] if others else []
            if kind is Kind.NODDING_STANDARD:
                warnings.append(f"{exposures[0].path.name}: taken in nodding mode; reduced as a stare exposure for want of one")
            return exposures, warnings
    keys = used[0].instrument.keywords
    raise MissingInputError(
        f"no object exposure among {len(used)} files{_listed(used, unrecognised)}: one with {keys.dpr_type} OBJECT, "
        f"OBJECT,ASYNC, STD,FLUX or STD,TELLURIC and {keys.dpr_tech} {_STARE} is needed"
    )


def _listed(files: Sequence[ClassifiedFile], unrecognised: Sequence[Path]) -> str:
    """The first few files that are no spectrum and no calibration, and what they say they are, in brackets; empty if there are none."""
    found = [_as_found(file) for file in files if file.kind in (Kind.OTHER, Kind.OFF_FRAME)]
    found += [f"{path.name}: INSTRUME or arm not known" for path in unrecognised]
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return f" ({'; '.join(found[:3])}{more})" if found else ""


def _as_found(file: ClassifiedFile) -> str:
    """What a file that is of no use says it is."""
    keys = file.instrument.keywords
    cards = [
        f"{key} {text_of(file.header, key)[:40]!r}" for key in (keys.pro_catg, keys.dpr_type, keys.dpr_tech) if text_of(file.header, key)
    ]
    return f"{file.path.name}: {', '.join(cards) or f'neither {keys.dpr_type} nor {keys.pro_catg}'}"


def _choose(used: Sequence[ClassifiedFile]) -> tuple[dict[Kind, ClassifiedFile], list[str]]:
    """One file of each kind of calibration, and a warning where there was a choice."""
    chosen: dict[Kind, ClassifiedFile] = {}
    warnings = []
    for kind in (*_BY_CATEGORY.values(), Kind.OFF_FRAME):
        candidates = [file for file in used if file.kind is kind]
        if candidates:
            chosen[kind] = candidates[0] if kind in _TABLES else candidates[-1]
        if len(candidates) > 1:
            warnings.append(f"{len(candidates)} files are a {kind.value}; {chosen[kind].path.name} is used")
    return chosen, warnings


def _require_kinds(chosen: dict[Kind, ClassifiedFile], exposure: ClassifiedFile) -> None:
    """Raise for the first required kind that is not there."""
    arm, keys = exposure.arm, exposure.instrument.keywords
    required = [Kind.ORDER_TABLE, Kind.DISPERSION_TABLE]
    if exposure.facts.needs == "bias":
        required.insert(0, Kind.BIAS)
    for kind in required:
        if kind not in chosen:
            raise MissingInputError(
                f"no {kind.value} for {exposure.path.name}: a file with {keys.pro_catg} {_CATEGORY[kind]}_{arm} is needed"
            )
    if exposure.facts.needs == "dark" and Kind.DARK not in chosen and Kind.OFF_FRAME not in chosen:
        raise MissingInputError(
            f"no master dark for {exposure.path.name}: a file with {keys.pro_catg} MASTER_DARK_{arm}, "
            f"or an off-frame with {keys.dpr_type} OBJECT and {keys.dpr_tech} IMAGE, is needed"
        )


def _require_same_settings(files: Sequence[ClassifiedFile]) -> None:
    """Raise if the files were not taken with one binning, read-out, gain, read noise and slit."""
    facts, keys = files[0].facts, files[0].instrument.keywords
    images = [file for file in files if file.kind not in _TABLES]
    if facts.binnable:
        _require_one(
            images, "binning", lambda file: "x".join(map(str, binning_of(file.header, keys, facts, str(file.path)))), keys.binning_x[0]
        )
    _require_one(images, "read-out", lambda file: text_of(file.header, keys.readout), keys.readout)
    _require_one(images, "gain", lambda file: _rounded(gain_of(file.header, keys)), keys.conad[0])
    _require_one(images, "read noise", lambda file: _rounded(number_of(file.header, *keys.read_noise)), keys.read_noise[0])
    _require_one_slit([file for file in images if file.kind in _SLIT_KINDS], facts)


def _require_one_slit(files: Sequence[ClassifiedFile], facts: ArmFacts) -> None:
    def slit(file: ClassifiedFile) -> str:
        name = text_of(file.header, facts.slit_keyword)
        if any(word in name.lower() for word in ("pin", "blind")):
            return ""
        return name.replace("JH", "").strip()

    if facts.mixable_slits and {slit(file) for file in files} <= {"", *facts.mixable_slits}:
        return
    _require_one(files, "slit", slit, facts.slit_keyword)


def _require_one(files: Sequence[ClassifiedFile], what: str, value: Callable[[ClassifiedFile], str], keyword: str) -> None:
    """Raise if the files that know the value do not share one."""
    first: ClassifiedFile | None = None
    for file in files:
        found = value(file)
        if not found:
            continue
        if first is None:
            first = file
        elif found != value(first):
            raise InputError(
                f"{file.path}: {keyword} is {found!r}, {value(first)!r} as in {first.path.name} is needed; all files must share one {what}"
            )


def _rounded(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
