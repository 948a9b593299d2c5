"""Values that wait in a temporary file until they are needed, so that what is made one after the other takes no more memory than one of them."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def set_aside(value: Value) -> Callable[[], Value]:
    """Put a value into a temporary file of this process alone; it stays in memory where there is no room for a file.

    Parameters
    ----------
    value : any
        Whose copy is as good as itself: arrays come back as arrays of their own, which may be changed.

    Returns
    -------
    callable
        Gives the value back, once.  The file, which has no name, vanishes then, or with the callable.
    """
    try:
        file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115  # closed when the value is back
    except OSError:
        return lambda: value
    try:
        pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
        file.flush()
    except OSError:
        file.close()
        return lambda: value

    def back() -> Value:
        with file:
            file.seek(0)
            found: Value = pickle.load(file)
        return found

    return back
