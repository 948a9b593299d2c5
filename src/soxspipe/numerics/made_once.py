"""Values that are made of one object that lives long, as the geometry of a night does: made once, and gone with the object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Source = TypeVar("Source")
Made = TypeVar("Made")

REMEMBERED = 2
"""Both arms of a night; what is made of a geometry takes 30 MB."""


def once_for_each(make: Callable[[Source], Made]) -> Callable[[Source], Made]:
    """Let a function remember what it made of the last `REMEMBERED` objects, as long as these live.  Safe in threads.

    Parameters
    ----------
    make : callable
        Takes one object that never changes, is compared by identity and can be referred to weakly; nobody may change what it returns.
    """
    known: WeakKeyDictionary[Source, Made] = WeakKeyDictionary()
    lock = threading.Lock()

    @wraps(make)
    def remembered(source: Source) -> Made:
        with lock:
            if source in known:
                known[source] = known.pop(source)  # the last one in the order of use
                return known[source]
        made = make(source)
        with lock:
            made = known.setdefault(source, made)
            while len(known) > REMEMBERED:
                del known[next(iter(known))]
            return made

    return remembered
