"""Values that are made of one object that lives long, as the geometry of a night does: made once, and gone with the object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Source = TypeVar("Source")
Made = TypeVar("Made")


def once_for_each(make: Callable[[Source], Made]) -> Callable[[Source], Made]:
    """Let a function remember what it made of each object, as long as the object lives.  Safe in threads.

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
                return known[source]
        made = make(source)
        with lock:
            return known.setdefault(source, made)

    return remembered
