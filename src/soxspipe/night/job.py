"""What a worker does: take the calibrations that there are, write the set-of-files, run the recipe, say what became of it.

A job travels as text: paths, words and checksums, never arrays or open files.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from soxspipe.errors import InputError, ProductError, SoxspipeError
from soxspipe.io.files import md5_of
from soxspipe.io.lock import only_run
from soxspipe.io.sof import resolve_inputs
from soxspipe.night.choose import WORDS
from soxspipe.night.memory import hand_back_memory
from soxspipe.night.sofs import is_hand_made, write_sof
from soxspipe.night.state import Outcome, files_below, fingerprint, read_record, record_path, still_holds, write_record
from soxspipe.reductions.spec import Published

RESPONSE = "RESP_TAB"
"""Category of the one calibration that comes after the extraction."""

OTHER_RUN_S = 3600.0
"""How long to wait for another night that reduces the same set; the largest sets take minutes."""


class Recipe(Protocol):
    """Something that turns a set-of-files into products."""

    def __call__(self, verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where one calibration may come from, best first: name of the set that makes it (empty if it was delivered) and path."""

    category: str
    required: bool
    with_: str
    sources: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task as it travels.

    Attributes
    ----------
    name, verb, arm, night : str
        Of the set.
    sof, output : str
        Its set-of-files, and the folder of products.
    raw : tuple of (str, str)
        Path and tag of its exposures.
    offers : tuple of Offer
        Its calibrations.
    settings : str or None
        The user's settings file.
    settings_text : str
        The settings that matter to it, for the fingerprint.
    known : mapping of str to (int, int, str)
        Size, time and MD5 of files as the index knows them.
    warnings : tuple of str
        Of the plan.
    exptime_s : float
        Of one exposure.
    """

    name: str
    verb: str
    arm: str
    night: str
    sof: str
    output: str
    raw: tuple[tuple[str, str], ...]
    offers: tuple[Offer, ...] = ()
    settings: str | None = None
    settings_text: str = ""
    known: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    exptime_s: float = 0.0


def run_job(job: Job, upstream: Sequence[Outcome], recipe: Recipe) -> Outcome:
    """Do one task; never raises for what is wrong with data or disk.

    Parameters
    ----------
    job : Job
        What to do.
    upstream : sequence of Outcome
        Of the tasks that make its calibrations.
    recipe : callable
        What reduces a set-of-files.

    Returns
    -------
    Outcome
    """
    started = time.perf_counter()
    blank = Outcome(name=job.name, verb=job.verb, arm=job.arm, night=job.night)
    record = record_path(Path(job.output), job.night, job.name)
    try:
        with only_run(record.with_name(f".{record.stem}.lock"), timeout_s=OTHER_RUN_S):
            outcome = _reduced(job, blank, {entry.name: entry for entry in upstream}, recipe, started)
    except SoxspipeError as error:
        outcome = replace(blank, status="failed", cause=str(error))
    except MemoryError:
        outcome = replace(blank, status="failed", cause="not enough memory for these data")
    except OSError as error:
        outcome = replace(blank, status="failed", cause=f"{error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:  # a fault of the program ends one task, not the night
        cause = f"unexpected {type(error).__name__}: {error}"
        outcome = replace(blank, status="failed", cause=cause, trace="".join(traceback.format_exc()))
    if outcome.status in ("failed", "blocked"):
        outcome = replace(outcome, seconds=time.perf_counter() - started)
        _remember(Path(job.output), outcome)
    if outcome.status != "unchanged":
        hand_back_memory()
    return outcome


def take_calibrations(job: Job, upstream: Mapping[str, Outcome]) -> tuple[dict[str, str], list[str], list[str]]:
    """Choose among the calibrations that exist by now.

    Returns
    -------
    taken : dict of str to str
        Path by category.
    warnings : list of str
        Where it is not the best one.
    lacking : list of str
        Why a required one is not there.
    """
    taken: dict[str, str] = {}
    makers: dict[str, str] = {}
    warnings: list[str] = []
    lacking: list[str] = []
    for offer in job.offers:
        found = _first_there(offer, upstream, makers.get(offer.with_, ""))
        if found is None:
            reasons = [upstream[maker].cause or upstream[maker].status for maker, _ in offer.sources if maker in upstream]
            sentence = f"no {WORDS[offer.category]}" + (f": its reduction failed ({reasons[0]})" if reasons else "")
            if offer.required:
                lacking.append(sentence)
            elif offer.sources:
                warnings.append(sentence)
            continue
        maker, path, place = found
        taken[offer.category], makers[offer.category] = path, maker
        if place:
            best = offer.sources[0][0] or Path(offer.sources[0][1]).name
            warnings.append(f"the {WORDS[offer.category]} is of {maker or Path(path).name}, since {best} could not be used")
    return taken, warnings, lacking


def _first_there(offer: Offer, upstream: Mapping[str, Outcome], partner: str) -> tuple[str, str, int] | None:
    """Maker, path and rank of the best source that exists; one from the partner's maker goes first."""
    ranked = sorted(enumerate(offer.sources), key=lambda entry: (bool(partner) and entry[1][0] != partner, entry[0]))
    for place, (maker, planned) in ranked:
        outcome = upstream.get(maker)
        path = planned if outcome is None else outcome.made.get(offer.category, "") if outcome.succeeded else ""
        if path and os.path.exists(path):
            return maker, path, 0 if partner and maker == partner else place
    return None


