"""Scene files: ranges, defaults, and what is refused."""

import pytest
from pydantic import ValidationError

from soxspipe.errors import MissingInputError, SettingsError
from soxspipe.io.simulated_facts import make_scene, read_scene
from soxspipe.simulate.scene import Scene


def test_one_number_stands_for_every_exposure():
    scene = Scene(exposures=3, seeing_arcsec=0.8, transparency=[1.0, 0.5, 0.9])
    assert scene.exposure_seeing == (0.8, 0.8, 0.8)
    assert scene.exposure_transparency == (1.0, 0.5, 0.9)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"seeing_arcsec": [0.8, 0.9], "exposures": 3}, "seeing_arcsec"),
        ({"target": "file"}, "spectrum_file"),
        ({"arm": "UVB"}, "arm"),
        ({"binning": [2, 2]}, "binning"),
        ({"arm": "VIS", "binning": [4, 1]}, "binning"),
        ({"dispersion_range": [100, 120]}, "dispersion_range"),
        ({"airmass": 0.5}, "airmass"),
        ({"magnitude": 17}, "magnitude"),
        ({"seeing_arcsec": -1.0}, "seeing_arcsec"),
    ],
)
def test_what_cannot_be_observed_is_refused_by_name(values, key):
    with pytest.raises(SettingsError, match=key):
        make_scene(values)


def test_a_scene_cannot_be_changed():
    with pytest.raises(ValidationError):
        Scene().ab_mag = 12.0


def test_a_dark_is_delivered_in_the_near_infrared_unless_told_otherwise():
    assert Scene(arm="NIR").delivers_dark
    assert not Scene(arm="VIS").delivers_dark
    assert Scene(arm="VIS", with_dark=True).delivers_dark


def test_scene_file_with_overrides(tmp_path):
    path = tmp_path / "scene.yaml"
    path.write_text("arm: VIS\nab_mag: 18\nbinning: [2, 1]\nspectrum_file: sn.txt\ntarget: file\n", encoding="utf-8")
    scene = read_scene(path, {"seed": 7})
    assert (scene.arm, scene.ab_mag, scene.binning, scene.seed) == ("VIS", 18.0, (2, 1), 7)
    assert scene.spectrum_file == str(tmp_path / "sn.txt")


def test_scene_files_that_are_none(tmp_path):
    with pytest.raises(MissingInputError):
        read_scene(tmp_path / "none.yaml")
    path = tmp_path / "list.yaml"
    path.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="keys and values"):
        read_scene(path)
    path.write_text("a: [1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="not YAML"):
        read_scene(path)
