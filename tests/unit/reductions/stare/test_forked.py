"""A function at work in a second process: its result, its end, nothing left behind."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest

from soxspipe.reductions.stare.forked import Child, can_fork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")


def test_a_child_makes_what_it_is_told() -> None:
    made = Child(lambda: (os.getpid(), np.arange(5.0), "text")).take()
    assert made is not None
    assert made[0] != os.getpid()
    np.testing.assert_array_equal(made[1], np.arange(5.0))
    assert made[2] == "text"
    assert_no_children()


def test_a_child_that_dies_or_fails_makes_nothing() -> None:
    def fail() -> int:
        raise ValueError("no")

    assert Child(lambda: os._exit(9)).take() is None
    assert Child(fail).take() is None
    assert_no_children()


def test_a_child_that_is_stopped_is_gone() -> None:
    child = Child(lambda: threading.Event().wait(60.0))
    child.stop()
    assert_no_children()
    child.stop()


def test_a_process_of_several_threads_is_not_forked() -> None:
    wait = threading.Event()
    other = threading.Thread(target=wait.wait)
    other.start()
    try:
        assert not can_fork()
    finally:
        wait.set()
        other.join()


def assert_no_children() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