def settled(job: Job, upstream: Mapping[str, Outcome]) -> Outcome | None:
    """The outcome of a job that need not be run: its record holds, and so do those of everything that it may take.

    Raises
    ------
    InputError
        If a file of its set is gone.
    """
    inputs = _gathered(job, upstream)
    return None if inputs.lacking else _made_before(job, inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """What one run takes: lines of its set-of-files with size and time of each file, calibrations, remarks."""

    entries: Sequence[tuple[str, str]]
    states: Sequence[tuple[int, int]] = ()
    taken: Mapping[str, str]
    warnings: Sequence[str]
    lacking: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """What tells these inputs from others: path, size, time and MD5 of each file, the digest of all and of the settings, and without the response."""

    checksums: tuple[tuple[str, int, int, str], ...]
    fingerprint: str
    counts: str


def _gathered(job: Job, upstream: Mapping[str, Outcome]) -> _Inputs:
    taken, warnings, lacking = take_calibrations(job, upstream)
    entries = [*job.raw, *((path, f"{category}_{job.arm}") for category, path in taken.items())]
    sof = Path(job.sof)
    if is_hand_made(sof):
        warnings.append(f"{sof.name} has been edited by hand and is used as it stands")
        entries, lacking = [(str(path), path.name) for path in resolve_inputs(sof).paths], []
    if lacking:
        return _Inputs(entries=entries, taken=taken, warnings=warnings, lacking=lacking)
    return _Inputs(entries=entries, states=[_state(path) for path, _ in entries], taken=taken, warnings=warnings, lacking=())


def _identified(job: Job, inputs: _Inputs) -> _Identity:
    """Identity of the inputs, which must still be in the state in which they were gathered.

    Raises
    ------
    InputError
        If a file has changed or cannot be read.
    """
    checksums = tuple(_checksum(job, path, state) for (path, _), state in zip(inputs.entries, inputs.states, strict=True))
    named = [(tag, Path(path).name, md5) for (path, tag), (_, _, _, md5) in zip(inputs.entries, checksums, strict=True)]
    before_flux = [entry for entry in named if entry[0] != f"{RESPONSE}_{job.arm}"]
    digests = [fingerprint(job.verb, entries, job.settings_text) for entries in (named, before_flux)]
    return _Identity(checksums=checksums, fingerprint=digests[0], counts=digests[1])


def _reduced(job: Job, blank: Outcome, upstream: Mapping[str, Outcome], recipe: Recipe, started: float) -> Outcome:
    inputs = _gathered(job, upstream)
    if inputs.lacking:
        return replace(blank, status="blocked", cause="; ".join(inputs.lacking))
    write_sof(Path(job.sof), inputs.entries)
    known = _made_before(job, inputs)
    if known is not None:
        return known
    record = read_record(Path(job.output), job.night, job.name)
    made = _calibrated_again(job, inputs, record) or _published(job, recipe, overwrite=record is not None and record.succeeded)
    if made is None:  # a command for one recipe was faster, or a run that died left no record
        known = _made_before(job, inputs)
        if known is not None:
            return known
        made = recipe(job.verb, Path(job.sof), Path(job.output), job.settings, overwrite=True)
    identity = _identified(job, inputs)  # after the recipe, which reads every file and remembers its checksum
    outcome = replace(
        _outcome(job, blank, made, inputs.taken, [*job.warnings, *inputs.warnings]),
        fingerprint=identity.fingerprint, counts=identity.counts, checksums=identity.checksums, seconds=time.perf_counter() - started,
    )  # fmt: skip
    write_record(Path(job.output), outcome)
    return outcome


def _made_before(job: Job, inputs: _Inputs) -> Outcome | None:
    """The outcome of an earlier run with the same inputs, if its products are there."""
    output = Path(job.output)
    record = read_record(output, job.night, job.name)
    if record is None or not record.succeeded:
        return None
    identity = _identified(job, inputs)
    known = still_holds(output, record, identity.fingerprint)
    return None if known is None else replace(known, checksums=identity.checksums)


def _calibrated_again(job: Job, inputs: _Inputs, record: Outcome | None) -> Published | None:
    """The spectrum of an earlier run calibrated with the response that there is now; None where that takes a reduction.

    It does where there is no response, where anything else has changed, and where the products are gone or of an earlier version.
    """
    response, output = inputs.taken.get(RESPONSE), Path(job.output)
    if response is None or record is None or not record.counts or record.counts != _identified(job, inputs).counts:
        return None
    if still_holds(output, record, record.fingerprint) is None:
        return None
    from soxspipe.night.run_recipe import calibrate_again

    try:
        return calibrate_again(job.verb, [output / name for name, _ in record.files], Path(response))
    except SoxspipeError:
        return None


def _published(job: Job, recipe: Recipe, *, overwrite: bool) -> Published | None:
    """What the recipe made; None if products of this name exist that were made before, perhaps of other things."""
    try:
        return recipe(job.verb, Path(job.sof), Path(job.output), job.settings, overwrite=overwrite)
    except ProductError:
        if overwrite:
            raise
        return None


def _outcome(job: Job, blank: Outcome, made: Published, taken: Mapping[str, str], warnings: Sequence[str]) -> Outcome:
    output = Path(job.output)
    metrics = tuple(
        {
            "name": metric.name, "value": metric.value, "unit": metric.unit, "order": metric.order, "low": metric.low,
            "high": metric.high, "flag": metric.flag,
        }
        for metric in made.metrics
    )  # fmt: skip
    calibrations = dict(_calibrations(made, job.arm))
    level, worries = _verdict(made)
    return replace(
        blank,
        raw=raw_names(job),
        inputs=dict(taken),
        made=calibrations,
        final=str(made.final),
        report=_path_of(made, "REPORT"),
        files=files_below(output, [record.path for record in made.products]),
        metrics=metrics,
        warnings=tuple(dict.fromkeys((*warnings, *made.warnings))),
        made_at=made.made_at,
        level=level,
        worries=worries,
        curve=_curve(job, made, calibrations),
    )


def raw_names(job: Job) -> tuple[str, ...]:
    """File names of the exposures."""
    return tuple(Path(path).name for path, _ in job.raw)


def _path_of(made: Published, label: str) -> str:
    return next((str(record.path) for record in made.products if record.label == label), "")


def _verdict(made: Published) -> tuple[str, tuple[str, ...]]:
    """Level and worries of the report, from the machine-readable metrics; without them a metric out of range is a failure."""
    try:
        content = json.loads(Path(_path_of(made, "QC")).read_text(encoding="utf-8"))
        return str(content["level"]), tuple(map(str, content["worries"]))
    except (OSError, ValueError, KeyError, TypeError):
        failed = made.failed_metrics
        return "fail" if failed else "good", tuple(f"{metric.name} is out of its range" for metric in failed)


def _curve(job: Job, made: Published, calibrations: Mapping[str, str]) -> Mapping[str, Any]:
    """Spectrum, response and sky, of what has them."""
    from soxspipe.night.curves import response_curve, sky_rate, spectrum_curve

    merged = _path_of(made, "EXTRACTED_MERGED_TABLE")
    if not merged:
        return {}
    found = {
        "spectrum": spectrum_curve(made.final),
        "response": response_curve(Path(calibrations["RESP_TAB"])) if "RESP_TAB" in calibrations else None,
        "sky_e_per_s": sky_rate(Path(merged), job.arm, job.exptime_s),
    }
    return {name: value for name, value in found.items() if value is not None}


def _calibrations(made: Published, arm: str) -> Iterator[tuple[str, str]]:
    """Category and path of every product that serves as a calibration, by its own header."""
    from soxspipe.io.fits import read_header
    from soxspipe.night.left_out import CALIBRATIONS

    for record in made.products:
        if record.file_type == "FITS" and record.kind == "PROD":
            category = str(read_header(record.path).get("ESO PRO CATG", "")).strip().removesuffix(f"_{arm}")
            if category in CALIBRATIONS:
                yield category, str(record.path)


def _checksum(job: Job, path: str, state: tuple[int, int]) -> tuple[str, int, int, str]:
    """Path, size, time and MD5 of a file that is to be in some state, as the index knows it where that still holds."""
    if _state(path) != state:
        raise InputError(f"{path}: has changed while it was being reduced; run the night again")
    known = job.known.get(path)
    return path, *state, known[2] if known is not None and known[:2] == state else md5_of(Path(path))


def _state(path: str) -> tuple[int, int]:
    """Size and time of a file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; it was there when the night was planned") from error
    return status.st_size, status.st_mtime_ns


def _remember(output: Path, outcome: Outcome) -> None:
    """Keep the cause of a failure beside the products; on a disk that is full the outcome alone tells it."""
    try:
        write_record(output, outcome)
    except SoxspipeError:
        return
