"""Data sets that tests of several kinds share; each is simulated once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.small import Kit, small_detectors, write_small

SmallKit = Callable[..., Kit]


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


@pytest.fixture
def small() -> Iterator[None]:
    """The registry knows the small detectors."""
    with small_detectors():
        yield
