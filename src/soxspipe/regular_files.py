"""Only regular files are ever read: opening a pipe would wait for a writer, a device has no end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading; a folder, pipe, socket or device is refused without waiting for it.

    Raises
    ------
    OSError
        If `path` is something else than a regular file, or cannot be opened.
    """
    kind = os.stat(path).st_mode  # a socket cannot be opened at all, a device should not be
    if stat.S_ISREG(kind):
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # NONBLOCK: the file may be another by now
        kind = os.fstat(stream.fileno()).st_mode
        if stat.S_ISREG(kind):
            return stream
        stream.close()
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "it is a directory, not a file", os.fspath(path))
    raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
