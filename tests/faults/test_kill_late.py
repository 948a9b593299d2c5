"""Kill -9 while a night ends: a spectrum calibrated later, telluric corrections and joined arms are whole or not there, and a rerun completes them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from faults.process import DATE, kill, leftovers, products
from soxspipe.cli.app import run
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.io.products import fluxed_hdus, write_fits
from support.small import ENVIRONMENT, small_detectors, write_small

LAST_STEP = """
import sys
from pathlib import Path
from soxspipe.reductions.finish_night import finish_night
files = sorted(Path(sys.argv[1]).glob("*_FLUXCAL.fits"))
stars = [path for path in files if path.name.startswith("star")]
finish_night([path for path in files if path not in stars], stars)
"""
WAVE = {"VIS": np.round(np.arange(640.0, 850.0, 0.06), 2), "NIR": np.round(np.arange(797.0, 1000.0, 0.06), 2)}

KILLS = 20

pytestmark = pytest.mark.slow


def start(place: Path, *words: str) -> subprocess.Popen[str]:
    """Start Python on small detectors at a fixed date."""
    (place / "tmp").mkdir(exist_ok=True)
    environment = {**ENVIRONMENT, **DATE, "HOME": str(place), "TMPDIR": str(place / "tmp")}
    return subprocess.Popen(
        [sys.executable, *words], cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(place: Path, *words: str) -> float:
    """Run it to its end; seconds that took."""
    began = time.monotonic()
    process = start(place, *words)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return time.monotonic() - began


def killed(place: Path, duration_s: float, words: Sequence[str]) -> Iterator[dict[str, bytes]]:
    """Products after each of many kills at random moments."""
    moments = random.Random(21)
    for _ in range(KILLS):
        process = start(place, *words)
        time.sleep(moments.uniform(0.3, 1.1) * duration_s)
        kill(process)
        yield products(place)


def test_a_spectrum_that_is_calibrated_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", DATE["SOURCE_DATE_EPOCH"])
    settings = tmp_path / "settings.yaml"
    settings.write_text("make_plots: false\n")
    with small_detectors():
        standard = write_small(tmp_path / "standard", arm="VIS", target="standard", ab_mag=None)
        target = write_small(tmp_path / "target", arm="VIS")
        assert run(["stare_std", str(standard.sof), "-o", str(tmp_path / "star"), "-s", str(settings)]) in (0, 3)
        assert run(["stare", str(target.sof), "-o", str(tmp_path / "killed" / "out"), "-s", str(settings)]) == 0
    (response,) = (tmp_path / "star").rglob("*_RESP.fits")
    shutil.copytree(tmp_path / "killed", tmp_path / "undisturbed")
    (counts,) = (path.relative_to(tmp_path / "killed") for path in (tmp_path / "killed").rglob("*_EXTRACTED_MERGED.fits"))
    words = ("-m", "support.small_process", "fluxcal", str(counts), "--response", str(response))
    before = products(tmp_path / "killed")
    duration_s = ended(tmp_path / "undisturbed", *words)
    wanted = products(tmp_path / "undisturbed")
    assert wanted.keys() > before.keys()
    for found in killed(tmp_path / "killed", duration_s, words):
        assert all(content in (before.get(name), wanted[name]) for name, content in found.items())
    ended(tmp_path / "killed", *words)
    assert products(tmp_path / "killed") == wanted
    assert leftovers(tmp_path / "killed") == []


def test_the_last_step_of_a_night(tmp_path: Path) -> None:
    for place in ("undisturbed", "killed"):
        for name, ra in (("star", 10.0), ("a", 30.0), ("b", 60.0), ("c", 90.0)):
            for arm in WAVE:
                _write_spectrum(tmp_path / place / "out" / f"{name}_{arm}_FLUXCAL.fits", arm, ra)
    words = ("-c", LAST_STEP, "out")
    duration_s = ended(tmp_path / "undisturbed", *words)
    wanted = products(tmp_path / "undisturbed")
    assert sum("_JOINED.fits" in name for name in wanted) == 3
    for found in killed(tmp_path / "killed", duration_s, words):
        assert all(content == wanted[name] for name, content in found.items())
    ended(tmp_path / "killed", *words)
    assert products(tmp_path / "killed") == wanted


def _write_spectrum(path: Path, arm: str, ra_deg: float) -> None:
    wave = WAVE[arm]
    shape = 1.0 - 0.5 * np.exp(-0.5 * ((wave - 820.0) / 3.0) ** 2)
    spectrum = FluxedSpectrum(
        wavelength_nm=wave, flux=1e-15 * shape, error=np.full(wave.size, 1e-17), quality=np.zeros(wave.size, dtype=int)
    )
    cards = {"INSTRUME": "SOXS", "ESO SEQ ARM": arm, "OBJECT": path.name[0], "AIRMASS": 1.2, "MJD-OBS": 61000.0, "RA": ra_deg, "DEC": -30.0}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fits(path, fluxed_hdus(tuple((key, value, "") for key, value in cards.items()), spectrum, limits=False))
    os.utime(path, (1.0e9, 1.0e9))  # what is made of it is newer
