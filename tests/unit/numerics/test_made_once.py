"""What is made of an object is made once, and goes with it."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

from soxspipe.numerics.made_once import once_for_each


class Source:
    """Something that lives long."""


class Made:
    """Something made of it."""


def test_a_value_is_made_once_for_each_object() -> None:
    calls: list[Source] = []

    @once_for_each
    def make(source: Source) -> Made:
        calls.append(source)
        return Made()

    one, other = Source(), Source()
    assert make(one) is make(one) is not make(other)
    assert calls == [one, other]


def test_it_goes_with_the_object() -> None:
    make = once_for_each(lambda _source: Made())
    source = Source()
    made = weakref.ref(make(source))
    assert made() is not None
    del source
    gc.collect()
    assert made() is None


def test_threads_get_one_value() -> None:
    make, source = once_for_each(lambda _source: Made()), Source()
    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(lambda _: make(source), range(60)))) == 1
