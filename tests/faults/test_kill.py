"""Kill -9 at any moment: what is on the disk is whole, and a rerun gives what an undisturbed run gives."""

from __future__ import annotations

import random
import time

import pytest
from astropy.io import fits

from faults.process import kill, leftovers, products, run, start


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.slow)])  # `cli/test_faults.py` kills the publishing more often
def test_kill_9_at_random_moments(kills, small_kit, tmp_path):
    kit = small_kit(target="standard", ab_mag=None)
    place, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    place.mkdir()
    undisturbed.mkdir()
    began = time.monotonic()
    assert run(kit, undisturbed, "-x").status == 0
    duration = time.monotonic() - began
    wanted = products(undisturbed)
    moments = random.Random(kills)
    for _ in range(kills):
        process = start(kit, place, "-x")
        time.sleep(moments.uniform(0.3 * duration, 1.1 * duration))
        kill(process)
        found = products(place)
        assert all(content == wanted[name] for name, content in found.items())
        if any(name.endswith("_EXTRACTED_MERGED.fits") for name in found):  # the mark of a finished run: then nothing is missing
            assert found.keys() == wanted.keys()
    again = run(kit, place, "-x")
    assert again.status == 0, again.err
    assert products(place) == wanted
    assert leftovers(place) == []


def test_an_interrupted_run_says_so_and_leaves_nothing(small_kit, tmp_path):
    process = start(small_kit(), tmp_path)
    while "clip_and_stack" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(2)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "soxspipe: interrupted"
    assert products(tmp_path) == {}
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_products_pass_their_own_checksums(small_kit, tmp_path):
    assert run(small_kit(), tmp_path).status == 0
    for path in (tmp_path / "out").rglob("*.fits"):
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
