"""Instruments as data: every file of the registry builds, and says what the interface contract says."""

from __future__ import annotations

import pytest

from soxspipe.instruments.registry import arm, detector, find_instrument, instruments

ARMS = [(instrument.name, name) for instrument in instruments() for name in instrument.arms]


@pytest.mark.parametrize(
    ("instrument", "name", "shape"),
    [
        ("SOXS", "VIS", (4096, 808)),
        ("SOXS", "NIR", (2040, 2040)),
        ("XSHOOTER", "UVB", (3000, 2048)),
        ("XSHOOTER", "VIS", (4000, 2048)),
        ("XSHOOTER", "NIR", (2040, 1056)),
    ],
)
def test_trimmed_shape(instrument: str, name: str, shape: tuple[int, int]) -> None:
    assert detector(instrument, name).shape == shape


def test_binned_shape_is_truncated() -> None:
    assert detector("SOXS", "VIS", binning=(2, 1)).shape == (4096, 404)
    assert detector("SOXS", "VIS", binning=(2, 2)).shape == (2048, 404)


def test_header_values_replace_the_defaults() -> None:
    used = detector("soxs", "vis", gain_e_per_adu=0.6)
    assert (used.gain_e_per_adu, used.read_noise_e) == (0.6, 3.8)


def test_vis_orders_on_disk_are_those_of_the_detector() -> None:
    vis = arm("SOXS", "VIS")
    assert vis.numbered_as("0.19").disk_order == {}
    before = vis.numbered_as("0.17").disk_order
    assert {before[number]: band for number, band in vis.bands.items()} == {1: "i", 2: "r", 3: "g", 4: "u"}


@pytest.mark.parametrize(("instrument", "name"), ARMS)
def test_every_arm_is_complete(instrument: str, name: str) -> None:
    facts = find_instrument(instrument).arms[name]
    assert facts.needs in ("bias", "dark")
    assert facts.arm.merge_step_nm == (0.06 if name == "NIR" else 0.02)
    assert facts.arm.slit_length_arcsec == (12.0 if instrument == "SOXS" else 11.0)
    assert facts.arm.resolving_power_1arcsec is not None
    assert facts.slit_keyword.startswith("ESO INS ")


@pytest.mark.parametrize("name", ["SOXS", "soxs", "XSHOOTER", "SHOOT", "xsh", " xshooter "])
def test_names_of_header_and_settings_find_the_instrument(name: str) -> None:
    assert find_instrument(name).name in ("SOXS", "XSHOOTER")


def test_unknown_instrument() -> None:
    with pytest.raises(KeyError, match="UVES"):
        find_instrument("UVES")
