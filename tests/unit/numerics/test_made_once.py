"""What is made of an object is made once, and goes with it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.numerics.made_once import REMEMBERED_NUMBERS, REMEMBERED_ORDERS, once_for_each, once_for_each_order, once_for_equal


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


def doubled() -> tuple[Callable[..., FloatArray], list[FloatArray]]:
    """A function that remembers, and what it was asked to make."""
    calls: list[FloatArray] = []

    def make(*arrays: FloatArray) -> FloatArray:
        calls.extend(arrays)
        return 2.0 * arrays[0]

    return once_for_equal(make), calls


def test_equal_numbers_are_told_by_their_bits() -> None:
    make, calls = doubled()
    values = np.arange(6.0)
    made = make(values)
    assert make(values.copy()) is made
    assert make(np.arange(12.0)[::2] / 2.0) is made
    other = values.copy()
    other[5] = np.nextafter(5.0, 6.0)
    for changed in (other, values.reshape(2, 3), values.astype(np.float32), -0.0 * values):
        assert make(changed) is not made
    assert len(calls) == 5
    np.testing.assert_array_equal(made, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])


def test_arrays_do_not_run_into_each_other() -> None:
    make, calls = doubled()
    make(np.array([1.0, 2.0]), np.array([3.0]))
    make(np.array([1.0]), np.array([2.0, 3.0]))
    assert len(calls) == 4


def test_what_was_made_of_numbers_cannot_be_changed() -> None:
    make, _ = doubled()
    with pytest.raises(ValueError, match="read-only"):
        make(np.arange(3.0))[0] = 1.0


def test_numbers_used_longest_ago_are_forgotten() -> None:
    make, calls = doubled()
    for value in (*range(REMEMBERED_NUMBERS), 0, REMEMBERED_NUMBERS, 0, 1):
        make(np.array([float(value)]))
    assert [int(call[0]) for call in calls] == [*range(REMEMBERED_NUMBERS), REMEMBERED_NUMBERS, 1]
