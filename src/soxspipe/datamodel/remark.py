"""What is said of a reduction and is no fault of it."""

from __future__ import annotations


class Remark(str):
    """A sentence among the warnings that is said for information: nothing is wrong, and the verdict does not count it."""

    __slots__ = ()
