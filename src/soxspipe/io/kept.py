"""What a process has read before: calibrations of a night serve many frames, and are read once."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from soxspipe.datamodel.stored_image import StoredImage

Value = TypeVar("Value")

YOUNG_S = 2.0
"""A file changed as lately is read again each time: it may change once more within one tick of the clock of its file system."""
CALIBRATION_BYTES = 400 << 20
"""Of temporary files; enough for both arms of a night: dark, flat and map take 117 MB in NIR, level and rate of the dark 34 MB more."""

OPEN_FILE_BYTES = 4 << 20
"""What a stored image counts for at least, so that no more than a hundred files are open: a process may have a thousand."""


@dataclass(frozen=True, slots=True)
class FileState:
    """Which file, and which state of it, stands at a path: a file that is replaced or written to has another one."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Kept:
    """Values made from files, until the files change; those used longest ago go first once all together are too large.  Safe in threads.

    Parameters
    ----------
    most_bytes : int
        Size of all values together; a larger one is not kept.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, paths: Sequence[Path], how: Hashable, make: Callable[[], Value]) -> Value:
        """The value made from files, of which one that is kept was made from the same state of the same files.

        Parameters
        ----------
        paths : sequence of Path
            All files that it is made from.
        how : hashable
            What else it depends on.
        make : callable
            Makes it; nobody may change what it returns.
        """
        states = _states(paths)
        if states is None:
            return make()
        key = (states, how)
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                known: Value = self._values[key][0]
                return known
        made = make()
        if _states(paths) == states:  # not if a file was replaced meanwhile
            self._keep(key, made)
        return made

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._values.clear()
            self._bytes = 0

    def _keep(self, key: Hashable, value: object) -> None:
        size = size_of(value)
        if size > self._most:
            return
        with self._lock:
            if key in self._values:  # another thread was faster
                return
            self._values[key] = value, size
            self._bytes += size
            while self._bytes > self._most:
                _, (_, freed) = self._values.popitem(last=False)
                self._bytes -= freed


def size_of(value: object) -> int:
    """Bytes of all arrays and stored images in a value made of dataclasses, tuples and arrays, and some for each thing that is none."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes if any(value.strides) else value.itemsize)
    if isinstance(value, StoredImage):
        return max(value.nbytes, OPEN_FILE_BYTES)
    if isinstance(value, tuple | list):
        return sum(size_of(part) for part in value)
    if is_dataclass(value):
        return sum(size_of(getattr(value, field.name)) for field in fields(value))
    return 64


def _states(paths: Sequence[Path]) -> tuple[FileState, ...] | None:
    """States of files; None if one cannot be looked at, or was changed just now."""
    found = []
    for path in paths:
        try:
            seen = os.stat(path)
        except OSError:
            return None
        if time.time() - max(seen.st_mtime, seen.st_ctime) < YOUNG_S:
            return None
        found.append(FileState(os.path.abspath(path), seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))
    return tuple(found)


CALIBRATIONS = Kept(CALIBRATION_BYTES)
"""Masters and dispersion maps, whose images lie in temporary files."""
