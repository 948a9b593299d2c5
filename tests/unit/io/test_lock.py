"""One run at a time in a folder."""

import threading

import pytest

from soxspipe.errors import ProductError
from soxspipe.io.lock import only_run


def test_a_second_run_waits_for_the_first(tmp_path):
    inside, order = threading.Event(), []

    def first():
        with only_run(tmp_path / ".lock", timeout_s=5):
            inside.set()
            order.append("first in")
            threading.Event().wait(0.3)
            order.append("first out")

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with only_run(tmp_path / ".lock", timeout_s=5):
        order.append("second in")
    thread.join()
    assert order == ["first in", "first out", "second in"]
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends(tmp_path):
    with (
        only_run(tmp_path / ".lock", timeout_s=1),
        pytest.raises(ProductError, match="another run"),
        only_run(tmp_path / ".lock", timeout_s=0.1),
    ):
        pass


def test_a_lock_file_of_a_dead_run_is_no_obstacle(tmp_path):
    (tmp_path / ".lock").write_text("12345")
    with only_run(tmp_path / ".lock", timeout_s=0.1):
        assert (tmp_path / ".lock").exists()
