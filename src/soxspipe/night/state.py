"""What has been done: the products themselves, and beside them a record of what they were made from.

A product holds while its inputs' checksums, the settings of its recipe and the version of the program are the same and its files are
there.  Deleting a record, or a product, only means that it is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from soxspipe import __version__
from soxspipe.io.atomic import write_whole
from soxspipe.io.file_names import safe_name

Status = Literal["done", "unchanged", "failed", "blocked", "lost"]
"""``blocked``: a calibration that it needs could not be made; ``lost``: its worker or the scheduler was lost, or the run was stopped."""

RECORD_FOLDER = "night"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one task.

    Attributes
    ----------
    name, verb, arm, night : str
        Of the set.
    status : str
        See `Status`.
    cause : str
        One sentence why it failed or was blocked.
    fingerprint : str
        Of inputs, settings and program.
    counts : str
        Fingerprint without the response: while it is the same, another response needs no new reduction.
    raw : tuple of str
        Names of the exposures.
    inputs : mapping of str to str
        Paths of the calibrations that were used, by category.
    made : mapping of str to str
        Calibrations that it made, by category.
    final, report : str
        The final product, and its report.
    files : tuple of (str, int)
        Every file made, relative to the folder of products, and its size.
    metrics : tuple of mappings
        Name, value, unit, order, low, high, flag.
    warnings : tuple of str
        For the user.
    seconds : float
        Wall time of the recipe.
    made_at : str
        UTC.
    level : str
        ``good``, ``check`` or ``fail``, as the report says; empty if it has no report.
    worries : tuple of str
        What the report finds worth a look, gravest first.
    curve : mapping
        The spectrum or response in a few points (`curves`).
    checksums : tuple of (str, int, int, str)
        Path, size, time and MD5 of the inputs, for the index.
    trace : str
        Where an unexpected error arose.
    """

    name: str
    verb: str
    arm: str = ""
    night: str = ""
    status: Status = "done"
    cause: str = ""
    fingerprint: str = ""
    counts: str = ""
    raw: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    final: str = ""
    report: str = ""
    files: tuple[tuple[str, int], ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    made_at: str = ""
    level: str = ""
    worries: tuple[str, ...] = ()
    curve: Mapping[str, Any] = field(default_factory=dict)
    checksums: tuple[tuple[str, int, int, str], ...] = ()
    trace: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether its products are there."""
        return self.status in ("done", "unchanged")

    @property
    def out_of_range(self) -> tuple[str, ...]:
        """Names of metrics that are out of their range."""
        return tuple(dict.fromkeys(str(metric["name"]) for metric in self.metrics if metric.get("flag") == "fail"))

    def metric(self, name: str) -> float | None:
        """Value of a metric of the whole frame; None if it was not measured."""
        found = next((m["value"] for m in self.metrics if m["name"] == name and m.get("order") == "-1"), None)
        return None if found is None else float(found)


def fingerprint(verb: str, inputs: Iterable[tuple[str, str, str]], settings: str) -> str:
    """Digest of everything that a product depends on.

    Parameters
    ----------
    verb : str
        The recipe.
    inputs : iterable of (str, str, str)
        Tag, file name and MD5 of each file.
    settings : str
        The settings of the recipe, as text that is equal if they are.
    """
    content = json.dumps([verb, __version__, settings, sorted(inputs)])
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def record_path(output: Path, night: str, name: str) -> Path:
    """Where the record of a task lies."""
    return output / "qc" / safe_name(night) / RECORD_FOLDER / f"{safe_name(name)}.json"


def write_record(output: Path, outcome: Outcome) -> None:
    """Write the record of a task; what is only of use to this run is left out.

    Raises
    ------
    ProductError
        If it cannot be written.
    """
    kept = {name: value for name, value in asdict(outcome).items() if name != "checksums"}
    kept |= {name: _relative(getattr(outcome, name), output) for name in ("final", "report")}
    kept |= {name: {key: _relative(path, output) for key, path in getattr(outcome, name).items()} for name in ("made", "inputs")}
    text = json.dumps({"version": __version__, **kept}, indent=1, ensure_ascii=False)
    write_whole(record_path(output, outcome.night, outcome.name), [text.encode("utf-8")])


def read_record(output: Path, night: str, name: str) -> Outcome | None:
    """The record of a task; None if there is none that can be read."""
    try:
        content = json.loads(record_path(output, night, name).read_text(encoding="utf-8"))
        content.pop("version", None)
        content["files"] = tuple((str(path), int(size)) for path, size in content["files"])
        content |= {name: tuple(content[name]) for name in ("metrics", "warnings", "worries", "raw")}
        content |= {name: _absolute(content[name], output) for name in ("final", "report")}
        content |= {name: {key: _absolute(path, output) for key, path in content[name].items()} for name in ("made", "inputs")}
        return Outcome(**content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _relative(path: str, output: Path) -> str:
    """A path below the folder of products without it, so that the folder can be moved."""
    return path.removeprefix(f"{output}{os.sep}")


def _absolute(path: str, output: Path) -> str:
    return str(output / path) if path else ""


def still_holds(output: Path, record: Outcome | None, wanted: str) -> Outcome | None:
    """The record as an outcome of this run, if its products are there and were made from the same things."""
    if record is None or not record.succeeded or record.fingerprint != wanted or not record.files:
        return None
    for path, size in record.files:
        with suppress(OSError):
            if os.stat(output / path).st_size == size:
                continue
        return None
    return replace(record, status="unchanged")


def files_below(output: Path, paths: Sequence[Path]) -> tuple[tuple[str, int], ...]:
    """Paths relative to the folder of products, with sizes."""
    return tuple((os.path.relpath(path, output), path.stat().st_size) for path in paths)
