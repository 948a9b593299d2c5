"""Work in a second process: same results, same errors, nothing left behind."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from soxspipe.errors import NoOrderLeftError
from soxspipe.recipes.stare.forked import Child, can_fork, forked_map

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


@dataclass(frozen=True, slots=True)
class Pair:
    left: np.ndarray
    name: str


def test_the_map_is_that_of_one_process_and_two_share_it():
    values = [np.arange(n, dtype=np.float64) for n in range(1, 6)]
    results = list(forked_map(lambda value, power: (value**power, os.getpid()), values, [2, 3, 2, 3, 2]))
    for (made, _), value, power in zip(results, values, [2, 3, 2, 3, 2], strict=True):
        np.testing.assert_array_equal(made, value**power)
    if not can_fork():
        pytest.skip("another thread of this process is running, so nothing is forked")
    pids = [pid for _, pid in results]
    assert pids[::2] == [os.getpid()] * 3
    assert len(set(pids[1::2])) == 1
    assert os.getpid() not in pids[1::2]


def test_what_went_in_is_not_copied_back():
    pair = Pair(np.ones(1000), "a")
    first, second = forked_map(lambda given: (given, given.left, given.left[1:] * 2, given.name), [pair, pair])
    for record, array, doubled, name in (first, second):
        assert record is pair
        assert array is pair.left
        assert doubled.shape == (999,)
        assert (doubled == 2).all()
        assert doubled.flags.writeable
        assert name == "a"


def test_an_error_in_the_second_process_is_raised_here_with_its_type():
    def work(number: int) -> int:
        if number == 1:
            raise NoOrderLeftError("the test", {1: "because"})
        return number

    with pytest.raises(NoOrderLeftError, match="because"):
        list(forked_map(work, [0, 1, 2, 3]))
    assert_no_children()


def test_an_error_here_ends_the_second_process():
    def work(number: int) -> int:
        if number == 0:
            raise ValueError("first item")
        threading.Event().wait(60.0)
        return number

    with pytest.raises(ValueError, match="first item"):
        list(forked_map(work, [0, 1]))
    assert_no_children()


def test_work_of_a_process_that_dies_is_done_here():
    parent = os.getpid()

    def work(number: int) -> int:
        if os.getpid() != parent:
            os._exit(9)
        return 10 * number

    assert list(forked_map(work, range(4))) == [0, 10, 20, 30]
    assert Child(lambda: os._exit(9)).take() is None
    assert_no_children()


def test_a_process_of_several_threads_is_not_forked():
    wait = threading.Event()
    other = threading.Thread(target=wait.wait)
    other.start()
    try:
        assert not can_fork()
        assert list(forked_map(lambda number: os.getpid(), [1, 2])) == [os.getpid()] * 2
    finally:
        wait.set()
        other.join()
    assert can_fork()


def assert_no_children() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
