"""Telluric correction and joined arms, from files to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from soxspipe.cli import app
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.errors import InputError
from soxspipe.io import static
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_columns import read_table
from soxspipe.io.products import fluxed_hdus, write_fits
from soxspipe.reductions.convert import convert_spectrum
from soxspipe.reductions.finish import join_files, take_out_telluric
from soxspipe.simulate.telluric import TelluricSpecies

VIS, NIR = np.round(np.arange(640.0, 850.0, 0.06), 2), np.round(np.arange(797.0, 1000.0, 0.06), 2)
FLUX = 1e-15
POSITION = {"RA": 150.0, "DEC": -30.0}


def air(wave: FloatArray, airmass: float, water_mm: float) -> FloatArray:
    start, resolution, depths = static.read_telluric_species()
    fine = np.arange(wave[0] - 1, wave[-1] + 1, 0.01)
    sharp = TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths).transmission(
        fine, airmass=airmass, water_mm=water_mm
    )
    return np.interp(wave, fine, gaussian_filter1d(sharp, 7.0))


def written(path: Path, arm: str, wave: FloatArray, flux: FloatArray, *, noise: float = 0.003, seed: int = 1, **cards: object) -> Path:
    error = np.full(wave.size, noise * FLUX)
    spectrum = FluxedSpectrum(
        wavelength_nm=wave,
        flux=flux + error * np.random.default_rng(seed).normal(size=wave.size),
        error=error,
        quality=np.zeros(wave.size, int),
    )
    header = {"ESO SEQ ARM": arm, "OBJECT": "SN", "AIRMASS": 1.3, "INSTRUME": "SOXS", **POSITION, **cards}
    return write_fits(path, fluxed_hdus(tuple((k, v, "") for k, v in header.items() if v is not None), spectrum, limits=False))


def column(path: Path, name: str) -> FloatArray:
    opened = open_fits(path)
    return np.asarray(read_table(opened, opened.tables[0])[name])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return written(tmp_path / "sn_FLUXCAL.fits", "VIS", VIS, FLUX * air(VIS, 1.3, 3.0))


def hot_star(folder: Path, airmass: float = 1.2, arm: str = "VIS") -> Path:
    """A standard that no library knows."""
    flux = 30 * FLUX * (VIS / 700.0) ** -4 * air(VIS, airmass, 3.0)
    return written(folder / f"hot{airmass}_FLUXCAL.fits", arm, VIS, flux, noise=0.05, seed=2, AIRMASS=airmass, OBJECT="HIP 1", RA=10.0)


def test_a_hot_star_takes_the_air_out(target: Path, tmp_path: Path) -> None:
    finished = take_out_telluric(target, [hot_star(tmp_path)])
    assert finished.path == tmp_path / "sn_TELLURIC.fits"
    flux, error, through = (column(finished.path, name) for name in ("FLUX", "FLUX_ERR", "TRANSMISSION"))
    deep = (through > 0.3) & (through < 0.95)
    assert deep.sum() > 100
    assert np.std(((flux - FLUX) / error)[deep]) < 1.3
    assert np.median(flux[deep]) / FLUX == pytest.approx(1.0, abs=0.01)
    np.testing.assert_array_equal(column(finished.path, "FLUX_PLAIN"), column(target, "FLUX_CALIBRATED"))
    assert read_header(finished.path).get("SOXS TELL O2") == pytest.approx(1.3 / 1.2, abs=0.05)


def test_files_that_cannot_serve_are_named(target: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no standard star of its arm VIS"):
        take_out_telluric(target, [hot_star(tmp_path, arm="NIR")])
    without = written(tmp_path / "x_FLUXCAL.fits", "VIS", VIS, FLUX * np.ones(VIS.size), AIRMASS=None)
    with pytest.raises(InputError, match="no AIRMASS"):
        take_out_telluric(without, [hot_star(tmp_path)])
    other = tmp_path / "other.fits"
    other.write_bytes(b"")
    with pytest.raises(InputError):
        take_out_telluric(other, [hot_star(tmp_path)])


def test_the_target_is_no_standard_of_its_own(target: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is the target itself"):
        take_out_telluric(target, [target])
    assert not list(tmp_path.glob("*TELLURIC*"))


def test_what_has_lost_its_air_is_neither_target_nor_standard(target: Path, tmp_path: Path) -> None:
    star = hot_star(tmp_path)
    corrected = take_out_telluric(target, [star]).path
    before = corrected.read_bytes()
    for spectrum, standard in ((corrected, star), (target, take_out_telluric(star, [hot_star(tmp_path, 1.5)]).path)):
        with pytest.raises(InputError, match="has been taken out before"):
            take_out_telluric(spectrum, [standard])
    assert corrected.read_bytes() == before


@pytest.mark.parametrize(("frame", "medium"), [("barycentric", "air"), ("topocentric", "vacuum")])
def test_converted_wavelengths_are_refused(target: Path, tmp_path: Path, frame: str, medium: str) -> None:
    """Lines of the air stand where they were observed; a joined spectrum of two frames would be right in neither."""
    bary = written(tmp_path / "b_FLUXCAL.fits", "VIS", VIS, FLUX * np.ones(VIS.size), **{"SOXS BARY VEL": 20.0})
    moved = convert_spectrum(bary, frame, medium).path
    for work in (
        lambda: take_out_telluric(moved, [hot_star(tmp_path)]),
        lambda: take_out_telluric(target, [moved]),
        lambda: join_files(moved, two_arms(tmp_path)[1]),
    ):
        with pytest.raises(InputError, match="converted before"):
            work()
    assert not list(tmp_path.glob("*TELLURIC*"))
    assert not list(tmp_path.glob("*JOINED*"))


def test_a_star_that_no_library_has_is_said(target: Path, tmp_path: Path) -> None:
    assert "no library has HIP 1: taken for hot stars" in take_out_telluric(target, [hot_star(tmp_path)]).note


def test_a_hot_star_serves_the_whole_near_infrared(tmp_path: Path) -> None:
    """Beyond 1.29 micron all wavelengths lie in a band, yet the H band is clear: it must not be lost for want of a continuum."""
    wave = np.round(np.arange(1000.0, 2034.0, 0.06), 2)
    planck = 100 * FLUX * (wave / 1500.0) ** -5 / np.expm1(14.388e6 / 15000.0 / wave)
    star = written(tmp_path / "s_FLUXCAL.fits", "NIR", wave, planck * air(wave, 1.2, 2.5), noise=0.03, AIRMASS=1.2, OBJECT="HIP 1", RA=10.0)
    target = written(tmp_path / "t_FLUXCAL.fits", "NIR", wave, FLUX * air(wave, 1.4, 3.0), noise=0.02, seed=3, AIRMASS=1.4)
    path = take_out_telluric(target, [star]).path
    flux, through, quality = (column(path, name) for name in ("FLUX", "TRANSMISSION", "QUAL"))
    clear = air(wave, 1.4, 3.0) > 0.9
    assert not np.any(quality[clear] & 1024)
    for low, high in ((1000, 1280), (1500, 1600), (1600, 1700), (1700, 1780), (2000, 2034)):
        inside = clear & (wave > low) & (wave < high)
        assert np.median(flux[inside]) / FLUX == pytest.approx(1.0, abs=0.02), "the star's continuum is a power law to 1 %"
    assert np.max(through) < 1.1


def two_arms(folder: Path, scale: float = 1.0, noise: float = 0.02, **cards: object) -> tuple[Path, Path]:
    vis = written(folder / "v_FLUXCAL.fits", "VIS", VIS, FLUX * np.ones(VIS.size), noise=noise)
    nir = written(folder / "n_FLUXCAL.fits", "NIR", NIR, scale * FLUX * np.ones(NIR.size), noise=noise, seed=4, **cards)
    return vis, nir


def test_arms_that_agree_are_joined_as_they_are(tmp_path: Path) -> None:
    finished = join_files(*two_arms(tmp_path))
    joined = finished.joined
    assert joined is not None
    assert not joined.applied
    assert abs(joined.scale - 1.0) < 4 * joined.scale_error
    assert np.all(np.diff(column(finished.path, "WAVE")) > 0)
    assert column(finished.path, "WAVE")[0] == 640.0
    assert [read_header(finished.path).get(f"SOXS JOIN SHARED{n}") for n in (1, 2)] == [2.6, 1.5]
    assert column(finished.path, "WAVE")[-1] == pytest.approx(NIR[-1])


def test_a_slit_loss_is_scaled_and_a_large_difference_is_said(tmp_path: Path) -> None:
    small = join_files(*reversed(two_arms(tmp_path, 1.06)))
    assert small.joined is not None
    assert small.joined.applied
    assert small.joined.scale == pytest.approx(1.06, abs=0.005)
    assert np.median(column(small.path, "FLUX")) == pytest.approx(1.06 * FLUX, rel=0.005)
    large = join_files(*two_arms(tmp_path, 1.5))
    assert large.joined is not None
    assert not large.joined.applied
    assert "more than 10 % apart" in large.warnings[0]


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_the_scale_is_unbiased_and_its_error_is_what_repetition_shows(level: float) -> None:
    from soxspipe.algorithms.spectra.join_arms import measure_scale

    def one(wave: FloatArray, seed: int) -> FluxedSpectrum:
        noise = np.random.default_rng(seed).normal(size=wave.size)
        return FluxedSpectrum(
            wavelength_nm=wave, flux=1.0 + level * noise, error=np.full(wave.size, level), quality=np.zeros(wave.size, int)
        )

    measured = np.array([measure_scale(one(VIS, k), one(NIR, 1000 + k)) for k in range(60)])
    pulls = (measured[:, 0] - 1.0) / measured[:, 1] * np.sqrt(2.0)  # the noise here is independent; the error allows for a shared half
    assert 0.8 < pulls.std() < 1.2
    # in faint arms (noise 1: S/N 4 in each nm) a fitted slope comes out 4 % low here, half of their error
    assert abs(pulls.mean()) < 4.0 / np.sqrt(60)


def test_two_targets_and_one_arm_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two targets are not joined"):
        join_files(*two_arms(tmp_path, DEC=-30.5))
    vis, _ = two_arms(tmp_path)
    with pytest.raises(InputError, match="both of the arm VIS"):
        join_files(vis, vis)
    assert not list(tmp_path.glob("*JOINED*"))


def test_without_a_position_the_name_tells_the_target(tmp_path: Path) -> None:
    vis, nir = two_arms(tmp_path, RA=None)
    assert any("no position in the headers" in warning for warning in join_files(vis, nir).warnings)
    vis, other = two_arms(tmp_path, RA=None, OBJECT="SN 2")
    with pytest.raises(InputError, match="two targets are not joined"):
        join_files(vis, other)


def test_commands(target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["telluric", str(target), "--standard", str(hot_star(tmp_path)), "-o", str(tmp_path)]) == 0
    assert "sn_TELLURIC.fits" in capsys.readouterr().out
    assert app.run(["join", *map(str, two_arms(tmp_path))]) == 0
    assert "v_JOINED.fits" in capsys.readouterr().out
    assert app.run(["telluric", str(target), "--standard", str(tmp_path / "none.fits")]) == 2


@pytest.mark.parametrize("command", ["telluric", "join"])
def test_commands_write_their_spectrum_in_another_medium_as_well(
    command: str, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(target), "--standard", str(hot_star(tmp_path))] if command == "telluric" else [*map(str, two_arms(tmp_path))]
    assert app.run([command, *given, "--medium", "vacuum"]) == 0
    name = {"telluric": "sn_TELLURIC", "join": "v_JOINED"}[command]
    assert f"{name}_topocentric_vacuum.fits" in capsys.readouterr().out
    assert (tmp_path / f"{name}_topocentric_vacuum.txt").is_file()
    assert app.run([command, *given, "--frame", "barycentric"]) == 2  # no velocity in these headers
    assert not list(tmp_path.glob("*barycentric*"))


def test_negative_flux_and_too_little_light_at_the_join_are_told_apart(tmp_path: Path) -> None:
    vis = written(tmp_path / "v_FLUXCAL.fits", "VIS", VIS, FLUX * np.ones(VIS.size))
    below = written(tmp_path / "n_FLUXCAL.fits", "NIR", NIR, -FLUX * np.ones(NIR.size))
    assert "the flux of the redder arm is negative where the arms overlap" in join_files(vis, below).warnings[0]
    partly = written(tmp_path / "p_FLUXCAL.fits", "NIR", NIR, np.where(NIR < 815, -FLUX, FLUX))
    assert "the flux of the redder arm is negative where the arms overlap (in 18 of" in join_files(vis, partly).warnings[0]
    faint = written(tmp_path / "f_FLUXCAL.fits", "NIR", NIR, FLUX * np.ones(NIR.size), noise=20.0, seed=5)
    joined = join_files(vis, faint)
    assert "too little light" in joined.warnings[0] or "negative" in joined.warnings[0]
    assert joined.joined is not None
    assert not joined.joined.applied
    apart = written(tmp_path / "a_FLUXCAL.fits", "NIR", NIR + 60.0, FLUX * np.ones(NIR.size))
    assert "the arms do not overlap" in join_files(vis, apart).warnings[0]


def test_a_standard_through_another_slit_is_said(tmp_path: Path) -> None:
    target = written(tmp_path / "s_FLUXCAL.fits", "VIS", VIS, FLUX * air(VIS, 1.3, 3.0), **{"ESO INS VISE NAME": "SLIT1.0"})
    star = written(
        tmp_path / "w_FLUXCAL.fits", "VIS", VIS, 30 * FLUX * air(VIS, 1.2, 3.0), noise=0.05, AIRMASS=1.2, OBJECT="HIP 1", RA=10.0,
        **{"ESO INS VISE NAME": "SLIT5.0"},
    )  # fmt: skip
    assert any("through SLIT5.0, the target through SLIT1.0" in warning for warning in take_out_telluric(target, [star]).warnings)


def test_spectra_without_telluric_absorption_are_joined_by_their_corrected_flux(target: Path, tmp_path: Path) -> None:
    corrected = take_out_telluric(target, [hot_star(tmp_path)]).path
    nir = written(tmp_path / "n_FLUXCAL.fits", "NIR", NIR, FLUX * np.ones(NIR.size))
    path = join_files(corrected, nir, apply_scale=False).path
    assert path == tmp_path / "sn_JOINED.fits"
    blue = column(path, "WAVE") < 797.0
    np.testing.assert_allclose(column(path, "FLUX")[blue], column(corrected, "FLUX")[column(corrected, "WAVE") < 797.0])


def test_the_spectrum_comes_last_so_that_it_says_that_its_picture_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, hdus: object) -> Path:
        raise KeyboardInterrupt

    arms = two_arms(tmp_path)
    monkeypatch.setattr("soxspipe.reductions.finish.write_fits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        join_files(*arms)
    assert (tmp_path / "v_JOINED.pdf").is_file()
    assert not (tmp_path / "v_JOINED.fits").exists()


def test_arms_on_both_sides_of_right_ascension_zero_show_one_target(tmp_path: Path) -> None:
    vis = written(tmp_path / "v_FLUXCAL.fits", "VIS", VIS, FLUX * np.ones(VIS.size), RA=359.9999)
    nir = written(tmp_path / "n_FLUXCAL.fits", "NIR", NIR, FLUX * np.ones(NIR.size), seed=4, RA=0.0001)
    assert join_files(vis, nir).joined is not None
