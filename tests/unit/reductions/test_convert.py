"""A spectrum in another frame and medium, from file to file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soxspipe.cli import app
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_columns import read_table
from soxspipe.io.products import fluxed_hdus, write_fits
from soxspipe.reductions.convert import convert_spectrum

WAVE = np.round(np.arange(600.0, 700.0, 0.1), 2)
HEADER = {
    "INSTRUME": "SOXS",
    "OBJECT": "SN",
    "DATE-OBS": "2026-11-01",
    "MJD-OBS": 61345.0,
    "RA": 10.0,
    "DEC": -30.0,
    "SOXS BARY VEL": 29.9792458,
}


def written(folder: Path, **changes: object) -> Path:
    cards = tuple((k, v, "") for k, v in {**HEADER, **changes}.items() if v is not None)
    n = WAVE.size
    spectrum = FluxedSpectrum(wavelength_nm=WAVE, flux=np.full(n, 2e-16), error=np.full(n, 1e-17), quality=np.zeros(n, int))
    return write_fits(folder / "sn_FLUXCAL.fits", fluxed_hdus(cards, spectrum, limits=False))


def wavelengths(path: Path) -> np.ndarray:
    opened = open_fits(path)
    return np.asarray(read_table(opened, opened.tables[0])["WAVE"])


def test_vacuum_is_longer_by_the_refractive_index(tmp_path: Path) -> None:
    moved = convert_spectrum(written(tmp_path), medium="vacuum").path
    assert moved.name == "sn_FLUXCAL_topocentric_vacuum.fits"
    ratio = np.interp(656.28, WAVE, wavelengths(moved) / WAVE)
    assert ratio - 1.0 == pytest.approx(2.762e-4, rel=2e-3)  # H alpha: 656.28 nm in air, 656.461 in vacuum (NIST)
    assert read_header(moved).get("SOXS WAVE MEDIUM") == "vacuum"


def test_barycentric_wavelengths_are_stretched_by_velocity_over_light(tmp_path: Path) -> None:
    moved = convert_spectrum(written(tmp_path), "barycentric").path
    np.testing.assert_allclose(wavelengths(moved) / WAVE - 1.0, 1e-4, rtol=1e-3)  # 1e-4 of the speed of light
    assert read_header(moved).get("SPECSYS") == "BARYCENT"
    assert read_header(moved).get("SOXS WAVE VELOCITY") == pytest.approx(29.9792458)


def test_the_text_beside_it_loads_as_it_is(tmp_path: Path) -> None:
    moved = convert_spectrum(written(tmp_path), "barycentric", "vacuum").path
    text = moved.with_suffix(".txt")
    wave, flux, error, quality = np.loadtxt(text, unpack=True)
    np.testing.assert_allclose(wave, wavelengths(moved) * 10.0, atol=6e-4)
    assert (flux[0], error[0], quality[0]) == (2e-16, 1e-17, 0.0)
    assert "# wavelength: Angstrom, vacuum, barycentric" in text.read_text()
    assert "# target: SN" in text.read_text()


@pytest.mark.parametrize(("card", "word"), [("RA", "right ascension"), ("DEC", "declination"), ("MJD-OBS", "date")])
def test_without_position_or_date_it_says_so_and_nothing_is_written(tmp_path: Path, card: str, word: str) -> None:
    nowhere = written(tmp_path, **{"SOXS BARY VEL": None, card: None})
    with pytest.raises(InputError, match=f"has no {word}"):
        convert_spectrum(nowhere, "barycentric")
    assert list(tmp_path.iterdir()) == [nowhere]


def test_what_has_been_converted_is_not_converted_again(tmp_path: Path) -> None:
    nowhere = written(tmp_path)
    again = convert_spectrum(nowhere, medium="vacuum").path
    with pytest.raises(InputError, match="converted before"):
        convert_spectrum(again, medium="vacuum")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["convert", str(written(tmp_path)), "--frame", "barycentric", "--medium", "vacuum"]) == 0
    assert "+29.979 km/s applied" in capsys.readouterr().out
    assert app.run(["convert", str(tmp_path / "none.fits")]) == 2
