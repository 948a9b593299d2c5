"""Settings: the reference pipeline's own nesting, flat names, refusals that name key, value and range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from soxspipe.errors import SettingsError
from soxspipe.settings.load import LoadedSettings, load_settings
from soxspipe.settings.published_names import leaves
from soxspipe.settings.stare import StareSettings

REFERENCE = """
version: 1
instrument: soxs
save-intermediate-products: False
workspace-root-dir: ./
PAE: False
summary-keys: {default: [MJDOBS], verbose: [MJDOBS], nodding_extras: []}
background-subtraction:
  bspline-deg: 3
  gaussian-blur-sigma: 40
soxs-response:
  vis: {max_iteration: 4, poly_order: 6}
  nir: {max_iteration: 6, poly_order: 8}
soxs-mbias: {frame-clipping-sigma: 3}
soxs-stare:
  use_flat: True
  subtract_background: False
  stacked-clipping-sigma: 11
  use_lacosmic: False
  vis:
    horne-extraction-slit-length: 17
    detect-continuum: {order-sample-count: 120, slice-length: 61}
    sky-subtraction: {percentile_clipping_sigma: 3, clip-slit-edge-fraction: 0.05, starting_points_per_knot: 1000, sky_model_qc_plot: False}
  nir:
    horne-extraction-slit-length: 19
    detect-continuum: {slice-length: 41}
soxs-stare-std:
  stacked-clipping-sigma: 13
  nir: {qc-acceptable-ranges: {detector-temp: [0, 50]}}
"""


def load(source: Any, *, recipe: str = "soxs-stare", arm: str = "VIS", instrument: str = "SOXS") -> LoadedSettings:
    return load_settings(source, instrument=instrument, recipe=recipe, arm=arm)


def test_reference_file_is_accepted_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "soxspipe.yaml"
    path.write_text(REFERENCE)
    loaded = load(path)
    settings = loaded.settings
    assert loaded.warnings == ()
    assert {"version", "summary-keys", "soxs-mbias", "percentile_clipping_sigma", "starting_points_per_knot"} <= set(loaded.unused)
    assert not settings.subtract_background
    assert not settings.use_lacosmic
    assert settings.stack.stacked_clipping_sigma == 11
    assert settings.background.bspline_deg == 3
    assert settings.background.gaussian_blur_sigma == 40
    assert settings.extraction.horne_extraction_slit_length == 17
    assert (settings.continuum.order_sample_count, settings.continuum.slice_length) == (120, 61)
    assert settings.sky.clip_slit_edge_fraction == 0.05
    assert (settings.response.max_iteration, settings.response.poly_order) == (4, 6)


RELEASE_019 = """
soxs-response:
  vis: {max_iteration: 10, bin_width_nm: 2, knot_spacing_nm: 40, clip_sigma_low: 4, clip_sigma_high: 3, min_bin_samples: 5,
        telluric_regions: [[685, 700]], telluric_wing_max_nm: 0, telluric_wing_ref_nm: 30, telluric_wing_threshold: 0.05, stellar_lines: [486.1],
        line_half_width_nm: 2.5, selfcal_bands: [[400, 500]], clip_frac_max: 0.15, max_gap_nm_max: 40, selfcal_res_max: 0.05, smoothing_penalty: 0}
soxs-stare:
  stack_before_extraction: True
  vis:
    detect-continuum: {max-unsampled-trace-fraction: 0.2, faint-order-trace: True, faint-order-min-bin-snr: 3.0, same-source-max-join-arcsec: 2.0}
    slit-illumination: {measure-offset: True, overlap-margin-arcsec: 0.3}
    sky-subtraction: {object_wing_correction: True, object_wing_min_leak_sigma: 0.03}
    sky-tuning: {global-fit: True, order-deg: 1, along-order-deg: 1, slope-min-lines: 8, clip-sigma: 3.0}
