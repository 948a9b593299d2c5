"""What the calibration recipes' `gather` share: choosing and reading raw frames, the bad pixels that are known, names of products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from soxspipe.algorithms.calibration.frame_noise import FrameNoise
from soxspipe.algorithms.calibration.unread_parts import constant_share
from soxspipe.datamodel.arrays import FlagArray
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration
from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.classify import ClassifiedFile, Kind
from soxspipe.io.headers import header_cards, read_observation, text_of
from soxspipe.io.raw_rows import HELD_IN_MEMORY, Spool, detector_of, read_raw_calibration
from soxspipe.io.sof import InputFrames
from soxspipe.io.static import read_bad_pixels
from soxspipe.reductions.find_files import FoundFiles, base_name, find_files, night_of, start_checksums
from soxspipe.reductions.gathered import Gathered, In
from soxspipe.reductions.names import first_and_more
from soxspipe.reductions.select import Selected
from soxspipe.reductions.spec import RecipeSpec
from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.load import SettingsSource, load_settings

Inputs = TypeVar("Inputs", bound="HasRaw")
Chosen = TypeVar("Chosen", bound=ReductionSettings)

RAW_CALIBRATIONS = (
    Kind.RAW_BIAS, Kind.RAW_DARK, Kind.SLIT_FLAT, Kind.FLAT_LAMP_OFF, Kind.PINHOLE_FLAT, Kind.PINHOLE_ARC, Kind.MULTI_PINHOLE_ARC, Kind.SLIT_ARC,
    Kind.ARC_LAMP_OFF,
)  # fmt: skip

MOST_UNREAD = 0.01
"""Half of a channel of the infrared detector; sound frames have no such block."""
DRIFT_TO_SAY = 0.25
"""Of the read noise: a level that moves less within a frame is less than the error of a master of sixteen frames."""


class HasRaw(Protocol):
    """Inputs of a calibration recipe."""

    @property
    def raw(self) -> tuple[RawCalibration, ...]: ...
    @property
    def observation(self) -> Observation: ...
    @property
    def detector(self) -> Detector: ...
    @property
    def arm(self) -> Arm: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameSet:
    """Raw frames of one kind, and what is known of the detector.

    Attributes
    ----------
    raw : tuple of RawCalibration
        In order of time.
    observation : Observation
        Of the first.
    detector : Detector
        As used.
    arm : Arm
        Facts.
    bad_pixels : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits that are known before.
    """

    raw: tuple[RawCalibration, ...]
    observation: Observation
    detector: Detector
    arm: Arm
    bad_pixels: FlagArray


def gather_frames(
    spec: RecipeSpec[Any],
    model: type[Chosen],
    inputs: InputFrames,
    settings_source: SettingsSource,
    read: Callable[[Selected, Chosen], Inputs],
    *,
    what: str,
    command: str,
    workers: int,
) -> Gathered[Inputs, Chosen]:
    """Find, check and read the files of a calibration recipe.

    Parameters
    ----------
    spec : RecipeSpec
        Its tables.
    model : type
        Class of its settings.
    inputs, settings_source, command, workers
        As the engine gives them.
    read : callable
        Chosen files and settings to the recipe's inputs.
    what : str
        Kind of set, in the names of products of which there is no set-of-files.

    Raises
    ------
    InputError
        If the files do not suit the recipe.
    """
    found = find_files(inputs)
    require_no_others(found, spec)
    gathered = gather_set(
        found, spec, model, settings_source, lambda files, chosen, _: read(files, chosen), what=what, command=command, workers=workers
    )
    return replace(gathered, warnings=(*gathered.warnings, *unread_warnings(gathered.inputs.raw)))


def gather_set(
    found: FoundFiles,
    spec: RecipeSpec[Any],
    model: type[Chosen],
    settings_source: SettingsSource,
    read: Callable[[Selected, Chosen, ThreadPoolExecutor], In],
    *,
    what: str,
    command: str,
    workers: int,
    named_by_target: bool = True,
) -> Gathered[In, Chosen]:
    """Choose and read the files of a calibration recipe among those that were found.

    Parameters
    ----------
    found : FoundFiles
        What the user gave.
    spec, model, settings_source, what, command, workers
        As in `gather_frames`.
    read : callable
        Chosen files, settings and threads for reading to the recipe's inputs.
    named_by_target : bool
        Whether OBJECT is part of the products' names where there is no set-of-files.

    Raises
    ------
    InputError
        If the files do not suit the recipe.
    """
    files = found.select(spec.inputs, spec.verb)
    first = files.exposures[0]
    loaded = load_settings(settings_source, instrument=first.instrument.name, recipe=spec.recipe_names[0], arm=first.arm, model=model)
    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="gather")
    try:
        checksums = start_checksums(files.calibrations, pool)
        values = read(files, loaded.settings, pool)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=False)
    seen = values.observation if named_by_target else replace(values.observation, target="")
    sof_name = base_name(found, first, seen, what)
    return Gathered(
        inputs=values,
        settings=loaded.settings,
        recipe=spec.recipe_names[0],
        warnings=(*files.warnings, *loaded.warnings),
        notes=(*(f"setting {name!r} has no use here" for name in loaded.unused), *found.unused_notes(spec.inputs)),
        sof_name=sof_name,
        night=night_of(sof_name, values.observation),
        header=header_cards(first.header),
        files=files,
        checksums=checksums,
        command=command,
    )


def unread_warnings(raw: Sequence[RawCalibration]) -> tuple[str, ...]:
    """A sentence where frames hold one number in a part of the detector."""
    shares = {frame.name: constant_share(frame) for frame in raw}
    unread = [name for name, share in shares.items() if share > MOST_UNREAD]
    if not unread:
        return ()
    return (
        f"{first_and_more(unread)}: {max(shares.values()):.0%} of the detector holds no noise, pixel after pixel the same number: an amplifier is dead, or the "
        "frame is not complete",
    )


def require_no_others(found: FoundFiles, spec: RecipeSpec[Any]) -> None:
    """Raise if the set holds raw calibration frames that the recipe does not take: a set of mixed kinds is a mistake.

    Raises
    ------
    InputError
        Naming the first such frame.
    MissingInputError
        If the set holds none that it takes.
    """
    taken = {kind for row in spec.inputs for kind in row.kinds}
    others = [file for file in found.classified if file.kind in RAW_CALIBRATIONS and file.kind not in taken]
    wanted = spec.inputs[0].kinds[0]
    if others and any(file.kind in taken and file.kind in RAW_CALIBRATIONS for file in found.classified):
        raise InputError(
            f"{others[0].path}: {spec_type(others[0])} is {others[0].kind.with_article}; a set of {wanted.plural} alone is needed by {spec.verb}"
        )
    if others:
        raise MissingInputError(
            f"no {wanted.value} in the set: {others[0].path.name} is {others[0].kind.with_article} ({spec_type(others[0])})"
        )


def spec_type(file: ClassifiedFile) -> str:
    """Keyword and value that say what a raw frame is."""
    keyword = file.instrument.keywords.dpr_type
    return f"{keyword} {text_of(file.header, keyword)!r}"


def read_frames(files: Sequence[ClassifiedFile]) -> tuple[RawCalibration, ...]:
    """Read raw frames; the first few stay in memory."""
    spool = Spool() if len(files) > HELD_IN_MEMORY else None
    return tuple(read_raw_calibration(file, spool if place >= HELD_IN_MEMORY else None) for place, file in enumerate(files))


def read_frame_set(files: Selected) -> FrameSet:
    """The exposures of a set, and the bad pixels that are known."""
    first = files.exposures[0]
    used = detector_of(first)
    return FrameSet(
        raw=read_frames(files.exposures),
        observation=read_observation(first.header, first.instrument, first.facts, str(first.path)),
        detector=used,
        arm=first.facts.arm,
        bad_pixels=static_bad_pixels(first, used),
    )


def static_bad_pixels(first: ClassifiedFile, used: Detector) -> FlagArray:
    """The map that comes with the instrument, as reasons; none where there is no map of this binning or it has another shape."""
    known = read_bad_pixels(first.instrument.name, first.arm, used.binning)
    if known is None or known.shape != used.shape:
        return np.zeros(used.shape, np.uint8)
    return np.asarray(known * np.uint8(BadPixel.STATIC))


def require_one_time(files: Sequence[ClassifiedFile], what: str) -> None:
    """Raise if frames differ in exposure time by more than a millisecond.

    Raises
    ------
    InputError
        Naming the first that differs.
    """
    times = [read_observation(file.header, file.instrument, file.facts, str(file.path)).exptime_s for file in files]
    for file, seconds in zip(files, times, strict=True):
        if abs(seconds - times[0]) > 1e-3:
            raise InputError(
                f"{file.path}: EXPTIME is {seconds:g} s, {times[0]:g} s as in {files[0].path.name} is needed; {what} must share one exposure time"
            )


def frame_warnings(measured: Sequence[FrameNoise]) -> tuple[str, ...]:
    """One sentence for every frame that was left out because it disagrees with the others, and one for sets whose level moves within frames."""
    said = [f"{reason}; it is left out" for noise in measured for _, reason in noise.rejected]
    for noise in measured:
        drift = noise.drift_within_e
        if drift > DRIFT_TO_SAY * noise.noise_e:
            said.append(
                f"the level moves by up to {drift:.1f} electrons while a frame is read out; frames are brought to their mean, which may be off "
                f"by {drift / np.sqrt(len(noise.kept)):.1f} electrons along the rows"
            )
    return tuple(said)
