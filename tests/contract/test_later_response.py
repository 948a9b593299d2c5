"""Files of a whole reduction: a response that comes later makes the bytes that it would have made at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from soxspipe.cli.app import run
from support.small import small_detectors, write_small

SAME = ("_FLUXCAL.fits", "_FLUXCAL.txt", "_SPECTRUM_1D.fits", "_SPECTRUM_1D_IMAGE.fits")


@pytest.mark.parametrize("arm", ["VIS", "NIR"])
def test_spectra_calibrated_later_are_those_of_the_reduction(arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    settings = tmp_path / "settings.yaml"
    settings.write_text("make_plots: false\n")
    with small_detectors():
        standard = write_small(tmp_path / "standard", arm=arm, target="standard", ab_mag=None)
        kit = write_small(tmp_path / "target", arm=arm, exposures=2)
        assert run(["stare_std", str(standard.sof), "-o", str(tmp_path / "star"), "-s", str(settings)]) in (0, 3)
        (response,) = (tmp_path / "star").rglob("*_RESP.fits")
        assert run(["stare", str(kit.write_sof()), "-o", str(tmp_path / "later"), "-s", str(settings)]) == 0
        assert run(["stare", str(kit.write_sof(extra=(response,))), "-o", str(tmp_path / "at_once"), "-s", str(settings)]) == 0
        (counts,) = (tmp_path / "later").rglob("*_EXTRACTED_MERGED.fits")
        assert run(["fluxcal", str(counts), "--response", str(response)]) == 0
    for end in SAME:
        (first,), (second,) = ((tmp_path / place).rglob(f"*{end}") for place in ("at_once", "later"))
        assert first.read_bytes() == second.read_bytes(), end
