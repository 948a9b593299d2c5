"""What every recipe's `gather` begins with: which files there are, when they were taken, and how the products are called."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from soxspipe.datamodel.observation import Observation
from soxspipe.errors import MissingInputError
from soxspipe.io.classify import ClassifiedFile, classify, odd_tags, why_unknown
from soxspipe.io.file_names import distinct_name, safe_name
from soxspipe.io.files import md5_of
from soxspipe.io.fits import read_header
from soxspipe.io.headers import read_observation, text_of
from soxspipe.io.sof import InputFrames, resolve_inputs
from soxspipe.reductions.repeated import without_repeats
from soxspipe.reductions.select import SHOWN, Selected, select_inputs
from soxspipe.reductions.spec import InputRow

NIGHT_STARTS_H = 15
"""Hour (UTC) at which a night begins, as the reference pipeline counts nights: 11 h local time on La Silla."""
_TIMESTAMP = re.compile(r"(\d{8}T\d{6})")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundFiles:
    """Files that the user gave: base name of the set (empty without one), those that were classified, and the others with the reason; what
    was given twice; tags of the set-of-files that are odd."""

    sof_name: str
    classified: tuple[ClassifiedFile, ...]
    unrecognised: tuple[str, ...]
    repeats: tuple[str, ...] = ()
    odd_tags: tuple[str, ...] = ()

    def select(self, rows: Sequence[InputRow], verb: str) -> Selected:
        """The files that a recipe takes, exposures in order of time; raises as `select_inputs`."""
        try:
            selected = select_inputs(self.classified, rows, verb=verb, unrecognised=self.unrecognised)
        except MissingInputError as error:  # of which files that are used once may be the reason
            raise MissingInputError("; ".join((str(error), *self.repeats[:SHOWN]))) from error
        in_time_order = tuple(sorted(selected.exposures, key=_time_of))
        files = {**selected.files, next(iter(selected.files)): in_time_order}
        return replace(selected, files=files, warnings=(*self.odd_tags, *self.repeats, *selected.warnings))

    def unused_notes(self, rows: Sequence[InputRow]) -> tuple[str, ...]:
        """One sentence for every file that no row takes."""
        taken = {kind for row in rows for kind in row.kinds}
        return (
            *(f"{sentence}; not used" for sentence in self.unrecognised),
            *(f"{file.path.name}: not used, {file.tag!r}" for file in self.classified if file.kind not in taken),
        )


def find_files(inputs: InputFrames) -> FoundFiles:
    """Resolve a set-of-files, folder or list, and classify every file by its header.

    Raises
    ------
    InputError
        If a file cannot be read or contradicts itself.
    """
    resolved = resolve_inputs(inputs)
    headers = [read_header(path) for path in resolved.paths]
    classified = [classify(path, header) for path, header in zip(resolved.paths, headers, strict=True)]
    known = [file for file in classified if file is not None]
    files, repeats = without_repeats(known)
    return FoundFiles(
        sof_name=resolved.sof_name or "",
        classified=files,
        repeats=repeats,
        unrecognised=tuple(
            f"{path.name}: {why_unknown(header)}"
            for path, header, file in zip(resolved.paths, headers, classified, strict=True)
            if file is None
        ),
        odd_tags=odd_tags(resolved.tags, known),
    )


def start_checksums(files: Sequence[ClassifiedFile], pool: ThreadPoolExecutor) -> dict[str, Future[str]]:
    """MD5 of files by path, computed in the threads of a pool."""
    return {str(file.path): pool.submit(md5_of, file.path) for file in files}


def base_name(found: FoundFiles, first: ClassifiedFile, observation: Observation, what: str) -> str:
    """Base name of the products: that of the set-of-files, else by the organiser's template, in which `what` names the kind of set."""
    return distinct_name(found.sof_name) if found.sof_name else safe_name(_name_from_header(first, observation, what))


def night_of(sof_name: str, observation: Observation) -> str:
    """``YYYY-MM-DD`` of the night's start: the time in the SOF's name, else of the observation, less 15 h; ``undated`` without either."""
    moment = None
    stamp = _TIMESTAMP.match(sof_name)
    for text, form in ((stamp.group(1) if stamp else "", "%Y%m%dT%H%M%S"), (observation.date_obs[:19], "%Y-%m-%dT%H:%M:%S")):
        if moment is None and text:
            try:
                moment = datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                moment = None
    if moment is None and math.isfinite(observation.mjd) and 0 < observation.mjd < 200_000:
        moment = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=observation.mjd)
    try:
        return "undated" if moment is None else (moment - timedelta(hours=NIGHT_STARTS_H)).strftime("%Y-%m-%d")
    except OverflowError:
        return "undated"


def _time_of(file: ClassifiedFile) -> tuple[float, str]:
    mjd = read_observation(file.header, file.instrument, file.facts, str(file.path)).mjd
    return (mjd if math.isfinite(mjd) else math.inf, str(file.path))


def _name_from_header(first: ClassifiedFile, observation: Observation, what: str) -> str:
    stamp = re.sub(r"[^0-9T]", "", observation.date_obs[:19])
    parts = [
        stamp,
        first.arm,
        f"{observation.binning[0]}x{observation.binning[1]}" if first.facts.binnable else "",
        text_of(first.header, first.instrument.keywords.readout),
        what,
        observation.slit_name,
        f"{float(observation.exptime_s)}S",
        first.instrument.name,
    ]
    name = "_".join(part for part in parts if part).upper().replace(".", "_").replace(" ", "")
    return "_".join(part for part in (name, observation.target.replace(" ", "")) if part)
