"""Options laid over settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from soxspipe.errors import SettingsError
from soxspipe.settings.disp_solution import DispSolutionSettings
from soxspipe.settings.load import load_settings
from soxspipe.settings.order_centres import OrderCentresSettings
from soxspipe.settings.overlay import overlaid, poly_digits
from soxspipe.settings.spatial_solution import SpatialSolutionSettings


def test_an_option_wins_over_the_block_of_the_recipe() -> None:
    source = overlaid({"soxs-disp-solution": {"poly": "1111"}, "verbose": True}, poly_digits(5345, 4))
    loaded = load_settings(source, instrument="SOXS", recipe="soxs-disp-solution", arm="NIR", model=DispSolutionSettings)
    assert loaded.settings.poly == "5345"


def test_an_option_wins_over_the_block_of_the_arm_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("soxs-stare: {use_flat: False, vis: {compat: 0.19}}\n")
    loaded = load_settings(overlaid(path, {"compat": "0.17"}), instrument="SOXS", recipe="soxs-stare", arm="VIS")
    assert (loaded.settings.compat, loaded.settings.use_flat) == ("0.17", False)
    digits = overlaid({"soxs-order-centres": {"nir": {"poly": "22"}}}, poly_digits(46, 2))
    found = load_settings(digits, instrument="SOXS", recipe="soxs-order-centres", arm="NIR", model=OrderCentresSettings)
    assert found.settings.poly == "46"


def test_settings_of_a_class_cannot_be_changed() -> None:
    with pytest.raises(SettingsError, match="cannot be changed by an option"):
        overlaid(DispSolutionSettings(), {"poly": "1111"})


def test_without_an_option_settings_are_as_they_were() -> None:
    given = {"soxs-disp-solution": {}}
    assert overlaid(given, poly_digits(False, 4)) is given


@pytest.mark.parametrize("orders", ["12", "12a4", "٣٣٣٣", True, -123, 1.5])
def test_anything_but_digits_is_a_type_error(orders: object) -> None:
    with pytest.raises(TypeError, match="4 digits"):
        poly_digits(orders, 4)


def test_published_settings_are_read() -> None:
    """Lists [x, y], and one number for both axes."""
    block = {"nir": {"order-deg": [4, 3], "wavelength-deg": 5, "pixel-window-size": 9, "poly-clipping-iteration-limit": 6}}
    loaded = load_settings(
        {"soxs-spat-solution": block}, instrument="SOXS", recipe="soxs-spat-solution", arm="NIR", model=SpatialSolutionSettings
    )
    assert (loaded.settings.arc.order_deg, loaded.settings.arc.wavelength_deg, loaded.settings.arc.slit_deg) == ((4, 3), (5, 5), (1, 2))
    assert not loaded.warnings


def test_order_centres_take_the_block_of_the_reference() -> None:
    block = {"detect-continuum": {"order-deg": 4, "disp-axis-deg": 6, "slice-length": 30}}
    loaded = load_settings(
        {"soxs-order-centres": block}, instrument="SOXS", recipe="soxs-order-centres", arm="VIS", model=OrderCentresSettings
    )
    assert (loaded.settings.continuum.order_deg, loaded.settings.continuum.disp_axis_deg) == (4, 6)
