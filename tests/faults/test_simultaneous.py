"""Several runs at once on the same set and output: no mixture, every one ends well, nothing is left behind."""

from __future__ import annotations

import time

import pytest

from faults.process import DATE, end, kill, leftovers, products, run, start
from soxspipe.errors import ProductError
from soxspipe.io.lock import only_run


@pytest.fixture(scope="module")
def kit(small_kit):
    return small_kit()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8])
def test_runs_that_overwrite(count, kit, tmp_path):
    alone = {}
    for number in range(count):
        (tmp_path / str(number)).mkdir()
        date = {"SOURCE_DATE_EPOCH": str(int(DATE["SOURCE_DATE_EPOCH"]) + 86400 * number)}
        assert run(kit, tmp_path / str(number), "-x", environment=date).status == 0
        alone[number] = products(tmp_path / str(number))
    place = tmp_path / "together"
    place.mkdir()
    started = [
        start(kit, place, "-x", environment={"SOURCE_DATE_EPOCH": str(int(DATE["SOURCE_DATE_EPOCH"]) + 86400 * number)})
        for number in range(count)
    ]
    ended = [end(process, 120) for process in started]
    assert [one.status for one in ended] == [0] * count, [one.message for one in ended]
    assert products(place) in alone.values()  # all of one run, not a file of another
    assert leftovers(place) == []


@pytest.mark.parametrize("count", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_runs_that_do_not_overwrite(count, kit, tmp_path):
    ended = [end(process, 120) for process in [start(kit, tmp_path) for _ in range(count)]]
    assert [one.status for one in ended] == [0] * count, [one.message for one in ended]
    assert sum("exists already" in one.out for one in ended) == count - 1
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_a_lock_of_a_dead_run_is_no_obstacle(kit, tmp_path):
    process = start(kit, tmp_path)
    while "clip_and_stack" not in process.stderr.readline():
        assert process.poll() is None
    kill(process)
    locks = [path for path in (tmp_path / "out").rglob(".*") if path.suffix == ".lock"]
    assert len(locks) == 1
    began = time.monotonic()
    assert run(kit, tmp_path).status == 0
    assert time.monotonic() - began < 30
    assert leftovers(tmp_path) == []


def test_a_run_waits_for_the_one_before_and_gives_up_in_time(tmp_path):
    lock = tmp_path / "folder" / ".x.lock"
    with only_run(lock, timeout_s=5.0):
        began = time.monotonic()
        with pytest.raises(ProductError, match="another run"), only_run(lock, timeout_s=0.5):
            pytest.fail("two runs at once")
        assert 0.4 < time.monotonic() - began < 3.0
    with only_run(lock, timeout_s=0.5):
        assert lock.exists()
    assert not lock.exists()
