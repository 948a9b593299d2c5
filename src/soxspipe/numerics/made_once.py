"""Values that are asked for again and again: made once of an object that lives long, as the geometry of a night does, and gone with it; or once
of numbers that come again, as those of a night's standards do."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from numpy.typing import NDArray

from soxspipe.datamodel.arrays import read_only

Source = TypeVar("Source")
Made = TypeVar("Made")

REMEMBERED = 1
"""What is made of the geometry of one arm takes 30 MB; a night reduces the stars of one arm after those of the other."""
REMEMBERED_ORDERS = 64
"""Orders of both arms of a night, some 20, and as many again that follow the slit of a frame; what is made of an order takes 50 kB."""

REMEMBERED_NUMBERS = 4
"""Two standards of each of two arms, of which either may be the nearest to a target; what is made of them takes half a megabyte."""


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


def once_for_equal(make: Callable[..., NDArray[Any]]) -> Callable[..., NDArray[Any]]:
    """Let a function remember what it made of the last `REMEMBERED_NUMBERS` sets of numbers, as a digest of their bits tells them.  Safe in threads.

    Parameters
    ----------
    make : callable
        Takes arrays; what it returns can no longer be changed.
    """
    known: OrderedDict[bytes, NDArray[Any]] = OrderedDict()
    lock = threading.Lock()

    @wraps(make)
    def remembered(*arrays: NDArray[Any]) -> NDArray[Any]:
        key = _digest(arrays)
        with lock:
            if key in known:
                known.move_to_end(key)
                return known[key]
        made = read_only(make(*arrays))
        with lock:
            known[key] = made
            while len(known) > REMEMBERED_NUMBERS:
                known.popitem(last=False)
        return made

    return remembered


def _digest(arrays: tuple[NDArray[Any], ...]) -> bytes:
    """Of types, shapes and bits."""
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.digest()
