"""Products do not depend on threads: not on those of linear algebra, not on other reductions beside, and not on who calls."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from faults.process import DATE, products, run
from soxspipe.recipes import soxs_stare
from support.small import Kit

COMMAND = "soxspipe stare my.sof"


def reduce_in(folder: Path, kit: Kit) -> dict[str, bytes]:
    """Every product of the class, by name."""
    settings = {
        "workspace-root-dir": str(folder),
        "make_plots": False,
        "plots": {"extracted_merged_qc_plot": True, "object_trace_res": True},
    }
    soxs_stare(log=logging.getLogger("quiet"), settings=settings, inputFrames=str(kit.sof), command=COMMAND).produce_product()
    made = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in made.items() if not name.endswith(".log")}  # which says how long each step took


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_three_reductions_in_three_threads_disturb_neither_each_other_nor_the_caller(small_kit, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", DATE["SOURCE_DATE_EPOCH"])
    kit = small_kit()
    with threadpool_limits(limits=1, user_api="blas"):
        alone = reduce_in(tmp_path / "alone", kit)
    with threadpool_limits(limits=2, user_api="blas"):
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(lambda number: reduce_in(tmp_path / str(number), kit), range(3)))
        assert blas_threads() == {2}
    assert any(name.endswith(".pdf") for name in alone)
    for made in together:
        assert made == alone


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_the_class_and_the_command_make_the_same_numbers(small_kit, tmp_path, monkeypatch):
    from astropy.io import fits

    monkeypatch.setenv("SOURCE_DATE_EPOCH", DATE["SOURCE_DATE_EPOCH"])
    kit = small_kit()
    (tmp_path / "class").mkdir()
    (tmp_path / "command").mkdir()
    with threadpool_limits(limits=2, user_api="blas"):
        reduce_in(tmp_path / "class", kit)
    kernels = {key: value for key, value in os.environ.items() if key == "OPENBLAS_CORETYPE"}  # other kernels round otherwise
    assert run(kit, tmp_path / "command", environment=kernels).status == 0
    by_class = {path.name: path for path in (tmp_path / "class").rglob("*.fits")}
    by_command = {Path(name).name: tmp_path / "command" / "out" / name for name in products(tmp_path / "command") if name.endswith(".fits")}
    assert by_class.keys() == by_command.keys()
    for name, path in by_class.items():
        with fits.open(path) as one, fits.open(by_command[name]) as other:
            for first, second in zip(one, other, strict=True):
                assert (None if first.data is None else first.data.tobytes()) == (None if second.data is None else second.data.tobytes()), (
                    name
                )
