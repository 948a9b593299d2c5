"""Static tables: complete for every arm, and standard stars found by any of their names."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from soxspipe.instruments.registry import instruments
from soxspipe.io import static

ARMS = [(instrument.name, name) for instrument in instruments() for name in instrument.arms]


@pytest.mark.parametrize(("instrument", "arm"), ARMS)
def test_every_arm_has_its_tables(instrument: str, arm: str) -> None:
    facts = next(entry for entry in instruments() if entry.name == instrument).arms[arm]
    orders = static.read_spectral_format(instrument, arm).orders
    assert all(entry.full_nm[0] < entry.full_nm[1] for entry in orders)
    assert all(entry.clean_nm[0] < entry.clean_nm[1] for entry in orders)
    bad = static.read_bad_pixels(instrument, arm, (1, 1))
    assert bad is not None
    assert bad.shape == facts.detector.shape
    lines = static.read_sky_lines(instrument, arm)
    covered = (lines.wavelength_nm > orders[0].full_nm[0]) & (lines.wavelength_nm < orders[0].full_nm[1])
    assert covered.any()
    extinction = static.read_extinction(facts.arm.extinction_site)
    assert np.all(np.diff(extinction.wavelength_nm) > 0)


def test_spectral_format_values() -> None:
    vis = static.read_spectral_format("SOXS", "VIS")
    assert vis[1].full_nm == (524.5, 685.0)
    assert vis[1].clean_nm == (538.0, 675.0)
    nir = static.read_spectral_format("SOXS", "NIR")
    assert len(nir.orders) == 15
    assert nir[10].clean_nm == nir[10].full_nm == (1858.3, 2032.9)


def test_bad_pixel_maps_follow_the_binning() -> None:
    binned = static.read_bad_pixels("SOXS", "VIS", (2, 1))
    assert binned is not None
    assert binned.shape == (4096, 404)
    assert static.read_bad_pixels("SOXS", "VIS", (4, 4)) is None
    xsh = static.read_bad_pixels("XSHOOTER", "NIR", (1, 1))
    assert xsh is not None
    assert 0.004 < xsh.mean() < 0.007


def test_extinction_and_bands() -> None:
    assert static.read_extinction("lasilla").factor(np.array([400.0]), 1.0)[0] == pytest.approx(10**0.12)
    bands = static.read_telluric_bands()
    assert bands.contains(np.array([762.0, 780.0])).tolist() == [True, False]
    assert bands.contains(np.array([1180.0]), response_only=True).tolist() == [False]
    wavelength, transmission = static.read_telluric_transmission()
    assert wavelength.shape == transmission.shape
    assert 0 <= transmission.min() <= transmission.max() <= 1.001


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("LTT7987", "LTT7987"),
        ("ltt 7987", "LTT7987"),
        ("CD-30 17706", "LTT7987"),
        ("WD2007-303", "LTT7987"),
        ("CD-38 10980", "EG274"),
        ("EG_274 V=11.0", "EG274"),
        ("CD-32 5613", "LTT3218"),
        ("CPD-69 177", "EG21"),
        ("EG 21", "EG21"),
        ("GD71", "GD71"),
        ("Feige-110", "Feige110"),
        ("STD_LTT3218_1", "LTT3218"),
        ("HD111980", "CS_HD111980"),
        ("LTT1020", "CT_LTT1020"),
    ],
)
def test_star_by_name(name: str, found: str) -> None:
    star, message = static.find_standard(name, None, None)
    assert star is not None
    assert star.name == found
    assert message == ""
    assert np.all(np.diff(star.wavelength_nm) > 0)


def test_star_by_position_says_so() -> None:
    star, message = static.find_standard("TARGET-1", 302.7369 + 0.005, -30.2185)
    assert star is not None
    assert star.name == "LTT7987"
    assert "stands at its position" in message


def test_a_star_that_has_moved_since_2000_is_found() -> None:
    years = 25.0
    moved = 2.66e-3 * 1000 * years / 3600 / np.cos(np.radians(-64.84)), -0.35 * years / 3600  # LTT 4364, Gaia DR3
    star, message = static.find_standard("TARGET-1", 176.428833 + moved[0] + 0.01, -64.8415278 + moved[1])
    assert star is not None
    assert star.name == "CT_LTT4364"
    assert "stands at its position" in message
    assert static.find_standard("TARGET-1", 302.736875, -30.2185 + 160 / 3600)[0] is None


def test_unknown_star_and_wrong_pointing() -> None:
    assert "add a RESP_TAB of another star" in static.find_standard("TARGET-1", 10.0, 10.0)[1]
    assert static.find_standard("TARGET-1", 10.0, 10.0)[0] is None
    assert static.find_standard("", None, None)[0] is None


def test_a_name_that_contradicts_the_position() -> None:
    """The position decides where a star of the library stands; where none does, the name is believed and it is said."""
    star, message = static.find_standard("GD71", 302.7369, -30.2185)
    assert star is not None
    assert star.name == "LTT7987"
    assert message == "standard star 'GD71' does not stand there; LTT7987 stands at its position and is used"
    star, message = static.find_standard("LTT7987", 10.0, 10.0)
    assert star is not None
    assert star.name == "LTT7987"
    assert "arcmin from LTT7987, at a place where no star of the library stands; the name is believed" in message


def test_preferred_spectra_reach_the_near_infrared() -> None:
    for name in ("LTT7987", "EG274", "LTT3218", "EG21"):
        star, _ = static.find_standard(name, None, None)
        assert star is not None
        assert star.wavelength_nm[0] < 301
        assert star.wavelength_nm[-1] > 2490


def test_geometry_members() -> None:
    assert static.read_geometry("model/soxs_nir").shape == (58, 5)
    assert static.read_geometry("pinholes/xsh_vis").shape[0] == 5
    assert static.read_single_sky_lines("nir")[0].size == 1574


def test_members_of_an_archive_are_read_by_one_thread_at_a_time() -> None:
    at_once: list[str] = []
    most: list[int] = []

    class Members(dict[str, int]):
        def __getitem__(self, name: str) -> int:
            at_once.append(name)
            time.sleep(0.002)
            most.append(len(at_once))
            at_once.remove(name)
            return 1

    archive = static._Archive(Members(a=1, b=1))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(archive.__getitem__, "abab")) == [1] * 4
    assert max(most) == 1
    assert "a" in archive
    assert (list(archive), len(archive)) == (["a", "b"], 2)
