"""The last step of a night: telluric absorption out of every target, and the arms of each in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from soxspipe.errors import SoxspipeError
from soxspipe.io.spectra import SpectrumFile, read_fluxed
from soxspipe.reductions.convert import convert_spectrum, moved_path
from soxspipe.reductions.finish import corrected_path, join_files, joined_path, require_one_target, slit_of, take_out_telluric
from soxspipe.reductions.finished import Finished
from soxspipe.reductions.names import first_and_more

MOST_STANDARDS = 4
"""Each costs a fit; more than the nearest in time, of the target's slit first, say nothing new of its air."""
NO_MOVES: Mapping[Path, tuple[str, str]] = MappingProxyType({})
LONGEST_APART_D = 0.25
"""The arms of one observation begin within minutes; a target of both halves of a night is joined by halves."""


class FileRemark(NamedTuple):
    """A sentence, and the file that it is about; none where the sentence names it."""

    sentence: str
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedNight:
    """Files that were made, what a person should know of them, and the spectra of both arms of each target, bluer first."""

    made: tuple[Path, ...] = ()
    said: tuple[FileRemark, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """One line for all files about which the same is to be said: standards through another slit are so for every target."""
        files: dict[str, list[str]] = {}
        for remark in dict.fromkeys(self.said):
            files.setdefault(remark.sentence, []).append(remark.file)
        return tuple(_line(sentence, names) for sentence, names in files.items())

    def joined_with(self, other: FinishedNight) -> FinishedNight:
        """Both in one."""
        return FinishedNight(made=(*self.made, *other.made), said=(*self.said, *other.said), pairs=(*self.pairs, *other.pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishingStep:
    """One file that a night ends with, as it travels to a worker: what it is made from and how, and the frame and medium of a second one."""

    path: Path
    sources: tuple[Path, ...]
    make: Callable[[], Finished]
    move: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishingResult:
    """The files of a step that are there now, the step's own first, and what is to be said about them."""

    sources: tuple[Path, ...]
    made: tuple[Path, ...]
    remarks: tuple[FileRemark, ...]


Each = Callable[[Callable[[FinishingStep], FinishingResult], Sequence[FinishingStep]], Iterable[FinishingResult]]
"""Applies a function to each step and keeps their order, as `map` does; perhaps on several processors."""


def finish_night(
    targets: Sequence[Path], standards: Sequence[Path], moves: Mapping[Path, tuple[str, str]] = NO_MOVES, each: Each = map
) -> FinishedNight:
    """Correct and join what can be; one spectrum that cannot does not hold up the others.

    Parameters
    ----------
    targets, standards : sequence of Path
        FLUXCAL spectra of science targets, and of flux and telluric standards, of all arms.
    moves : mapping of Path to (str, str)
        Frame of reference and medium in which what is made from a target is written once more; for a joined spectrum that of the bluer arm.
    each : callable
        Runs the steps: first all corrections, then all joined spectra, each of which stands alone.

    Returns
    -------
    FinishedNight
        Files that are newer than what they are made from are left alone and count as made.
    """
    remarks: list[FileRemark] = []
    stars, seen = _readable(standards, remarks), _readable(targets, remarks)
    corrected = list(each(make_step, [step for file in seen for step in _correction(file, stars, moves)]))
    best = {file.path: file.path for file in seen} | {result.sources[0]: result.made[0] for result in corrected if result.made}
    pairs = tuple((blue.path, red.path) for blue, red in pairs_of_arms(seen))
    joined = list(each(make_step, [_junction((best[blue], best[red]), moves.get(blue)) for blue, red in pairs]))
    results = [*corrected, *joined]
    remarks += [remark for result in results for remark in result.remarks]
    return FinishedNight(made=tuple(path for result in results for path in result.made), said=tuple(remarks), pairs=pairs)


def _correction(file: SpectrumFile, stars: Sequence[SpectrumFile], moves: Mapping[Path, tuple[str, str]]) -> Iterator[FinishingStep]:
    """How a spectrum loses its telluric absorption; nothing without a standard."""
    near = nearest_standards(file, stars)
    if near:
        make = partial(take_out_telluric, file.path, near)
        yield FinishingStep(path=corrected_path(file.path), sources=(file.path, *near), make=make, move=moves.get(file.path))


def _junction(both: tuple[Path, Path], move: tuple[str, str] | None) -> FinishingStep:
    """How two arms become one spectrum."""
    return FinishingStep(path=joined_path(both[0]), sources=both, make=partial(join_files, *both), move=move)


def _line(sentence: str, names: Sequence[str]) -> str:
    return f"{first_and_more(names)}: {sentence}" if names[0] else sentence


def _readable(paths: Sequence[Path], remarks: list[FileRemark]) -> list[SpectrumFile]:
    """The spectra that can be read; a remark for each that cannot."""
    found = []
    for path in paths:
        try:
            found.append(read_fluxed(path))
        except SoxspipeError as error:
            remarks.append(FileRemark(str(error)))
    return found


def nearest_standards(target: SpectrumFile, stars: Sequence[SpectrumFile]) -> list[Path]:
    """Standards of the target's arm with an air mass: those of its slit first, then by time."""
    same = [star for star in stars if star.arm == target.arm and star.airmass is not None and star.path != target.path]
    own = slit_of(target)
    return [star.path for star in sorted(same, key=lambda star: (slit_of(star) != own, _apart_d(target, star)))][:MOST_STANDARDS]


def pairs_of_arms(seen: Sequence[SpectrumFile]) -> Iterator[tuple[SpectrumFile, SpectrumFile]]:
    """Every spectrum with the next redder arm of the same target that is nearest in time."""
    for blue in seen:
        redder = [
            red
            for red in seen
            if red.arm != blue.arm
            and red.spectrum.wavelength_nm[0] > blue.spectrum.wavelength_nm[0]
            and _apart_d(blue, red) < LONGEST_APART_D
            and _one_target(blue, red)
        ]
        if redder:
            next_arm = min(redder, key=lambda red: red.spectrum.wavelength_nm[0]).arm
            yield blue, min((red for red in redder if red.arm == next_arm), key=lambda red: _apart_d(blue, red))


def _apart_d(first: SpectrumFile, second: SpectrumFile) -> float:
    """Days between two spectra; 0 where a date is missing."""
    return 0.0 if first.mjd is None or second.mjd is None else abs(first.mjd - second.mjd)


def _one_target(first: SpectrumFile, second: SpectrumFile) -> bool:
    try:
        require_one_target(first, second)
    except SoxspipeError:
        return False
    return True


def make_step(step: FinishingStep) -> FinishingResult:
    """Make a file unless it is newer than its sources, and the same in another frame or medium where that is asked for."""
    remarks: list[FileRemark] = []
    made = [step.path] if _made(step.path, step.sources, step.make, remarks) else []
    if made and step.move is not None:
        moved = moved_path(step.path, *step.move)
        made += [moved] if _made(moved, made, partial(convert_spectrum, step.path, *step.move), remarks) else []
    return FinishingResult(sources=step.sources, made=tuple(made), remarks=tuple(remarks))


def _made(path: Path, sources: Sequence[Path], make: Callable[[], Finished], remarks: list[FileRemark]) -> bool:
    """Make a file unless it is newer than its sources; whether it is there."""
    if not path.exists() or path.stat().st_mtime_ns < max(source.stat().st_mtime_ns for source in sources):
        try:
            remarks += [FileRemark(warning, path.name) for warning in make().warnings]
        except SoxspipeError as error:
            remarks.append(FileRemark(str(error)))
            return False
        except Exception as error:  # a fault of the program ends one spectrum, not the night
            remarks.append(FileRemark(f"unexpected {type(error).__name__}: {error}", path.name))
            return False
    return True
