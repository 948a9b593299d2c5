"""Publishing: all of a run's files or none, the same bytes each time, and nobody's files but its own."""

import hashlib
import json
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
import yaml
from astropy.io import fits

from soxspipe.datamodel.provenance import InputFile
from soxspipe.errors import ProductError, ProductExistsError
from soxspipe.io import atomic
from soxspipe.reductions import publish
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare import figures
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.load import load_settings
from soxspipe.settings.stare import StareSettings
from support.runs import claim_products, make_stare_run, measure_metrics, merged_path, publish_stare


@pytest.fixture(scope="module")
def run():
    return make_stare_run("NIR", standard=True)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_give_the_same_bytes(tmp_path, run):
    for name in ("one", "two"):
        publish_stare(run, tmp_path / name, StepTimer())
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_later_time_changes_only_what_says_when(tmp_path, run):
    publish_stare(run, tmp_path / "one", StepTimer())
    publish_stare(replace(run, made_at="2026-01-01T00:00:00"), tmp_path / "two", StepTimer())
    for path in (tmp_path / "one").rglob("*.fits"):
        twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
        with fits.open(path) as first, fits.open(twin) as second:
            differing = {k for a, b in zip(first, second, strict=True) for k in a.header if a.header[k] != b.header[k]}
        assert differing <= {"DATE", "SXSPRE", "CHECKSUM"}, path.name


def test_a_failure_leaves_what_was_there_untouched(tmp_path, run):
    publish_stare(run, tmp_path, StepTimer())
    before = contents(tmp_path)

    def broken(_run):
        yield b"half a file"
        raise OSError(28, "No space left on device")

    rows = tuple(replace(row, contents=broken) if row.label == "SPECTRUM_1D" else row for row in STARE.products)
    with pytest.raises(ProductError, match=r"SPECTRUM_1D.*No space left"):
        publish.publish(replace(STARE, products=rows), replace(run, made_at="2027-01-01T00:00:00"), tmp_path, StepTimer())
    assert contents(tmp_path) == before


def test_the_merged_spectrum_is_named_last(tmp_path, run, monkeypatch):
    names = []
    replaced = atomic.os.replace
    monkeypatch.setattr(atomic.os, "replace", lambda source, target: (names.append(str(target)), replaced(source, target))[1])
    publish_stare(run, tmp_path, StepTimer())
    assert names[-1] == str(merged_path(run.provenance, tmp_path))


def test_products_that_this_run_does_not_make_do_not_stay_behind(tmp_path, run):
    publish_stare(run, tmp_path, StepTimer())
    without = replace(run, result=replace(run.result, fluxed=None, efficiency=None))
    published = publish_stare(without, tmp_path, StepTimer())
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not any(name.endswith(("_FLUXCAL.fits", "_EFFICIENCY.fits")) for name in left)
    assert left == {record.path.name for record in published.products}
    assert published.final.name.endswith("_EXTRACTED_MERGED.fits")


def test_existing_products_are_not_made_again(tmp_path, run):
    with claim_products(run.provenance, tmp_path, overwrite=False):
        publish_stare(run, tmp_path, StepTimer())
    with pytest.raises(ProductExistsError, match="-x"), claim_products(run.provenance, tmp_path, overwrite=False):
        pytest.fail("the body must not run")
    with claim_products(run.provenance, tmp_path, overwrite=True):
        pass


@pytest.mark.parametrize("spoil", ["emptied", "a pipe", "cut short"])
def test_a_product_that_cannot_be_read_is_not_taken_for_made(tmp_path, run, spoil):
    publish_stare(run, tmp_path, StepTimer())
    path = merged_path(run.provenance, tmp_path)
    content = path.read_bytes()
    path.unlink()
    if spoil == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(content[:1000] if spoil == "cut short" else b"")
    with pytest.raises(ProductError, match="exists, but cannot be read; use -x"), claim_products(run.provenance, tmp_path, overwrite=False):
        pytest.fail("the body must not run")


def test_of_two_runs_at_once_one_makes_the_products(tmp_path, run):
    outcome = []

    def attempt():
        try:
            with claim_products(run.provenance, tmp_path, overwrite=False, timeout_s=20):
                publish_stare(run, tmp_path, StepTimer())
            outcome.append("made")
        except ProductExistsError:
            outcome.append("there already")

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["made", "there already", "there already"]


def test_ranges_are_enforced_for_standards_and_overridden_by_settings():
    standard, science = make_stare_run("NIR", standard=True), make_stare_run("NIR")
    assert any(metric.flag == "fail" for metric in measure_metrics(standard))  # three orders instead of fifteen
    assert all(metric.flag == "pass" for metric in measure_metrics(science))
    settings = StareSettings(
        make_plots=False, qc_acceptable_ranges={"n-orders": (3, 3), "snr-median": (1, 1e4), "inner-order-pix-mean": (-1e9, 1e9)}
    )
    assert all(metric.flag == "pass" for metric in measure_metrics(replace(standard, settings=settings)))


