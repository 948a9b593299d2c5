"""What the user named as input: a set-of-files, a folder or a list → paths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.packed import FITS_SUFFIX
from soxspipe.regular_files import open_regular

InputFrames: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

MAX_SOF_BYTES = 1 << 20
"""Enough for `MAX_FILES` lines; a larger file is not a set-of-files."""
MAX_LINE = 4096
"""The longest path that Linux takes."""
MAX_FILES = 2000
"""More than any recipe takes; guards against a folder of years given by mistake."""
_PATH_IN_LINE = re.compile(r"(.*?\.fits(?:\.gz|\.z|\.fz)?)(?=\s|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedInputs:
    """Files to look at; the name of the set-of-files without ``.sof`` (empty for a folder or list), and the tags that it gives them."""

    paths: tuple[Path, ...]
    sof_name: str = ""
    tags: Mapping[Path, str] = field(default_factory=dict)


def resolve_inputs(inputs: InputFrames) -> ResolvedInputs:
    """Turn what the user named into paths of existing files.

    Parameters
    ----------
    inputs : str, path, or iterable of them
        A set-of-files, a folder, or FITS files.

    Returns
    -------
    ResolvedInputs
        Without duplicates, in the order given (by name for a folder).

    Raises
    ------
    MissingInputError
        If a file is not there, or nothing is listed.
    InputError
        If `inputs` has another type, or the set-of-files is not readable text.
    """
    if isinstance(inputs, str | os.PathLike):
        path = _path(inputs)
        if path.is_dir():
            return ResolvedInputs(paths=_in_folder(path))
        if FITS_SUFFIX.search(path.name):
            return ResolvedInputs(paths=_existing([path]))
        tags = _in_sof(path)
        return ResolvedInputs(
            paths=_existing(list(tags)), sof_name=path.name[:-4] if path.suffix.lower() == ".sof" else path.name, tags=tags
        )
    if isinstance(inputs, Iterable) and not isinstance(inputs, bytes | dict):
        entries = list(inputs)
        if not all(isinstance(entry, str | os.PathLike) for entry in entries):
            raise InputError("the list of input frames holds something that is not a path")
        paths = [_path(entry) for entry in entries]
        frames = [path for path in paths if FITS_SUFFIX.search(path.name)]
        if paths and not frames:
            raise MissingInputError(
                f"none of the {len(paths)} inputs is a FITS file; a set-of-files or a folder is given alone, one at a time"
            )
        return ResolvedInputs(paths=_existing(frames))
    raise InputError(f"input frames are given as a set-of-files, a folder or a list of paths, not as {type(inputs).__name__}")


def _path(entry: str | os.PathLike[str]) -> Path:
    text = os.fspath(entry)
    if not isinstance(text, str) or not text.strip():
        raise InputError("an empty path was given as input")
    if "\0" in text or len(text) > MAX_LINE:
        raise InputError(f"{text[:60]!r}... is not a path")
    return _expanded(text)


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
    frames = [folder / name for name in names if FITS_SUFFIX.search(name)]
    if not frames:
        raise MissingInputError(f"{folder}: holds no FITS file")
    return _existing(frames)


def _in_sof(sof: Path) -> dict[Path, str]:
    """The files listed, and the word after each."""
    frames: dict[Path, str] = {}
    for number, line in enumerate(_sof_text(sof).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) > MAX_LINE or "\0" in line:
            raise InputError(f"{sof}: line {number} is not a path and a tag")
        match = _PATH_IN_LINE.match(line.strip())
        if match:
            frames.setdefault(_beside(sof, match.group(1), number), _tag_of(line.strip()[match.end() :]))
    if not frames:
        raise MissingInputError(
            f"{sof}: lists no FITS file; every line is a file ending in .fits, .fits.gz, .fits.Z or .fits.fz, and a tag"
        )
    return frames


def _tag_of(rest: str) -> str:
    """The word after a path; empty where there is none, or a comment."""
    word = next(iter(rest.split()), "")
    return "" if word.startswith("#") else word


def _sof_text(sof: Path) -> str:
    if not _is_there(sof):
        raise MissingInputError(f"{sof}: does not exist")
    if not sof.is_file():
        raise InputError(f"{sof}: is not a regular file")
    try:
        with open_regular(sof) as stream:
            content = stream.read(MAX_SOF_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{sof}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"{sof}: cannot be read ({error.strerror or error})") from error
    if len(content) > MAX_SOF_BYTES:
        raise InputError(f"{sof}: is larger than {MAX_SOF_BYTES >> 20} MB, a set-of-files is a short text")
    return text


def _beside(sof: Path, entry: str, number: int) -> Path:
    """The file a line names: as it stands, beside the set-of-files, or in the working directory."""
    path = _expanded(entry)
    candidates = [path] if path.is_absolute() else [sof.parent / path, path]
    for candidate in candidates:
        if _is_there(candidate):
            return candidate
    places = "" if path.is_absolute() else ", neither beside the set-of-files nor in the working directory"
    raise MissingInputError(f"{sof}: line {number} lists {str(entry)!r}, which does not exist{places}{_instead(candidates)}")


def _instead(candidates: list[Path]) -> str:
    """What is there in place of the file: a link to nowhere, or the file packed or unpacked."""
    for candidate in candidates:
        if candidate.is_symlink():
            return f"; it is a link to {os.readlink(candidate)!r}, which leads nowhere"
        match = FITS_SUFFIX.search(candidate.name)
        bare = candidate.name[: match.start(1)] if match and match.group(1) else candidate.name
        for suffix in ("", ".gz", ".Z", ".fz"):
            if bare and _is_there(candidate.with_name(bare + suffix)):
                return f"; {bare + suffix!r} is there, so correct the line"
    return ""


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _existing(frames: list[Path]) -> tuple[Path, ...]:
    """The frames, each once; every one must exist."""
    if not frames:
        raise MissingInputError("no FITS file was given")
    if len(frames) > MAX_FILES:
        raise InputError(f"{len(frames)} files were given, at most {MAX_FILES} are taken")
    unique: dict[str, Path] = {}
    for frame in frames:
        if not _is_there(frame):
            raise MissingInputError(f"{frame}: does not exist")
        unique.setdefault(os.path.realpath(frame), frame)
    return tuple(unique.values())