no-stack: False
"""


def test_settings_of_release_019_are_known() -> None:
    loaded = load(yaml.safe_load(RELEASE_019))
    assert loaded.warnings == ()
    assert {"slit-illumination", "sky-tuning", "bin_width_nm", "faint-order-trace"} <= set(loaded.unused)
    assert loaded.settings.response.max_iteration == 10
    assert loaded.settings.continuum.order_deg == load(None).settings.continuum.order_deg


@pytest.mark.parametrize("release", ["0.17", 0.17])
def test_release_to_follow_as_text_or_number(release: Any) -> None:
    assert load({"compat": release}).settings.compat == "0.17"
    assert load(None).settings.compat == "0.19"
    with pytest.raises(SettingsError, match=r"setting 'compat' is '0\.18', '0\.19' or '0\.17' is needed"):
        load({"compat": "0.18"})


def test_arm_and_recipe_choose_their_blocks() -> None:
    content = yaml.safe_load(REFERENCE)
    nir = load(content, arm="NIR").settings
    assert (nir.extraction.horne_extraction_slit_length, nir.response.poly_order) == (19, 8)
    standard = load(content, arm="NIR", recipe="soxs-stare-std").settings
    assert standard.stack.stacked_clipping_sigma == 13
    assert standard.extraction.horne_extraction_slit_length == 15
    assert standard.qc_acceptable_ranges == {"detector-temp": (0.0, 50.0)}


def test_a_file_without_a_standard_block_gives_its_stare_block_to_standards() -> None:
    assert load({"soxs-stare": {"use_flat": False}}, recipe="soxs-stare-std").settings.use_flat is False


@pytest.mark.parametrize(
    "leaf", [leaf for leaf in leaves() if leaf.field not in ("plots", "qc_acceptable_ranges")], ids=lambda leaf: leaf.field
)
@pytest.mark.parametrize("hyphens", [True, False])
def test_every_setting_is_read_flat_and_nested_with_hyphen_or_underscore(leaf: Any, hyphens: bool) -> None:
    words = {"0.19": "0.17", "topocentric": "barycentric", "air": "vacuum"}
    other = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v * 0.9, str: words.__getitem__}
    default = load(None).settings
    holder = getattr(default, leaf.section) if leaf.section else default
    value = getattr(holder, leaf.field)
    wanted = other[type(value)](value) if value is not None else 1.5
    name = leaf.field.replace("_", "-") if hyphens else leaf.field
    for content in ({name: wanted}, {"soxs-stare": {"vis": {leaf.block: {name: wanted}} if leaf.block else {name: wanted}}}):
        loaded = load(content)
        changed = getattr(loaded.settings, leaf.section) if leaf.section else loaded.settings
        assert getattr(changed, leaf.field) == wanted
        assert loaded.warnings == ()


def test_defaults_differ_by_instrument_arm_and_recipe() -> None:
    assert load(None, arm="VIS").settings.continuum.slice_length == 70
    assert load(None, arm="NIR").settings.continuum.slice_length == 50
    assert load(None, arm="NIR").settings.response.poly_order == 7
    xsh = load(None, instrument="XSHOOTER", arm="UVB", recipe="soxs-stare-std").settings
    assert (xsh.stack.stacked_clipping_sigma, xsh.continuum.slice_length, xsh.continuum.disp_axis_deg) == (5.0, 30, 5)


@pytest.mark.parametrize("source", [None, False, {}, "empty"])
def test_nothing_given_means_the_defaults(source: Any, tmp_path: Path) -> None:
    if source == "empty":
        source = tmp_path / "empty.yaml"
        source.write_text("# nothing\n")
    assert load(source) == load(None)


def test_settings_are_taken_as_they_are() -> None:
    settings = StareSettings(use_flat=False)
    assert load(settings).settings is settings


def test_empty_values_leave_the_default() -> None:
    assert load({"slice_length": None, "sky-subtraction": None}) == load(None)
    assert load({"object_slit_arcsec": None}).settings.object_slit_arcsec is None


def test_unknown_key_is_a_warning_with_the_nearest_name() -> None:
    assert load({"slice_lenght": 40}).warnings == (
        "setting 'slice_lenght' is not known and has no effect; did you mean 'detect-continuum: slice-length'?",
    )
    assert load({"zzz": 1}).warnings == ("setting 'zzz' is not known and has no effect",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"order_deg": "three"}, "'detect-continuum: order-deg' is 'three', a whole number from 0 to 9 is needed"),
        ({"order_deg": 3.5}, "is 3.5, a whole number from 0 to 9"),
        ({"order_deg": True}, "is True, a whole number"),
        ({"order_deg": 12}, "is 12, a whole number from 0 to 9"),
        ({"use_flat": "perhaps"}, "'use_flat' is 'perhaps', true or false is needed"),
        ({"stacked_clipping_sigma": 0}, "is 0, a number above 0 is needed"),
        ({"gaussian_blur_sigma": float("nan")}, "is nan, a number from 0 to 1000"),
        ({"clip_slit_edge_fraction": 0.5}, "is 0.5, a number from 0 and below 0.45"),
        ({"object_slit_arcsec": 9}, "is 9, a number from -6 to 6, or empty"),
        ({"detect-continuum": 3}, "setting 'detect-continuum' is '3', a block of key: value pairs"),
        ({"soxs-stare": [1]}, r"a block of key: value pairs is needed"),
        ({"qc-acceptable-ranges": {"snr": [1]}}, r"'qc-acceptable-ranges: snr' is \[1\], \[low, high\] is needed"),
        ({"qc-acceptable-ranges": 4}, "is 4, a mapping of metric names"),
        (["a"], "not as list"),
    ],
)
def test_wrong_values_name_key_value_and_range(content: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load(content)


def test_plots_are_named_in_any_spelling() -> None:
    settings = load({"plots": {"SKY SUBTRACTION QUICKLOOK": False, "object-trace-res": True}}).settings
    assert settings.plots == {"sky_subtraction_quicklook": False, "object_trace_res": True}


@pytest.mark.parametrize(
    ("plots", "message"),
    [
        ({"extracted_orders_plot": False}, "there is no plot 'extracted_orders_plot'; did you mean 'extracted_orders_qc_plot'"),
        ({"q": False}, "there is no plot 'q'; known are bkground, object_trace_res"),
        ({"report": "no"}, "'plots: report' is 'no', true or false is needed"),
        ({"report": 1}, "'plots: report' is 1, true or false is needed"),
        (["report"], r"'plots' is \['report'\], a mapping of names to true or false"),
        (False, "'plots' is False, a mapping of names to true or false"),
    ],
)
def test_wrong_plots_are_refused(plots: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load({"plots": plots})


def test_settings_made_in_a_program_refuse_unknown_plots() -> None:
    with pytest.raises(ValidationError, match="there is no plot 'nonsense'"):
        StareSettings(plots={"nonsense": True})


def test_whole_numbers_written_as_floats_are_taken() -> None:
    assert load({"order_deg": 3.0}).settings.continuum.order_deg == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\xfa", r"not UTF-8 text \(byte 0\)"),
        (b"a: [1", "line 2: did not find"),
        (b"- 1\n- 2", "holds list at its top"),
        (b"just text", "holds str at its top"),
        (b"a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (b"a: &x [*x]", "nested deeper"),
        (b"a: &a [1]\n" + b"\n".join(b"k%d: *a" % i for i in range(40)), "refers more than 16 times to anchors"),
        (b"a: " + b"[" * 500_000, "nested deeper than 12 levels|exceeded maximum nesting depth"),  # ours or that of a newer libyaml
        (b"x: " + b"1" * (1 << 20), "larger than 1 MB"),
        (b"? [a]\n: 1", "unhashable key|holds"),
    ],
)
def test_hostile_files_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"bad\.yaml: .*({message})") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml: cannot be read \(No such file"):
        load(tmp_path / "none.yaml")


def test_messages_about_a_file_name_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("use_flatt: false\n")
    (warning,) = load_settings(path, instrument="SOXS", recipe="soxs-stare", arm="VIS").warnings
    assert warning.startswith(f"settings file {path}: setting 'use_flatt' is not known")
    path.write_text("make_plots: {a: 1}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, instrument="SOXS", recipe="soxs-stare", arm="VIS")
    assert str(caught.value) == f"settings file {path}: setting 'make_plots' is {{'a': 1}}, true or false is needed"
    path.write_text("order-deg: 2025-01-01\n")
    with pytest.raises(SettingsError, match=r"'detect-continuum: order-deg' is 2025-01-01, a whole number"):
        load_settings(path, instrument="SOXS", recipe="soxs-stare", arm="VIS")
