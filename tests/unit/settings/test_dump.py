"""Settings printed and saved: they read back the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from soxspipe.settings.dump import default_yaml, dump_settings, parameters
from soxspipe.settings.load import LoadedSettings, load_settings
from soxspipe.settings.published_names import leaves


def load(source: Any, *, recipe: str = "soxs-stare", arm: str = "VIS", instrument: str = "SOXS") -> LoadedSettings:
    return load_settings(source, instrument=instrument, recipe=recipe, arm=arm)


@pytest.mark.parametrize("instrument", ["SOXS", "XSHOOTER"])
def test_printed_defaults_read_back_as_the_defaults(instrument: str) -> None:
    content = yaml.safe_load(default_yaml(instrument))
    for recipe in ("soxs-stare", "soxs-stare-std"):
        for arm in ("VIS", "NIR"):
            assert load(content, recipe=recipe, arm=arm, instrument=instrument) == load(None, recipe=recipe, arm=arm, instrument=instrument)


def test_printed_defaults_describe_every_setting() -> None:
    text = default_yaml("SOXS")
    for leaf in leaves():
        assert f"{leaf.spelling}: " in text
        assert str(leaf.info.description) in text


def test_saved_settings_read_back_the_same() -> None:
    chosen = {"order_deg": 6, "object_slit_arcsec": -1.5, "qc-acceptable-ranges": {"snr median": [1, 2]}, "plots": {"report": False}}
    settings = load(chosen).settings
    text = dump_settings(settings, recipe="soxs-stare", arm="VIS")
    assert load(yaml.safe_load(text)).settings == settings


def test_parameters_carry_the_published_names_in_file_order() -> None:
    listed = dict(parameters(load(None).settings))
    assert listed["stacked-clipping-sigma"] == 15.0
    assert listed["max_iteration"] == 5
    assert listed["bspline-deg"] == 2
    assert "qc-acceptable-ranges" not in listed
    assert list(listed)[:3] == ["use_flat", "subtract_background", "use_lacosmic"]
