"""Spectra and responses as a hundred numbers for the night's page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.night.curves import POINTS, curve_of, response_curve, sky_rate, spectrum_curve, zero_point

WAVE = np.linspace(400.0, 800.0, 4001)


def table(path: Path, name: str, **columns: np.ndarray) -> Path:
    units = [fits.Column(name=key, format="D" if values.dtype.kind == "f" else "J", array=values) for key, values in columns.items()]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(units, name=name)]).writeto(path)
    return path


def test_a_curve_is_medians_in_equal_steps_with_gaps() -> None:
    values, good = np.full(WAVE.size, 3.0), (WAVE < 500.0) | (WAVE > 600.0)
    values[::50] = 1e6  # single bad samples
    curve = curve_of(WAVE, values, good)
    assert curve is not None
    assert (curve["low_nm"], curve["high_nm"], len(curve["values"])) == (400.0, 800.0, POINTS)
    middle = int(0.375 * POINTS)  # 550 nm
    assert curve["values"][middle] is None
    assert {value for value in curve["values"] if value is not None} == {3.0}
    assert curve_of(WAVE, values, np.zeros(WAVE.size, dtype=bool)) is None


def test_the_spectrum_is_the_calibrated_one_without_flagged_samples(tmp_path: Path) -> None:
    flux, flags = np.full(WAVE.size, 2e-16), np.full(WAVE.size, int(SpectrumFlag.TELLURIC))  # a band is light as well
    flux[:2000], flags[:2000] = 9.0, int(SpectrumFlag.NO_DATA)
    path = table(tmp_path / "s.fits", "FLUX", WAVE=WAVE, FLUX_CALIBRATED=flux, FLUX_COUNTS=flux, QUAL=flags)
    curve = spectrum_curve(path)
    assert curve is not None
    assert (curve["low_nm"], set(curve["values"])) == (pytest.approx(600.0, abs=0.2), {2e-16})
    assert spectrum_curve(tmp_path / "gone.fits") is None


def test_the_zero_point_follows_from_the_response(tmp_path: Path) -> None:
    """1e-17 erg/s/cm2/A per electron/s at 600 nm is 1e-17 (6000 A)^2 / c = 1.2008e-28 erg/s/cm2/Hz, 21.201 mag (AB)."""
    path = table(tmp_path / "r.fits", "RESPONSE_SAMPLED", WAVE=WAVE, RESPONSE=np.full(WAVE.size, 1e-17))
    curve = response_curve(path)
    assert zero_point(curve, "VIS") == pytest.approx(-2.5 * np.log10(1e-17 * 6000.0**2 / 2.998e18) - 48.6, abs=1e-3)
    assert zero_point(curve, "VIS") == pytest.approx(21.20, abs=0.01)
    assert zero_point(curve, "NIR") is None, "1250 nm lies outside"
    assert zero_point(None, "VIS") is None


def test_the_sky_is_counted_per_second(tmp_path: Path) -> None:
    path = table(tmp_path / "m.fits", "FLUX", WAVE=WAVE, SKY_COUNTS=np.where(abs(WAVE - 600.0) < 1.0, 1e5, 30.0))
    assert sky_rate(path, "VIS", 300.0) == pytest.approx(0.1), "a line at 600 nm does not count"
    assert sky_rate(path, "NIR", 300.0) is None
