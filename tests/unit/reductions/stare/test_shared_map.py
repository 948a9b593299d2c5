"""A map that a second process shares: same results, same errors, nothing copied that both know, nothing left behind."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from soxspipe.errors import NoOrderLeftError
from soxspipe.reductions.stare.shared_map import SharedMap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
HERE = os.getpid()


@dataclass(frozen=True, slots=True)
class Pair:
    left: np.ndarray
    name: str

    def named(self, number: int) -> str:
        return f"{self.name}{number}"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedMap]:
    """A map at work beside the threads that tests may run under, which wait."""
    monkeypatch.setattr("soxspipe.reductions.stare.shared_map.can_fork", lambda: True)
    with SharedMap() as each:
        yield each
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def power(value: np.ndarray, exponent: int) -> tuple[np.ndarray, int]:
    return value**exponent, os.getpid()


def doubled(pair: Pair) -> Pair:
    return replace(pair, left=2.0 * pair.left)


def itself_and_its_array(pair: Pair) -> tuple[Pair, np.ndarray]:
    return pair, pair.left


KEPT: list[Pair] = []


def keep(pair: Pair) -> Pair:
    made = doubled(pair)
    KEPT.append(made)
    return made


def is_kept(pair: Pair) -> bool:
    return any(pair is kept for kept in KEPT)


def fails_at_one(number: int) -> int:
    if number == 1:
        raise NoOrderLeftError("the test", {1: "because"})
    return number


def fails_at_zero(number: int) -> int:
    if number == 0:
        raise ValueError("first item")
    threading.Event().wait(60.0)
    return number


def dies_elsewhere(number: int) -> int:
    if os.getpid() != HERE:
        os._exit(9)
    return 10 * number


def test_results_are_those_of_map_and_two_processes_share_the_work(shared: SharedMap) -> None:
    values = [np.arange(n, dtype=np.float64) for n in range(1, 6)]
    for exponents in ([2, 3, 2, 3, 2], [1, 1, 4, 4, 4]):  # the second process stays
        results = shared(power, values, exponents)
        for (made, _), value, exponent in zip(results, values, exponents, strict=True):
            np.testing.assert_array_equal(made, value**exponent)
        numbers = [number for _, number in results]
        assert numbers[::2] == [HERE] * 3
        assert len(set(numbers[1::2])) == 1
        assert HERE not in numbers[1::2]


def test_what_both_know_is_the_same_object_again(shared: SharedMap) -> None:
    pairs = [Pair(np.ones(1000), "a"), Pair(np.ones(1000), "b")]
    for pair, array in shared(itself_and_its_array, pairs):
        assert any(pair is known and array is known.left for known in pairs)


def test_the_second_process_remembers_what_it_made(shared: SharedMap) -> None:
    made = shared(keep, [Pair(np.ones(1000), "a"), Pair(np.ones(1000), "b")])
    np.testing.assert_array_equal(made[1].left, 2.0)
    assert made[1].left.flags.writeable
    assert shared(is_kept, made) == [True, True]
    KEPT.clear()


def test_methods_and_partial_functions_take_what_they_are_bound_to(shared: SharedMap) -> None:
    pair = Pair(np.ones(3), "pair ")
    assert shared(pair.named, [1, 2]) == ["pair 1", "pair 2"]
    assert shared(partial(pair.named), [1, 2, 3]) == ["pair 1", "pair 2", "pair 3"]
    assert shared(partial(power, exponent=3), [np.array([2.0])] * 2)[1][0][0] == 8.0


def test_what_cannot_be_pickled_is_done_here(shared: SharedMap) -> None:
    assert shared(lambda number: (number, os.getpid()), [1, 2]) == [(1, HERE), (2, HERE)]
    assert shared(power, [np.array([2.0])] * 2, [1, 2])[1][1] != HERE


def test_an_error_in_the_second_process_is_raised_here_with_its_type(shared: SharedMap) -> None:
    with pytest.raises(NoOrderLeftError, match="because"):
        shared(fails_at_one, [0, 1, 2, 3])
    assert shared(fails_at_one, [2, 3]) == [2, 3]


def test_an_error_here_ends_the_second_process(shared: SharedMap) -> None:
    with pytest.raises(ValueError, match="first item"):
        shared(fails_at_zero, [0, 1])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert [number for _, number in shared(power, [np.array([2.0])] * 2, [2, 2])] == [HERE] * 2


def test_work_of_a_process_that_dies_is_done_here(shared: SharedMap) -> None:
    for _ in range(2):
        assert shared(dies_elsewhere, range(4)) == [0, 10, 20, 30]


def test_few_items_and_other_threads_keep_all_work_here() -> None:
    with SharedMap() as each:
        assert each(power, [np.array([2.0])], [2])[0][1] == HERE
        wait = threading.Event()
        other = threading.Thread(target=wait.wait)
        other.start()
        try:
            assert [number for _, number in each(power, [np.array([2.0])] * 2, [2, 2])] == [HERE] * 2
        finally:
            wait.set()
            other.join()
    assert [number for _, number in each(power, [np.array([2.0])] * 2, [2, 2])] == [HERE] * 2


def test_where_no_process_is_to_be_had_all_work_is_done_here(shared: SharedMap, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refused)
    files = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        assert [number for _, number in shared(power, [np.array([2.0])] * 2, [2, 2])] == [HERE] * 2
    assert len(os.listdir("/proc/self/fd")) == files
