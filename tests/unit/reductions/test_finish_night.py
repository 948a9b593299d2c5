"""Which standards serve which targets of a night, and which arms belong together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.io.products import fluxed_hdus, write_fits
from soxspipe.io.spectra import read_finished, read_fluxed
from soxspipe.numerics.air import air_to_vacuum
from soxspipe.reductions.finish_night import finish_night, nearest_standards, pairs_of_arms

WAVE = {"VIS": np.round(np.arange(640.0, 850.0, 0.06), 2), "NIR": np.round(np.arange(797.0, 1000.0, 0.06), 2)}
SLIT = {"VIS": "ESO INS VISE NAME", "NIR": "ESO INS NISE NAME"}


def written(
    folder: Path, name: str, arm: str, *, mjd: float = 61000.0, slit: str = "SLIT1.0", level: float = 1.0, ra: float = 150.0
) -> Path:
    wave = WAVE[arm]
    error = np.full(wave.size, 0.01)
    star = 0.8 if "star" in name else 1.0
    absorption = 0.5 * np.exp(-0.5 * ((wave - 820.0) / 3.0) ** 2)
    flux = level * (1.0 - absorption) * star + error * np.random.default_rng(len(name)).normal(size=wave.size)
    spectrum = FluxedSpectrum(wavelength_nm=wave, flux=flux * 1e-15, error=error * 1e-15, quality=np.zeros(wave.size, int))
    cards = {
        "INSTRUME": "SOXS", "ESO SEQ ARM": arm, "OBJECT": "hot" if "star" in name else "SN", "AIRMASS": 1.2, "MJD-OBS": mjd,
        "RA": 10.0 if "star" in name else ra, "DEC": -30.0, SLIT[arm]: slit,
    }  # fmt: skip
    return write_fits(folder / f"{name}_FLUXCAL.fits", fluxed_hdus(tuple((k, v, "") for k, v in cards.items()), spectrum, limits=False))


def test_standards_of_the_same_arm_and_slit_come_first_then_the_nearest_in_time(tmp_path: Path) -> None:
    target = read_fluxed(written(tmp_path, "sn", "VIS", mjd=61000.5))
    stars = [
        read_fluxed(written(tmp_path, name, arm, mjd=mjd, slit=slit))
        for name, arm, mjd, slit in (
            ("star_early", "VIS", 61000.1, "SLIT1.0"), ("star_late", "VIS", 61000.6, "SLIT1.0"),
            ("star_wide", "VIS", 61000.5, "SLIT5.0"), ("star_nir", "NIR", 61000.5, "SLIT1.0"),
        )
    ]  # fmt: skip
    assert [path.name.split("_FLUX")[0] for path in nearest_standards(target, stars)] == ["star_late", "star_early", "star_wide"]


def test_arms_belong_together_by_target_and_time(tmp_path: Path) -> None:
    seen = [
        read_fluxed(written(tmp_path, name, arm, mjd=mjd, ra=ra))
        for name, arm, mjd, ra in (
            ("a", "VIS", 61000.1, 150.0), ("b", "NIR", 61000.1, 150.0), ("c", "NIR", 61000.15, 150.0), ("d", "NIR", 61000.1, 151.0),
        )
    ]  # fmt: skip
    assert [(blue.path.name[0], red.path.name[0]) for blue, red in pairs_of_arms(seen)] == [("a", "b")]


def test_the_same_target_twice_in_a_night_is_paired_by_time(tmp_path: Path) -> None:
    seen = [
        read_fluxed(written(tmp_path, name, arm, mjd=mjd))
        for name, arm, mjd in (("a", "VIS", 61000.1), ("b", "NIR", 61000.1), ("c", "VIS", 61000.2), ("d", "NIR", 61000.2))
    ]
    shorter = replace(seen[1].spectrum, wavelength_nm=seen[1].spectrum.wavelength_nm + 0.3)  # begins a little later than the other
    seen[1] = replace(seen[1], spectrum=shorter)
    assert [(blue.path.name[0], red.path.name[0]) for blue, red in pairs_of_arms(seen)] == [("a", "b"), ("c", "d")]


def test_what_holds_for_several_spectra_is_said_once(tmp_path: Path) -> None:
    targets = [written(tmp_path, name, "VIS", ra=ra) for name, ra in (("a", 20.0), ("b", 50.0), ("c", 90.0))]
    star = written(tmp_path, "star", "VIS", slit="SLIT5.0")
    said = [remark for remark in finish_night(targets, [star]).remarks if "SLIT5.0" in remark]
    assert len(said) == 1
    assert said[0].startswith("a_TELLURIC.fits and 2 more: star_FLUXCAL.fits was taken through SLIT5.0")


def test_a_night_is_corrected_and_joined_once_and_what_fails_is_said(tmp_path: Path) -> None:
    targets = [written(tmp_path, "v", "VIS"), written(tmp_path, "n", "NIR")]
    star, dark = written(tmp_path, "star", "VIS"), written(tmp_path, "dark_star", "NIR", level=0.0)
    broken = tmp_path / "broken_FLUXCAL.fits"
    broken.write_bytes(b"no FITS file")
    finished = finish_night([*targets, broken], [star, dark])
    assert any("broken_FLUXCAL.fits" in remark for remark in finished.remarks)
    assert {path.name for path in finished.made} == {"v_TELLURIC.fits", "v_JOINED.fits"}
    assert any("dark" in remark or "too little" in remark for remark in finished.remarks)
    assert (tmp_path / "v_JOINED.pdf").read_bytes().startswith(b"%PDF")
    before = {path: path.stat().st_mtime_ns for path in finished.made}
    again = finish_night(targets, [star, dark])
    assert {path: path.stat().st_mtime_ns for path in again.made} == before
    os.utime(star, ns=(max(before.values()) + 10**9,) * 2)
    assert finish_night(targets, [star]).made[0].stat().st_mtime_ns > min(before.values())


def test_what_was_finished_is_written_once_more_in_the_frame_that_is_asked_for(tmp_path: Path) -> None:
    target, other = written(tmp_path, "v", "VIS"), written(tmp_path, "n", "NIR")
    made = finish_night([target, other], [written(tmp_path, "star", "VIS")], {target: ("topocentric", "vacuum")}).made
    assert [path.name for path in made] == [
        "v_TELLURIC.fits", "v_TELLURIC_topocentric_vacuum.fits", "v_JOINED.fits", "v_JOINED_topocentric_vacuum.fits",
    ]  # fmt: skip
    air, vacuum = (read_finished(path).values("WAVE") for path in made[2:])
    assert np.allclose(vacuum, air_to_vacuum(air))
    unknown = finish_night([target], [tmp_path / "star_FLUXCAL.fits"], {target: ("barycentric", "air")})
    assert any("barycentric velocity is not known" in remark for remark in unknown.remarks)


def test_corrected_and_joined_spectra_hold_vacuum_wavelengths_beside_those_in_air(tmp_path: Path) -> None:
    paths = finish_night([written(tmp_path, "v", "VIS"), written(tmp_path, "n", "NIR")], [written(tmp_path, "star", "VIS")]).made
    for path in paths:
        table = read_finished(path)
        assert np.allclose(table.values("WAVE_VAC"), air_to_vacuum(table.values("WAVE")), rtol=1e-9)
