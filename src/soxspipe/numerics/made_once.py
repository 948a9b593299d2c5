"""Values that are made of one object that lives long, as the geometry of a night does: made once, and gone with the object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Source = TypeVar("Source")
Made = TypeVar("Made")

REMEMBERED = 1
"""What is made of the geometry of one arm takes 30 MB; a night reduces the stars of one arm after those of the other."""
REMEMBERED_ORDERS = 64
"""Orders of both arms of a night, some 20, and as many again that follow the slit of a frame; what is made of an order takes 50 kB."""


def once_for_each(make: Callable[[Source], Made]) -> Callable[[Source], Made]:
    """Let a function remember what it made of the last `REMEMBERED` objects, as long as these live.  Safe in threads.

    Parameters
    ----------
    make : callable
        Takes one object that never changes, is compared by identity and can be referred to weakly; nobody may change what it returns.
    """
    return _remembering(make, REMEMBERED)


def once_for_each_order(make: Callable[[Source], Made]) -> Callable[[Source], Made]:
    """As `once_for_each`, for a function of one order: there are more of these."""
    return _remembering(make, REMEMBERED_ORDERS)


def _remembering(make: Callable[[Source], Made], most: int) -> Callable[[Source], Made]:
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
            while len(known) > most:
                del known[next(iter(known))]
            return made

    return remembered
