"""Facts of simulated scenes that are read from files: spectra and standards of the user and of the library."""

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError, MissingInputError, SettingsError
from soxspipe.io.simulated_facts import make_scene, read_facts, read_spectrum


def test_user_spectrum_from_text_and_table(tmp_path):
    text = tmp_path / "sn.txt"
    text.write_text("# angstrom flux\n4000 1e-16\n9000 2e-16\n", encoding="utf-8")
    star = read_spectrum(text)
    np.testing.assert_allclose(star.wavelength_nm, [400.0, 900.0])
    columns = [fits.Column("wave", "D", array=[900.0, 400.0]), fits.Column("flux", "D", array=[2.0, -1.0])]
    table = tmp_path / "sn.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(table)
    star = read_spectrum(table)
    np.testing.assert_allclose(star.wavelength_nm, [400.0, 900.0])
    np.testing.assert_allclose(star.flux, [0.0, 2.0])
    facts = read_facts(make_scene({"target": "file", "spectrum_file": str(text), "arm": "VIS"}))
    assert facts.target is not None


def test_what_is_no_spectrum_is_refused(tmp_path):
    with pytest.raises(MissingInputError):
        read_spectrum(tmp_path / "none.txt")
    for content in ("one two\n", "500 1\n"):
        bad = tmp_path / "bad.txt"
        bad.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"bad\.txt"):
            read_spectrum(bad)


def test_an_unknown_key_of_a_scene_is_named_with_the_nearest():
    with pytest.raises(SettingsError, match=r"armm: is not known; did you mean 'arm'\? \(got 'NIR'\)$"):
        make_scene({"armm": "NIR"})
    with pytest.raises(SettingsError, match=r"colour: is not known; `soxspipe simulate --keys` lists all keys"):
        make_scene({"colour": "red"})
    with pytest.raises(SettingsError, match=r"arm: Input should be 'NIR', 'VIS' or 'UVB' \(got 'XX'\)$"):
        make_scene({"arm": "XX"})


def test_unknown_standard_names_the_library():
    with pytest.raises(SettingsError, match="LTT7987"):
        read_facts(make_scene({"target": "standard", "name": "VEGA"}))
