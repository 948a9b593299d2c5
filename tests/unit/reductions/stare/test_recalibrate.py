"""A response that comes later gives the flux that it would have given at once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from astropy.io import fits

from soxspipe.errors import InputError, ProductError
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare.recalibrate import recalibrate
from soxspipe.settings.stare import StareSettings
from support.counts import counts_run
from support.runs import MADE_AT, make_stare_run, publish_stare

SAME = ("_FLUXCAL.fits", "_FLUXCAL.txt", "_SPECTRUM_1D.fits", "_SPECTRUM_1D_IMAGE.fits", "_FLUXCAL_barycentric_vacuum.fits")
SETTINGS = StareSettings(make_plots=False, wavelength_frame="barycentric", wavelength_medium="vacuum")


@pytest.fixture
def response(tmp_path: Path) -> Path:
    published = publish_stare(make_stare_run("NIR", standard=True), tmp_path / "standard", StepTimer())
    return next(record.path for record in published.products if record.label == "RESPONSE_FUNC")


@pytest.fixture(autouse=True)
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.fromisoformat(MADE_AT).replace(tzinfo=UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", f"{moment.timestamp():.0f}")


def _merged(output: Path) -> Path:
    return next(output.rglob("*_EXTRACTED_MERGED.fits"))


def test_the_spectra_are_those_of_a_reduction_with_that_response_to_the_last_bit(response: Path, tmp_path: Path) -> None:
    publish_stare(counts_run(response, SETTINGS), tmp_path / "at_once", StepTimer())
    publish_stare(counts_run(None, SETTINGS), tmp_path / "later", StepTimer())
    assert not list((tmp_path / "later").rglob("*_FLUXCAL.fits"))
    made = recalibrate(_merged(tmp_path / "later"), response)
    assert made.final.name.endswith("_FLUXCAL.fits")
    for end in SAME:
        (first,), (second,) = ((tmp_path / place).rglob(f"*{end}") for place in ("at_once", "later"))
        assert first.read_bytes() == second.read_bytes(), fits.FITSDiff(first, second).report() if end.endswith("fits") else end


def test_a_set_with_a_long_name_gets_its_science_product_too(response: Path, tmp_path: Path) -> None:
    for place, given in (("at_once", response), ("later", None)):
        run = counts_run(given, SETTINGS)
        publish_stare(replace(run, provenance=replace(run.provenance, sof_name="a" * 90)), tmp_path / place, StepTimer())
    made = recalibrate(_merged(tmp_path / "later"), response)
    first, second = (sorted((tmp_path / place).rglob("*_SPECTRUM_1D*.fits")) for place in ("at_once", "later"))
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert {record.path for record in made.products if record.label.startswith("SPECTRUM_1D")} == set(second)


def test_a_better_response_takes_the_place_of_the_one_before(response: Path, tmp_path: Path) -> None:
    publish_stare(counts_run(response, SETTINGS), tmp_path / "at_once", StepTimer())
    before = {path: path.read_bytes() for path in (tmp_path / "at_once").rglob("*") if path.name.endswith(SAME)}
    better = response.with_name("BETTER_RESP.fits")
    with fits.open(response) as units:
        units["RESPONSE_SAMPLED"].data["RESPONSE"] *= 2.0
        units.writeto(better)
    recalibrate(_merged(tmp_path / "at_once"), better)
    flux = next((tmp_path / "at_once").rglob("*_FLUXCAL.fits"))
    assert "BETTER_RESP.fits" in repr(fits.getheader(flux)["ESO PRO REC1 CAL*"])
    assert response.name not in repr(fits.getheader(flux)["ESO PRO REC1 CAL*"])
    recalibrate(_merged(tmp_path / "at_once"), response)
    assert {path: path.read_bytes() for path in before} == before


def test_quality_control_no_longer_says_that_there_is_no_response(response: Path, tmp_path: Path) -> None:
    settings = StareSettings.model_validate({"make_plots": False, "plots": {"report": True}})
    publish_stare(counts_run(response, settings), tmp_path / "at_once", StepTimer())
    publish_stare(counts_run(None, settings), tmp_path / "later", StepTimer())
    (path,) = (tmp_path / "later").rglob("*_QC.json")
    assert "There was no response, so the spectrum is in counts." in json.loads(path.read_text())["worries"]
    made = recalibrate(_merged(tmp_path / "later"), response)
    now = json.loads(path.read_text())
    (at_once,) = (json.loads(found.read_text()) for found in (tmp_path / "at_once").rglob("*_QC.json"))
    for name in ("level", "verdict", "worries", "about_flux"):
        assert now[name] == at_once[name]
    assert sorted(now["warnings"]) == sorted(at_once["warnings"])
    assert {row["name"]: row["value"] for row in now["metrics"]} == {row["name"]: row["value"] for row in at_once["metrics"]}
    assert (now["response"], made.verdict) == (response.name, at_once["verdict"])
    (page,) = (tmp_path / "later").rglob("*_report.html")
    text = page.read_text(encoding="utf-8")
    assert "the spectrum is in counts" not in text
    assert f"with the response {response.name}" in text
    assert '"flux":{"title":"Flux"' in text
    assert '<section id="response">' in text
    assert "not flux-calibrated" not in text


def test_where_a_file_cannot_get_its_name_nothing_has_changed(response: Path, tmp_path: Path) -> None:
    publish_stare(counts_run(None, SETTINGS), tmp_path / "later", StepTimer())
    merged = _merged(tmp_path / "later")
    merged.with_name(merged.name.replace("_EXTRACTED_MERGED.fits", "_FLUXCAL.txt")).mkdir()
    before = {path: path.read_bytes() for path in (tmp_path / "later").rglob("*") if path.is_file()}
    with pytest.raises(ProductError, match="a folder is in its place"):
        recalibrate(merged, response)
    assert {path: path.read_bytes() for path in (tmp_path / "later").rglob("*") if path.is_file()} == before


def test_another_folder_gets_the_spectra_alone(response: Path, tmp_path: Path) -> None:
    publish_stare(counts_run(None, SETTINGS), tmp_path / "later", StepTimer())
    before = {path: path.read_bytes() for path in (tmp_path / "later").rglob("*") if path.is_file()}
    recalibrate(_merged(tmp_path / "later"), response, tmp_path / "elsewhere")
    assert {path: path.read_bytes() for path in (tmp_path / "later").rglob("*") if path.is_file()} == before
    assert sum(path.suffix == ".fits" for path in (tmp_path / "elsewhere").iterdir()) == 4


def test_what_is_not_a_spectrum_in_counts_and_what_is_not_a_response_are_named(response: Path, tmp_path: Path) -> None:
    publish_stare(counts_run(None, SETTINGS), tmp_path / "later", StepTimer())
    merged = _merged(tmp_path / "later")
    with pytest.raises(InputError, match="not a spectrum in counts"):
        recalibrate(response, response)
    with pytest.raises(InputError, match="is not a response"):
        recalibrate(merged, merged)
    old = merged.with_name("OLD_EXTRACTED_MERGED.fits")
    with fits.open(merged) as units:
        units[:2].writeto(old)
    with pytest.raises(InputError, match="earlier version"):
        recalibrate(old, response)
