"""A simulated night: what its headers have and lack, and that the organiser makes of it what it should."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.io import simulated_night
from soxspipe.io.simulated_facts import read_facts
from soxspipe.io.simulated_night import write_arm
from soxspipe.night.index import open_index
from soxspipe.night.organise import organise
from soxspipe.simulate.night_scene import NightScene, afternoons, visits
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import Facts
from support.small import small_facts

SMALL = NightScene(
    standards=1, targets=2, exposures=2, bias_frames=2, dark_frames=2, flat_frames=2, geometry_shift_px=(0, 0), geometry_rotation_deg=0,
    geometry_stretch=0, with_truth=False,
)  # fmt: skip


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night") / "raw"

    def small(scene: Scene) -> Facts:
        return small_facts(read_facts(scene))

    with mock.patch.object(simulated_night, "read_facts", small):
        for arm in SMALL.arms:
            write_arm(SMALL, arm, folder)
    return folder


def test_visits_follow_each_other_and_share_no_noise() -> None:
    made = visits(NightScene(), "VIS")
    assert [visit.scene.is_standard for visit in made] == [True, False, False, False, True]
    times = [visit.begins_h for visit in made]
    assert times == sorted(times)
    starts = [visit.scene.first_exposure for visit in made]
    assert len(set(starts)) == len(starts)
    assert {visit.scene.seed for visit in made} == {1}
    assert len({(visit.scene.geometry_shift_px, visit.scene.geometry_rotation_deg) for visit in made}) == 1


def test_flats_are_taken_with_every_slit() -> None:
    assert [run.scene.slit_width_arcsec for run in afternoons(NightScene(), "NIR")] == [1.0, 5.0]
    assert afternoons(NightScene(), "NIR")[0].scene.dark_times_s == (20.0, 60.0, 300.0)
    assert len(afternoons(NightScene(standards=0), "VIS")) == 1


def test_headers_are_as_real_ones(raw: Path) -> None:
    headers = [fits.getheader(path) for path in sorted(raw.glob("*.fits"))]
    lamps = [header for header in headers if "LAMP" in header["ESO DPR TYPE"]]
    stars = [header for header in headers if header["ESO DPR TECH"] == "ECHELLE,SLIT,STARE"]
    assert lamps
    assert len(stars) == 2 * (1 + 2 * 2)
    assert not any("ESO ADA ABSROT END" in header for header in lamps)
    assert all("ESO ADA ABSROT END" in header and "ARCFILE" in header for header in stars)
    assert {header["ESO DET CHIP RON"] for header in headers if header["ESO SEQ ARM"] == "NIR"} == {0.0}
    assert all("ESO DET CHIP RON" not in header for header in headers if header["ESO SEQ ARM"] == "VIS")
    starts = {(header["OBJECT"], header["ESO SEQ ARM"]): header["ESO TPL START"] for header in stars}
    assert starts["SN2026sa", "VIS"] == starts["SN2026sa", "NIR"]


def test_exposures_of_one_target_have_noise_of_their_own(raw: Path) -> None:
    stars = [fits.getdata(path) for path in sorted(raw.glob("*VIS*.fits")) if fits.getheader(path)["OBJECT"] == "SN2026sa"]
    assert len(stars) == 2
    assert not np.array_equal(stars[0], stars[1])


def test_the_organiser_finds_its_sets(raw: Path, tmp_path: Path) -> None:
    made = organise(open_index(tmp_path).rows(raw, tmp_path))
    assert made.left_out == ()
    counts = Counter((entry.rule.kind, entry.arm) for entry in made.sets)
    assert counts["bias", "VIS"] == 1
    assert counts["dark", "NIR"] == 3
    assert all(counts[kind, arm] == 1 for kind in ("pinhole arc", "pinhole flat", "multi-pinhole arc") for arm in ("VIS", "NIR"))
    assert all(len(entry.off_frames) == 1 for entry in made.sets if entry.rule.off_frames and entry.arm == "NIR")
    assert counts["slit flat", "VIS"] == counts["slit flat", "NIR"] == 2
    assert counts["flux standard", "VIS"] == counts["flux standard", "NIR"] == 1
    assert counts["science", "VIS"] == counts["science", "NIR"] == 2
    assert all(len(entry.frames) == 2 for entry in made.sets if entry.rule.kind == "science")


def test_both_arms_show_the_same_supernova() -> None:
    night = NightScene()
    seen = [[visit.scene for visit in visits(night, arm) if visit.scene.target == "supernova"] for arm in ("VIS", "NIR")]
    for blue, red in zip(*seen, strict=True):
        assert blue.mag_wavelength_nm is not None
        assert (blue.name, blue.ab_mag, blue.mag_wavelength_nm, blue.redshift) == (
            red.name,
            red.ab_mag,
            red.mag_wavelength_nm,
            red.redshift,
        )
