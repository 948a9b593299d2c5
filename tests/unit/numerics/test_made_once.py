"""What is made of an object is made once, and goes with it."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

from soxspipe.numerics.made_once import REMEMBERED_ORDERS, once_for_each, once_for_each_order


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


def test_what_is_made_of_the_geometry_of_one_arm_goes_when_the_other_arm_comes() -> None:
    make = once_for_each(lambda _source: Made())
    one, other = Source(), Source()
    made = weakref.ref(make(one))
    make(other)
    assert made() is None


def test_what_was_used_longest_ago_is_made_again() -> None:
    calls: list[Source] = []

    @once_for_each_order
    def make(source: Source) -> Made:
        calls.append(source)
        return Made()

    sources = [Source() for _ in range(REMEMBERED_ORDERS + 1)]
    for source in (*sources[:-1], sources[0], sources[-1], sources[0]):
        make(source)
    assert calls == sources
    make(sources[1])
    assert calls == [*sources, sources[1]]


def test_all_orders_of_a_frame_are_remembered() -> None:
    calls: list[Source] = []

    @once_for_each_order
    def make(source: Source) -> Made:
        calls.append(source)
        return Made()

    orders = [Source() for _ in range(15)]
    for _ in range(2):  # frames of a night, each of which asks for its orders in turn
        for order in orders:
            make(order)
    assert calls == orders