PLOTS = StareSettings.plot_names
PICTURES = ("PDF", "HTML")


def drawn(run, **settings) -> set[str]:
    """Names of the plots that a run makes with some settings."""
    chosen = replace(run, settings=StareSettings(**settings))
    rows = [part for row in STARE.products if row.file_type in PICTURES and row.when(chosen) for part in row.parts(chosen)]
    return {row.label.lower().replace(" ", "_") for row in rows}


def test_every_plot_has_a_switch_of_its_own():
    run = make_stare_run("VIS", standard=True)
    assert set(PLOTS) == {row.label.lower().replace(" ", "_") for row in STARE.products if row.file_type in PICTURES}
    usual = drawn(run)
    assert usual == set(PLOTS)
    for name in PLOTS:
        assert drawn(run, plots={name: False}) == usual - {name}
        assert drawn(run, make_plots=False, plots={name: True}) == {name}
    assert drawn(run, make_plots=False) == set()


def test_sky_model_plots_are_drawn_unless_they_are_not_wanted():
    run = make_stare_run("VIS", standard=True)
    name = "sky_model_qc_plots"
    unwanted = {"sky_model_qc_plot": False}
    for asked in (drawn(run), drawn(replace(run, debug=True), sky=unwanted), drawn(run, sky=unwanted, plots={name: True})):
        assert name in asked
    assert name not in drawn(run, sky=unwanted)
    assert name not in drawn(run, sky={"sky_model_qc_plot": True}, plots={name: False})
    assert name not in drawn(replace(run, debug=True), make_plots=False)


def test_a_single_plot_is_made(tmp_path, run):
    settings = StareSettings(make_plots=False, plots={"extracted_merged_qc_plot": True})
    published = publish_stare(replace(run, settings=settings), tmp_path, StepTimer())
    pictures = [record for record in published.products if record.file_type in ("PDF", "HTML")]
    assert [record.label for record in pictures] == ["EXTRACTED_MERGED_QC_PLOT"]
    assert pictures[0].path.read_bytes().startswith(b"%PDF")


def test_the_report_has_the_checksums_of_raw_frames(tmp_path, run):
    there, gone = tmp_path / "raw.fits", tmp_path / "gone.fits"
    there.write_bytes(b"photons")
    raw = tuple(InputFile(path=str(path), category="OBJECT_VIS") for path in (there, gone))
    page = b"".join(figures.report(replace(run, provenance=replace(run.provenance, raw=raw)))).decode()
    assert hashlib.md5(b"photons").hexdigest() in page
    assert "not computed" in page


def test_every_step_is_reported(tmp_path, run):
    reports = []
    publish_stare(run, tmp_path, StepTimer(reports.append))
    assert [report.step for report in reports] == ["measure quality", "write products"]
    assert "N ORDERS" in reports[0].note


def test_the_settings_used_are_saved_and_can_be_read_again(tmp_path, run):
    published = publish_stare(run, tmp_path, StepTimer())
    path = next(record.path for record in published.products if record.label == "SETTINGS")
    assert yaml.safe_load(path.read_text())["soxs-stare-std"]["nir"]["use_flat"] is True
    assert load_settings(path, instrument="SOXS", recipe="soxs-stare-std", arm="NIR").settings == run.settings


def test_qc_json_says_what_happened(tmp_path, run):
    unmeasured = replace(run.result, diagnostics={"bad": float("nan"), "good": 1.5}, warnings=("be careful",))
    published = publish_stare(replace(run, result=unmeasured), tmp_path, StepTimer())
    answer = json.loads(next(record.path for record in published.products if record.label == "QC").read_text())
    assert answer["verdict"] == published.verdict == "Not good"  # as terminal and report say
    assert answer["level"] == "fail"
    assert answer["diagnostics"] == {"bad": None, "good": 1.5}
    assert answer["warnings"] == ["be careful"]
    by_name = {row["name"]: row for row in answer["metrics"]}
    assert by_name["N ORDERS"] == {
        "name": "N ORDERS", "value": 3, "unit": "", "comment": "Number of orders containing an object trace", "order": "-1",
        "low": 15, "high": 15, "flag": "fail",
    }  # fmt: skip
    assert by_name["X RES SD"]["value"] is None


def test_names_from_outside_stay_inside_the_output_folder(tmp_path, run):
    provenance = replace(run.provenance, sof_name="../../../evil/<b>", night="../..", recipe="soxs-stare-std")
    publish_stare(replace(run, provenance=provenance), tmp_path / "out", StepTimer())
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert not np.any([".." in path.parts for path in (tmp_path / "out").rglob("*")])


def test_a_listener_that_raises_leaves_nothing(tmp_path, run):
    def raises(report):
        raise RuntimeError("a logger that is broken")

    with pytest.raises(RuntimeError, match="broken"), claim_products(run.provenance, tmp_path, overwrite=True):
        publish_stare(run, tmp_path, StepTimer(raises))
    assert contents(tmp_path) == {}


