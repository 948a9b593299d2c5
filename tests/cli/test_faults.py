"""What is on the disk after a kill, on a full disk, and in a folder that must not be written to."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits

from soxspipe.errors import ProductError
from soxspipe.io.atomic import TEMPORARY_PREFIX
from soxspipe.reductions.progress import StepTimer
from support.runs import claim_products, make_stare_run, merged_path, publish_stare

TESTS = Path(__file__).parents[1]
WORKER = """
import sys
from pathlib import Path
from soxspipe.reductions.progress import StepTimer
from support.runs import claim_products, make_stare_run, publish_stare
run = make_stare_run("NIR", standard=True)
print("ready", flush=True)
while True:
    with claim_products(run.provenance, Path(sys.argv[1]), overwrite=True):
        publish_stare(run, Path(sys.argv[1]), StepTimer())
"""


def killed_after(folder, delay):
    """Publish over and over in another process, and kill it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment)
    assert worker.stdout.readline() == "ready\n"
    time.sleep(delay)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_after_kill_9_every_file_is_whole_and_a_rerun_gives_the_same_bytes(tmp_path, kills):
    run = make_stare_run("NIR", standard=True)
    publish_stare(run, tmp_path / "undisturbed", StepTimer())
    wanted = files(tmp_path / "undisturbed")
    folder = tmp_path / "killed"
    moments = random.Random(kills)
    for _ in range(kills):
        killed_after(folder, moments.uniform(0.0, 0.3))
        for name, content in files(folder).items():
            if TEMPORARY_PREFIX not in name and not name.endswith(".lock"):
                assert content == wanted[name], name
        if merged_path(run.provenance, folder).exists():  # the mark of a finished run: then nothing is missing
            assert wanted.keys() <= files(folder).keys()
    with claim_products(run.provenance, folder, overwrite=True):
        publish_stare(run, folder, StepTimer())
    assert files(folder) == wanted


def test_a_disk_that_fills_up_leaves_the_old_products(tmp_path, monkeypatch):
    from soxspipe.io import atomic

    run = make_stare_run("NIR")
    publish_stare(run, tmp_path, StepTimer())
    before = files(tmp_path)
    write, room = atomic._write_all, [2_000_000]

    def limited(descriptor, chunk):
        room[0] -= len(chunk)
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        write(descriptor, chunk)

    monkeypatch.setattr(atomic, "_write_all", limited)
    with pytest.raises(ProductError, match="No space left on device"):
        publish_stare(replace(run, made_at="2030-01-01T00:00:00"), tmp_path, StepTimer())
    assert files(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_reduced(tmp_path):
    (tmp_path / "file").write_text("in the way")
    run = make_stare_run("NIR")
    with pytest.raises(ProductError, match="cannot write"), claim_products(run.provenance, tmp_path / "file", overwrite=False):
        pytest.fail("the body must not run")


def test_products_of_an_earlier_run_are_valid_fits(tmp_path):
    run = make_stare_run("VIS")
    published = publish_stare(run, tmp_path, StepTimer())
    for record in published.products:
        if record.file_type == "FITS":
            with fits.open(record.path, checksum=True) as hdus:
                hdus.verify("exception")
                assert all(hdu.data is not None for hdu in hdus[1:])
