"""Which of several files of one kind serves best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from soxspipe.errors import InputError
from soxspipe.io.classify import ClassifiedFile, slit_of
from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.headers import binning_of, number_of, start_of, text_of
from soxspipe.reductions.spec import InputRow

BACKGROUND = "BKGROUND"
"""In the name of the reference's image of scattered light, whose PRO CATG is that of the flat."""

Misfit = Callable[[ClassifiedFile, ClassifiedFile], float]


def best_file(candidates: Sequence[ClassifiedFile], row: InputRow, exposure: ClassifiedFile | None) -> tuple[ClassifiedFile, str]:
    """The file that fits an exposure best, and what decided.

    Parameters
    ----------
    candidates : sequence of ClassifiedFile
        Two or more of one kind, in the order given.
    row : InputRow
        What it is for; its `prefers` and `match` say what counts, in this order, then the time between the two.
    exposure : ClassifiedFile or None
        First of those that are reduced; None if there is none.

    Returns
    -------
    file : ClassifiedFile
        Of equals the first or the last, as the row says.
    reason : str
        For people; empty where all fit alike.
    """
    left = list(candidates if row.take == "first" else reversed(candidates))
    reasons = []
    for name in (*row.prefers, *(name for name in row.match if name in _RULES), "time"):
        misfit, words = _RULES[name]
        if len(left) > 1 and (exposure is not None or name in _ALONE):
            marks = [misfit(file, exposure if exposure is not None else file) for file in left]
            best = min(marks)
            if max(marks) > best:
                reasons.append(words)
            left = [file for file, mark in zip(left, marks, strict=True) if mark <= best]
    return left[0], ", ".join(reasons)


def _exposure_time(file: ClassifiedFile, exposure: ClassifiedFile) -> float:
    """Difference of the exposure times, s."""
    times = [number_of(one.header, one.instrument.keywords.exptime) for one in (file, exposure)]
    return math.inf if times[0] is None or times[1] is None else abs(times[0] - times[1])


def _time(file: ClassifiedFile, exposure: ClassifiedFile) -> float:
    """Days between the two; infinite where one is not known."""
    apart = abs(start_of(file.header, file.instrument.keywords) - start_of(exposure.header, exposure.instrument.keywords))
    return apart if math.isfinite(apart) else math.inf


def _is_background(file: ClassifiedFile, _: ClassifiedFile) -> float:
    return float(BACKGROUND in file.path.name.upper())


def _lacks_edges(file: ClassifiedFile, _: ClassifiedFile) -> float:
    return float(not any(name.lower().startswith("edgelow") for name in _columns(file)))


def _lacks_slit_positions(file: ClassifiedFile, _: ClassifiedFile) -> float:
    """Of a solution from a single pinhole: all its coefficients are of slit position to the power 0."""
    names = [name.lower() for name in _columns(file)]
    return float(not any(len(name) == 4 and name[0] == "c" and name[1:].isdigit() and name[3] != "0" for name in names))


def _lacks_planes(file: ClassifiedFile, _: ClassifiedFile) -> float:
    opened = _opened(file)
    return float(3 if opened is None else max(3 - len(opened.images), 0))


def _columns(file: ClassifiedFile) -> list[str]:
    """Names of the columns of the first table."""
    opened = _opened(file)
    tables = () if opened is None else opened.tables
    return [str(value) for name, value, _ in tables[0].header.cards if name.startswith("TTYPE")] if tables else []


def _opened(file: ClassifiedFile) -> FitsFile | None:
    """The file; None if it cannot be read, which is said where it is needed."""
    try:
        return open_fits(file.path)
    except InputError:
        return None


def _differs(value: Callable[[ClassifiedFile], str]) -> Misfit:
    """1 where file and exposure say something else, 0 where they agree or one is silent."""

    def misfit(file: ClassifiedFile, exposure: ClassifiedFile) -> float:
        found = {value(file), value(exposure)} - {""}
        return float(len(found) > 1)

    return misfit


def _binning(file: ClassifiedFile) -> str:
    return "x".join(map(str, binning_of(file.header, file.instrument.keywords, file.facts, str(file.path))))


def _readout(file: ClassifiedFile) -> str:
    return text_of(file.header, file.instrument.keywords.readout)


_RULES: Mapping[str, tuple[Misfit, str]] = {
    "exposure_time": (_exposure_time, "its exposure time fits best"),
    "no_background": (_is_background, "the other is an image of scattered light"),
    "edges": (_lacks_edges, "it has the edges of the orders"),
    "slit_positions": (_lacks_slit_positions, "it has slit positions, from several pinholes"),
    "three_planes": (_lacks_planes, "it has wavelength, slit position and order"),
    "binning": (_differs(_binning), "its binning fits"),
    "readout": (_differs(_readout), "its read-out fits"),
    "slit": (_differs(slit_of), "its slit fits"),
    "time": (_time, "it is nearest in time"),
}
_ALONE = ("no_background", "edges", "slit_positions", "three_planes")
"""What can be said without an exposure."""
