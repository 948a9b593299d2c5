"""Choose among classified files those that a recipe takes, and check that they belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from soxspipe.datamodel.remark import Remark
from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.classify import ClassifiedFile, Kind, is_blank, is_eso_order_table, is_of_eso_pipeline, needed_header, slit_of
from soxspipe.io.headers import binning_of, gain_of, read_noise_of, text_of
from soxspipe.reductions.prefer import best_file
from soxspipe.reductions.spec import InputRow, Match

SAME_GAIN = 0.02
"""Two gains whose product is so near 1 are each other's inverse: headers round them to two digits."""
SHOWN = 3
"""Number of unused files that a message names; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selected:
    """Files that take part in one reduction, by the name of the row of the recipe's input table that takes them."""

    files: Mapping[str, tuple[ClassifiedFile, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def all(self, name: str) -> tuple[ClassifiedFile, ...]:
        """Every file of a row."""
        return self.files.get(name, ())

    def one(self, name: str) -> ClassifiedFile | None:
        """The file of a row that takes one; None if there is none."""
        return next(iter(self.all(name)), None)

    def required(self, name: str) -> ClassifiedFile:
        """The file of a row that every arm needs."""
        return self.files[name][0]

    def without(self, name: str) -> Selected:
        """The same without the files of one row."""
        return replace(self, files={other: files for other, files in self.files.items() if other != name})

    @property
    def exposures(self) -> tuple[ClassifiedFile, ...]:
        """The exposures that are reduced: the files of the first row."""
        return next(iter(self.files.values()), ())

    @property
    def calibrations(self) -> tuple[ClassifiedFile, ...]:
        """All other files."""
        return tuple(file for files in list(self.files.values())[1:] for file in files)


def select_inputs(files: Sequence[ClassifiedFile], rows: Sequence[InputRow], *, verb: str, unrecognised: Sequence[str] = ()) -> Selected:
    """Choose the files that take part, and check that they belong together.

    Parameters
    ----------
    files : sequence of ClassifiedFile
        In the order given.
    rows : sequence of InputRow
        The recipe's inputs; the exposures that are reduced come first.
    verb : str
        The recipe's command, for messages.
    unrecognised : sequence of str
        A sentence for each file that could not be classified, for messages.

    Returns
    -------
    Selected
        Rows without a file are left out.

    Raises
    ------
    MissingInputError
        If files are missing; the message names all of them, and the recipe that makes each.
    InputError
        If there are too many, or if instruments, arms, binnings, read-outs, gains, read noises or slits are mixed.
    """
    taken = {kind for row in rows for kind in row.kinds}
    used = [file for file in files if file.kind in taken]
    if not used:
        needed = f"; a file with {needed_header(rows[0].kinds, files[0].instrument, files[0].arm)} is needed" if files else ""
        raise MissingInputError(f"no file of the set is of use to the {verb} recipe{_listed(files, unrecognised)}{needed}")
    by_exposures = sorted(used, key=lambda file: file.kind not in rows[0].kinds)  # which say what the others must be
    _require_one(by_exposures, "instrument", lambda file: file.instrument.name, "INSTRUME")
    _require_one_arm(used, rows[0])
    warnings: list[str] = []
    chosen: dict[str, tuple[ClassifiedFile, ...]] = {}
    for row in rows:
        if not (row.replaces and row.replaces in chosen):
            found = _choose(used, row, warnings, next(iter(chosen.get(rows[0].name, ())), None))
            if found:
                chosen[row.name] = found
    _require_own_tables(files, chosen, rows)
    _require_numbers(chosen, rows, used, _listed(files, unrecognised))
    _require_same(chosen, rows)
    return Selected(files=chosen, warnings=tuple(warnings))


def _choose(
    used: Sequence[ClassifiedFile], row: InputRow, warnings: list[str], exposure: ClassifiedFile | None
) -> tuple[ClassifiedFile, ...]:
    """Files of the first kind of a row that is present, the one that fits best where one is taken; says where there was a choice."""
    for kind in row.kinds:
        candidates = [file for file in used if file.kind is kind]
        if not candidates:
            continue
        others = [file.path.name for file in used if file.kind in row.kinds and file.kind is not kind]
        if others:
            warnings.append(Remark(f"not used, because the set holds {kind.with_article}: {', '.join(others)}"))
        if row.take == "all":
            if len(candidates) > row.maximum:
                raise InputError(f"{len(candidates)} {kind.plural} are given, the maximum is {row.maximum}")
            return tuple(candidates)
        if len(candidates) == 1:
            return (candidates[0],)
        one, reason = best_file(candidates, row, exposure)
        said = f"{len(candidates)} {kind.plural} are given; {one.path.name} is used"
        warnings.append(Remark(f"{said} ({reason})") if reason else said)
        return (one,)
    return ()


def _require_numbers(
    chosen: Mapping[str, Sequence[ClassifiedFile]], rows: Sequence[InputRow], used: Sequence[ClassifiedFile], listed: str
) -> None:
    """Raise if files are missing, naming all that are."""
    first = next((files[0] for row in rows[:1] if (files := chosen.get(row.name))), used[0])
    missing = []
    for row in rows:
        stand_ins = [other for other in rows if other.replaces == row.name]
        found = max(len(chosen.get(other.name, ())) for other in (row, *stand_ins))
        if found < row.needed(first.arm):
            missing.append(_missing(row, stand_ins, first, found))
    if missing:
        subject = f"for {first.path.name}" if rows[0].name in chosen else f"among {len(used)} files{listed}"
        raise MissingInputError(f"{missing[0][0]} {subject}: {missing[0][1]}" if len(missing) == 1 else _all_missing(missing, subject))


def _all_missing(missing: Sequence[tuple[str, str]], subject: str) -> str:
    return f"{len(missing)} inputs are missing {subject}: " + "; ".join(f"{what}: {needed}" for what, needed in missing)


def _missing(row: InputRow, stand_ins: Sequence[InputRow], first: ClassifiedFile, found: int) -> tuple[str, str]:
    """What is missing, and which file would do."""
    needed = row.needed(first.arm)
    kind = row.kinds[0]
    what = f"no {kind.value}" if not found else f"{found} {kind.value if found == 1 else kind.plural} where {needed} are needed"
    either = "".join(
        f", or {other.kinds[0].with_article} with {needed_header(other.kinds, first.instrument, first.arm)}," for other in stand_ins
    )
    maker = f" (soxspipe {row.made_by} makes it)" if row.made_by else ""
    return what, f"a file with {needed_header(row.kinds, first.instrument, first.arm)}{either} is needed{maker}"


def _require_own_tables(files: Sequence[ClassifiedFile], chosen: Mapping[str, Sequence[ClassifiedFile]], rows: Sequence[InputRow]) -> None:
    """Raise if tables of orders or wavelengths are those of ESO's X-shooter pipeline; its order table may stand in the place of ours."""
    orders = [file for file in files if is_eso_order_table(file)]
    said = []
    for row in rows:
        if row.kinds[0] in (Kind.ORDER_TABLE, Kind.DISPERSION_TABLE, Kind.DISPERSION_IMAGE):
            instead = orders if row.kinds[0] is Kind.ORDER_TABLE else []
            said += [
                f"{file.path.name}: is {row.kinds[0].with_article} of ESO's X-shooter pipeline, which has another form; one that "
                f"soxspipe {row.made_by} makes is needed"
                for file in chosen.get(row.name, instead)
                if is_of_eso_pipeline(file)
            ]
    if said:
        raise InputError("; ".join(said))


def _require_same(chosen: Mapping[str, Sequence[ClassifiedFile]], rows: Sequence[InputRow]) -> None:
    """Raise if the files differ in something that their rows say must be the same."""
    first = next(iter(chosen.values()))[0]
    facts, keys = first.facts, first.instrument.keywords
    binning_cards = f"binning ({keys.binning_x[0]}, {keys.binning_y[0]})"
    values: dict[Match, tuple[str, Callable[[ClassifiedFile], str], str]] = {
        "binning": ("binning", lambda file: "x".join(map(str, binning_of(file.header, keys, facts, str(file.path)))), binning_cards),
        "readout": ("read-out", lambda file: text_of(file.header, keys.readout), keys.readout),
        "gain": ("gain", lambda file: _rounded(gain_of(file.header, keys)), keys.conad[0]),
        "read_noise": ("read noise", lambda file: _rounded(read_noise_of(file.header, keys)), keys.read_noise[0]),
        "slit": ("slit", slit_of, facts.slit_keyword),
    }
    if "slit" in rows[0].match:
        # a flat of another slit may do, and one with a blocking filter beside it, but not for an exposure that is combined with others
        _require_open(chosen.get(rows[0].name, ()))
        _require_one(chosen.get(rows[0].name, ()), "slit", lambda file: text_of(file.header, facts.slit_keyword), facts.slit_keyword)
    for name, (what, value, keyword) in values.items():
        # a calibration of another night or read-out says nothing about the read noise of these frames
        said_by = [row for row in rows if name in row.match and (row.is_raw or name != "read_noise")]
        files = [file for row in said_by for file in chosen.get(row.name, ())]
        if name == "binning" and not facts.binnable:
            continue
        if name == "slit" and facts.mixable_slits and {slit_of(file) for file in files} <= {"", *facts.mixable_slits}:
            continue
        _require_one(files, what, value, keyword)


def _require_one_arm(used: Sequence[ClassifiedFile], exposures: InputRow) -> None:
    """Raise if the files are of more than one arm: name those of another arm than the exposures', or say what can be done with all."""
    counted = Counter(file.arm for file in used)
    if len(counted) > 1:
        keyword = used[0].instrument.keywords.arm
        exposed = [file for file in used if file.kind in exposures.kinds]
        if len({file.arm for file in exposed}) == 1:
            arm = exposed[0].arm
            others = ", ".join(f"{file.path.name} ({file.arm})" for file in used if file.arm != arm)
            raise InputError(f"{exposed[0].path.name}: {keyword} is {arm!r}, but these files are of another arm: {others}")
        least = min(counted, key=lambda arm: counted[arm])
        odd = ", ".join(file.path.name for file in used if file.arm == least)
        files = ", ".join(f"{number} of {arm}" for arm, number in counted.items())
        raise InputError(
            f"the set holds files of both arms ({keyword}: {files}); all files must share one arm: give those of one, or let soxspipe night "
            f"sort the folder ({least}: {odd})"
        )


def _require_open(exposures: Sequence[ClassifiedFile]) -> None:
    """Raise if an exposure was taken with the slit wheel closed."""
    for file in filter(is_blank, exposures):
        keyword = file.facts.slit_keyword
        raise InputError(
            f"{file.path}: {keyword} is {text_of(file.header, keyword)!r}: the slit wheel let no light in; take this frame out of the set"
        )


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
                + (_inverse_gain(found, value(first)) if what == "gain" else "")
            )


def _inverse_gain(found: str, needed: str) -> str:
    """What to do when one of two gains is the inverse of the other, as where the two cards of the gain were exchanged; else empty."""
    if abs(float(found) * float(needed) - 1.0) > SAME_GAIN:
        return ""
    return "; one is the inverse of the other: correct the header that does not state electrons per ADU"


def _listed(files: Sequence[ClassifiedFile], unrecognised: Sequence[str]) -> str:
    """The first few raw frames and files of no known kind, and what they say they are, in brackets; empty if there are none."""
    found = [_as_found(file) for file in files if not text_of(file.header, file.instrument.keywords.pro_catg) or file.is_other]
    found += unrecognised
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f" ({'; '.join(found[:SHOWN])}{more})" if found else ""


def _as_found(file: ClassifiedFile) -> str:
    """What a file says it is."""
    keys = file.instrument.keywords
    cards = [
        f"{key} {text_of(file.header, key)[:40]!r}" for key in (keys.pro_catg, keys.dpr_type, keys.dpr_tech) if text_of(file.header, key)
    ]
    made_by = " of ESO's X-shooter pipeline" if is_of_eso_pipeline(file) else ""
    return f"{file.path.name}: {', '.join(cards) or f'neither {keys.dpr_type} nor {keys.pro_catg}'}{made_by}"


def _rounded(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
