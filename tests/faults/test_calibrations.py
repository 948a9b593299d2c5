"""Calibration recipes that are killed, run twice, or find the disk full: all of the products are there, or none."""

from __future__ import annotations

import random
import resource
import time
from pathlib import Path

import pytest

from faults.process import kill, leftovers, products, run, start
from support.calibration_kits import make_kit

VERBS = ("mbias", "mdark", "mflat")
LAST = {"mbias": "mbias.fits", "mdark": "mdark.fits", "mflat": "mflat.fits"}
"""The product that gets its name last."""


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_kill_9_at_random_moments(verb: str, tmp_path: Path) -> None:
    kit = make_kit(verb, tmp_path / "kit")
    place, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    place.mkdir()
    undisturbed.mkdir()
    began = time.monotonic()
    assert run(kit, undisturbed, "-x", verb=verb).status in (0, 3)
    duration, wanted = time.monotonic() - began, products(undisturbed)
    moments = random.Random(verb)
    for _ in range(12):
        process = start(kit, place, "-x", verb=verb)
        time.sleep(moments.uniform(0.4 * duration, 1.05 * duration))
        kill(process)
        found = products(place)
        assert all(content == wanted[name] for name, content in found.items())
        if any(name.endswith(f"/{LAST[verb]}") for name in found):
            assert found.keys() == wanted.keys()
    assert run(kit, place, "-x", verb=verb).status in (0, 3)
    assert products(place) == wanted
    assert leftovers(place) == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_disk_that_fills_up_leaves_the_old_products_untouched(verb: str, share: float, tmp_path: Path) -> None:
    kit = make_kit(verb, tmp_path / "kit")
    assert run(kit, tmp_path, verb=verb).status in (0, 3)
    before = products(tmp_path)
    largest = max(map(len, before.values()))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(share * largest), resource.RLIM_INFINITY))

    ended = run(kit, tmp_path, "-x", before=limited, environment={"SOURCE_DATE_EPOCH": "1800000000"}, verb=verb)
    assert ended.status == 1
    assert "File too large" in ended.message
    assert products(tmp_path) == before
    assert leftovers(tmp_path) == []
