"""Where tests keep their files, and data sets that tests of several kinds share; each is simulated once a session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.small import Kit, small_detectors, write_good, write_small

SmallKit = Callable[..., Kit]
MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 << 30
"""A run of all tests needs up to 3 GB, and others may want some."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: on a disk a third of the time is spent waiting for it."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def small_kit(tmp_path_factory: pytest.TempPathFactory) -> SmallKit:
    """A function that gives the data set of a scene on the small detector (`support.small`); not to be changed, `Kit.copy` is."""
    known: dict[str, Kit] = {}

    def kit(**scene: object) -> Kit:
        name = repr(sorted(scene.items()))
        if name not in known:
            known[name] = write_small(tmp_path_factory.mktemp("small"), **scene)
        return known[name]

    return kit


@pytest.fixture(scope="session")
def good_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """A clean set whose verdict is *Good*, with status 0 (`support.small.write_good`); not to be changed, `Kit.copy` is."""
    return write_good(tmp_path_factory.mktemp("good"))


@pytest.fixture
def small() -> Iterator[None]:
    """The registry knows the small detectors."""
    with small_detectors():
        yield
