"""Values that wait in a file come back as they were."""

from __future__ import annotations

import pickle
import tempfile
from types import ModuleType

import numpy as np
import pytest

from soxspipe.io.set_aside import set_aside


def test_a_value_comes_back_as_it_was() -> None:
    value = {"flux": np.array([1.5, np.nan, 3.0]), "order": 12}
    back = set_aside(value)()
    assert back is not value
    assert back["order"] == 12
    np.testing.assert_array_equal(back["flux"], value["flux"])


def full(*_: object, **__: object) -> None:
    """What a disk without room says."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("module", "name"), [(tempfile, "TemporaryFile"), (pickle, "dump")])
def test_without_room_it_stays_in_memory(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    monkeypatch.setattr(module, name, full)
    value = [1, 2, 3]
    assert set_aside(value)() is value
