"""A sample of the corpus as real processes: two gigabytes of memory and thirty seconds are all they get."""

from __future__ import annotations

import resource

import pytest

from faults.process import end, leftovers, products, start
from hostile.corpus import CASES

MEMORY_BYTES = 2_000_000_000
SECONDS = 30.0
BY_NAME = {case.name: case for case in CASES}

QUICK = ["tiles: a bomb in a tile", "a plain image of ten gigapixels in a sparse file"]
SLOW = [
    "a gzip bomb as raw0",
    "a gzip bomb as flat",
    "a link to /dev/zero as raw0",
    "a pipe as bias",
    "NAXIS1 of 10^9 in raw0",
    "NAXIS2 of 10^18 in flat",
    "PCOUNT of 10^18 in disp_image",
    "a header without END as order_table",
    "order_table 1: TFIELDS of 10^6",
    "order_table 1: NAXIS2 of 10^12",
    "disp_table 1: TFORM of 10^6 values",
    "tiles: an image of ten gigapixels",
    "tiles: THEAP far away (RICE_1)",
    "settings: a billion laughs",
    "settings: a hundred thousand brackets",
    "settings: fifty thousand keys",
    "settings: a Python object",
    "settings: a device of zeros",
    "sof: a line of a million characters",
    "sof: three thousand files",
    "header: every text is a path upwards",
    "header: every text is bytes beyond ASCII",
    "sof: called with a shell command",
    "output: a folder below a file",
    "pixels: NaN everywhere in raw0",
    "pixels: random bits in flat",
    "pixels: half of the rows at 10^30 in flat",
]


def limited() -> None:
    """Two gigabytes of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_within_two_gigabytes_and_thirty_seconds(name, small_kit, tmp_path):
    case = BY_NAME[name]
    kit = small_kit(**case.scene).copy(tmp_path / "set")
    words = list(case.spoil(kit) or [str(kit.sof)])
    ended = end(start(kit, tmp_path, *words[1:], sof=words[0], before=limited), SECONDS)
    assert ended.status in case.status, ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "pwned").exists()
    assert leftovers(tmp_path) == []
    if ended.status:
        assert ended.err.rstrip("\n").splitlines()[-1] == ended.message
        assert case.names in ended.message
        assert products(tmp_path) == {}
    assert {path.name for path in tmp_path.iterdir()} <= {"set", "out", "tmp", ".astropy"}  # old versions of astropy make a folder at home
