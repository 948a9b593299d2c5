"""Files that a run opens are closed again, however often it is repeated in one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from soxspipe.cli.app import run
from soxspipe.io import kept


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are counted in /proc")
@pytest.mark.parametrize("runs", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_open_files_do_not_grow(
    runs: int, small_kit, small, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "YOUNG_S", 0.0)  # calibrations are kept from the first run on, however quickly it follows the files
    kit = small_kit()

    def reduce() -> int:
        assert run(["stare", str(kit.sof), "-o", str(tmp_path), "-x"]) == 0
        capsys.readouterr()
        return len(os.listdir("/proc/self/fd"))

    first = reduce()  # modules, fonts, kept calibrations and the like are open from now on
    assert [reduce() for _ in range(runs)] == [first] * runs
