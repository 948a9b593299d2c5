"""An exposure that is given twice counts once, however its files differ."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.io.classify import ClassifiedFile, classify
from soxspipe.io.fits import read_header
from soxspipe.reductions.repeated import without_repeats


def exposure(path: Path, *, seed: int = 1, mjd: float | None = 60000.25, number: int | None = None, catg: str = "") -> Path:
    header = fits.Header({"INSTRUME": "SOXS"})
    cards = {"SEQ ARM": "NIR", "DPR TYPE": "OBJECT", "DPR TECH": "ECHELLE,SLIT,STARE", "PRO CATG": catg or None, "DET EXP NO": number}
    for keyword, value in cards.items():
        if value is not None:
            header[f"HIERARCH ESO {keyword}"] = value
    if mjd is not None:
        header["MJD-OBS"] = mjd
    fits.PrimaryHDU(np.random.default_rng(seed).integers(0, 999, (20, 30)).astype(np.uint16), header).writeto(path)
    return path


def classified(*paths: Path) -> list[ClassifiedFile]:
    found = [classify(path, read_header(path)) for path in paths]
    return [file for file in found if file is not None]


def names(*paths: Path) -> list[str]:
    return [file.path.name for file in without_repeats(classified(*paths))[0]]


@pytest.mark.parametrize("mjd", [60000.25, None])
@pytest.mark.parametrize("how", ["gz", "link", "copy", "symlink"])
def test_the_same_exposure_counts_once(tmp_path: Path, how: str, mjd: float | None) -> None:
    first = exposure(tmp_path / "a.fits", mjd=mjd)
    second = tmp_path / ("b.fits.gz" if how == "gz" else "b.fits")
    if how == "gz":
        second.write_bytes(gzip.compress(first.read_bytes()))
    else:
        {"link": os.link, "copy": shutil.copy, "symlink": os.symlink}[how](first, second)
    kept, said = without_repeats(classified(first, second))
    assert [file.path.name for file in kept] == ["a.fits"]
    assert said == (f"{second.name}: is the same exposure as a.fits, which is used once",)


def test_the_number_of_the_exposure_tells_without_the_pixels(tmp_path: Path) -> None:
    first, again, other = (exposure(tmp_path / f"{i}.fits", seed=i, number=number) for i, number in enumerate((7, 7, 8)))
    assert names(first, again, other) == ["0.fits", "2.fits"]


def test_exposures_that_differ_in_time_or_pixels_are_two(tmp_path: Path) -> None:
    first = exposure(tmp_path / "a.fits")
    later, noise = exposure(tmp_path / "b.fits", mjd=60000.2501, seed=3), exposure(tmp_path / "c.fits", seed=2)
    assert names(first, later, noise) == ["a.fits", "b.fits", "c.fits"]


def test_the_same_pixels_at_another_time_are_one_exposure(tmp_path: Path) -> None:
    first, again = exposure(tmp_path / "a.fits", number=1), exposure(tmp_path / "b.fits", mjd=60000.2501, number=2)
    kept, said = without_repeats(classified(first, again))
    assert [file.path.name for file in kept] == ["a.fits"]
    assert said == ("b.fits: is the same exposure as a.fits, although MJD-OBS differs, which is used once",)


@pytest.mark.parametrize("bitpix", ["float32", "float64", "int32"])
def test_a_copy_with_pixels_of_another_type(tmp_path: Path, bitpix: str) -> None:
    first, again = exposure(tmp_path / "a.fits"), tmp_path / "b.fits"
    with fits.open(first) as hdus:
        fits.PrimaryHDU(hdus[0].data.astype(bitpix), hdus[0].header).writeto(again)
    assert names(first, again) == ["a.fits"]


def test_a_tiled_copy(tmp_path: Path) -> None:
    first, again = exposure(tmp_path / "a.fits"), tmp_path / "b.fits.fz"
    with fits.open(first) as hdus:
        tiled = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), tiled]).writeto(again)
    assert names(first, again) == ["a.fits"]


@pytest.mark.parametrize(("mjd", "kept"), [(60000.25, ["a.fits"]), (60000.2501, ["a.fits", "b.fits"])])
def test_a_copy_packed_with_loss_is_known_by_its_noise(tmp_path: Path, mjd: float, kept: list[str]) -> None:
    """As ``fpack`` does it: in steps of a quarter of the noise; at another time the pixels must be the same to the last bit."""
    first, again = exposure(tmp_path / "a.fits"), exposure(tmp_path / "b.fits", mjd=mjd)
    with fits.open(again) as hdus:
        header, rounded = hdus[0].header, np.round(hdus[0].data / 70.0) * np.float32(70.0)  # noise of 290
    rounded[::2, 3] = np.inf
    fits.PrimaryHDU(rounded, header).writeto(again, overwrite=True)
    assert names(first, again) == kept


def test_calibrations_are_chosen_elsewhere(tmp_path: Path) -> None:
    masters = [exposure(tmp_path / name, catg="MASTER_DARK_NIR") for name in ("a.fits", "b.fits")]
    assert len(without_repeats(classified(*masters))[0]) == 2