def test_a_folder_in_the_place_of_the_last_product_leaves_the_old_set(tmp_path, run):
    publish_stare(run, tmp_path, StepTimer())
    before = contents(tmp_path)
    made = sorted(path for path in tmp_path.rglob("*.pdf") or tmp_path.rglob("*") if path.is_file())
    blocked = next(path for path in (made or sorted(tmp_path.rglob("*.fits"))) if path != merged_path(run.provenance, tmp_path))
    content = blocked.read_bytes()
    blocked.unlink()
    blocked.mkdir()
    with pytest.raises(ProductError, match="a folder is in its place"):
        publish_stare(replace(run, made_at="2027-01-01T00:00:00"), tmp_path, StepTimer())
    blocked.rmdir()
    blocked.write_bytes(content)
    assert contents(tmp_path) == before


def test_what_exists_is_compared_with_what_is_wanted(tmp_path, run):
    publish_stare(run, tmp_path, StepTimer())
    made = run.provenance
    with pytest.raises(ProductExistsError, match="exists already"), claim_products(made, tmp_path, overwrite=False):
        pass
    name, value = next((name, value) for name, value in made.parameters if isinstance(value, bool))
    changed = tuple((key, not value if key == name else old) for key, old in made.parameters)
    with (
        pytest.raises(ProductError, match=rf"other settings \({name} was {value}, is now {not value}\); use -x"),
        claim_products(replace(made, parameters=changed), tmp_path, overwrite=False),
    ):
        pass
    more = replace(made, raw=(*made.raw, InputFile(path="/data/another.fits", category="OBJECT_NIR")))
    with pytest.raises(ProductError, match="other inputs; use -x"), claim_products(more, tmp_path, overwrite=False):
        pass
    with claim_products(more, tmp_path, overwrite=True):
        pass


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_set_whose_name_differs_in_case_is_never_overwritten(tmp_path, run, overwrite):
    publish_stare(run, tmp_path, StepTimer())
    before = contents(tmp_path)
    other = replace(run.provenance, sof_name=run.provenance.sof_name.swapcase())
    with pytest.raises(ProductError, match="belongs to the set of files"), claim_products(other, tmp_path, overwrite=overwrite):
        pass
    assert contents(tmp_path) == before


def test_the_science_product_alone_has_a_shortened_name(tmp_path, run):
    long = replace(run, provenance=replace(run.provenance, sof_name="20250302T020000_NIR_1X1_SLIT1.0_600PT0S_STARE_SOXS_sn2026abc_visit_2"))
    names = {record.label: record.path.name for record in publish_stare(long, tmp_path, StepTimer()).products}
    short = names.pop("SPECTRUM_1D")
    assert len(short) == 68
    assert short.startswith("20250302T020000_NIR_1X1_SLIT1.0_600PT0S_STAR_")
    assert short.endswith("_SPECTRUM_1D.fits")
    names["OBJECT_TRACE"] = names["OBJECT_TRACE"].replace(long.provenance.sof_name.upper(), long.provenance.sof_name)
    assert all(name.startswith(long.provenance.sof_name) for name in names.values())


def test_no_two_sets_of_a_night_share_the_name_of_the_science_product():
    sets = [
        f"20250302T0200{second:02}_{arm}_1X1_SLIT1.0_600PT0S_STARE_SOXS_{target}_F{number}"
        for second in range(0, 60, 10) for arm in ("NIR", "VIS") for target in ("SN2026abc", "SN2026abd", "LTT7987") for number in range(1, 60)
    ]  # fmt: skip
    row = next(row for row in STARE.products if row.label == "SPECTRUM_1D")
    names = {row.named(name, str(row.suffix)) for name in sets}
    assert len(names) == len(sets) == 2124
    assert max(map(len, names)) == 68


def test_a_set_that_is_called_as_another_was_shortened_is_refused(tmp_path, run):
    long = replace(run, provenance=replace(run.provenance, sof_name="a" * 90))
    published = publish_stare(long, tmp_path, StepTimer())
    shortened = next(record.path.name for record in published.products if record.label == "SPECTRUM_1D").removesuffix("_SPECTRUM_1D.fits")
    before = contents(tmp_path)
    for overwrite in (False, True):
        twin = replace(run.provenance, sof_name=shortened)
        with pytest.raises(ProductError, match="belongs to the set of files"), claim_products(twin, tmp_path, overwrite=overwrite):
            pass
        with claim_products(replace(long.provenance, sof_name="a" * 89), tmp_path, overwrite=overwrite):
            pass
    with claim_products(long.provenance, tmp_path, overwrite=True):
        pass
    assert contents(tmp_path) == before


def test_the_shortened_product_goes_with_its_set(tmp_path, run):
    long = replace(run, provenance=replace(run.provenance, sof_name="a" * 90))
    for _ in range(2):
        publish_stare(long, tmp_path, StepTimer())
        assert len(list(tmp_path.rglob("*SPECTRUM_1D.fits"))) == 1
