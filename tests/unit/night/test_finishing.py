"""Targets and standards of a night find their way to the last step, unless the settings say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.io.products import fluxed_hdus, write_fits
from soxspipe.night.finishing import finish, finishings, link_arms
from soxspipe.night.run import Night, Request, plan_folder
from soxspipe.night.state import Outcome, files_below, read_record, still_holds, write_record
from support.night_headers import EVENING, Exposure, whole_night, write_headers
from support.nights import every_recipe


def spectrum(path: Path, name: str) -> None:
    wave = np.round(np.arange(640.0, 850.0, 0.06), 2)
    flux = 1.0 - 0.5 * np.exp(-0.5 * ((wave - 820.0) / 3.0) ** 2)
    value = FluxedSpectrum(wavelength_nm=wave, flux=flux, error=np.full(wave.size, 0.01), quality=np.zeros(wave.size, int))
    when = {"sn": 61000.0, "star": 61000.02}[name]
    cards = {"INSTRUME": "SOXS", "ESO SEQ ARM": "VIS", "OBJECT": name, "AIRMASS": 1.2, "MJD-OBS": when, "RA": 10.0, "DEC": -30.0}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fits(path, fluxed_hdus(tuple((k, v, "") for k, v in cards.items()), value, limits=False))


def apart(frames: list[Exposure]) -> list[Exposure]:
    """The second target stands elsewhere in the sky."""
    return [replace(frame, cards={**frame.cards, "RA": 100.0}) if frame.cards["OBJECT"] == "AT2026xyz" else frame for frame in frames]


def made(tmp_path: Path) -> tuple[Night, Request]:
    """A night of which one target and one standard of the visual arm have spectra."""
    write_headers(tmp_path / "raw", apart(whole_night()))
    request = Request(folder=tmp_path / "raw", output=tmp_path / "out")
    plan = plan_folder(request, takes=every_recipe)
    target = next(task for task in plan.tasks if task.frames.rule.kind == "science" and task.frames.arm == "VIS")
    star = next(task for task in plan.tasks if task.frames.rule.kind == "flux standard" and task.frames.arm == "VIS")
    outcomes = {}
    for task, name in ((target, "sn"), (star, "star")):
        file = f"reduced/{name}_FLUXCAL.fits"
        spectrum(tmp_path / "out" / file, name)
        outcomes[task.name] = replace(Outcome(name=task.name, verb=task.verb), files=((file, 1),))
    return Night(plan=plan, outcomes=outcomes), request


def test_the_target_is_corrected_by_the_standard(tmp_path: Path) -> None:
    assert [path.name for path in finish(*made(tmp_path)).made] == ["sn_TELLURIC.fits"]


def test_a_target_is_finished_as_a_task_of_the_graph_after_both_arms_and_all_standards(tmp_path: Path) -> None:
    night, request = made(tmp_path)
    steps = finishings(night.plan, request)
    assert [len(step.targets) for step in steps] == [2, 2], "two targets in both arms"
    assert {name.rpartition("_")[2] for name in steps[0].targets} == {"SN2026abc"}
    assert [len(step.standards) for step in steps] == [2, 2]
    assert steps[0].after == (*steps[0].targets, *steps[0].standards)
    done = replace(night, sequels={step.name: step(tuple(night.outcomes.values())) for step in steps})
    path = tmp_path / "out/reduced/sn_TELLURIC.fits"
    at = path.stat().st_mtime_ns
    finished = finish(done, request)
    assert (finished.made, path.stat().st_mtime_ns) == ((path,), at), "it is not made twice"
    assert finished.remarks == finish(night, request).remarks


def test_targets_at_one_place_are_finished_together_whatever_their_names(tmp_path: Path) -> None:
    write_headers(tmp_path / "raw", whole_night())
    request = Request(folder=tmp_path / "raw", output=tmp_path / "out")
    assert [len(step.targets) for step in finishings(plan_folder(request, takes=every_recipe), request)] == [4]


def test_targets_of_several_nights_are_finished_together(tmp_path: Path) -> None:
    write_headers(tmp_path / "raw", [*whole_night(), *whole_night(EVENING + timedelta(days=1))])
    request = Request(folder=tmp_path / "raw", output=tmp_path / "out")
    assert finishings(plan_folder(request, takes=every_recipe), request) == ()


def test_the_setting_leaves_the_spectra_as_they_are(tmp_path: Path) -> None:
    night, request = made(tmp_path)
    settings = tmp_path / "mine.yaml"
    settings.write_text("finish_spectra: false\n", encoding="utf-8")
    assert finish(night, replace(request, settings=str(settings))).made == ()


def test_the_settings_ask_for_another_medium(tmp_path: Path) -> None:
    night, request = made(tmp_path)
    settings = tmp_path / "mine.yaml"
    settings.write_text("wavelength_medium: vacuum\n", encoding="utf-8")
    names = [path.name for path in finish(night, replace(request, settings=str(settings))).made]
    assert names == ["sn_TELLURIC.fits", "sn_TELLURIC_topocentric_vacuum.fits"]


def test_the_report_that_was_written_first_leads_to_the_other_arm_and_its_record_still_holds(tmp_path: Path) -> None:
    night, _ = made(tmp_path)
    output, pages, spectra = tmp_path / "out", [], []
    tasks = [
        next(task for task in night.plan.tasks if task.frames.rule.kind == "science" and task.frames.arm == arm) for arm in ("VIS", "NIR")
    ]
    outcomes = {}
    for task in tasks:
        page, spectrum = output / f"qc/{task.frames.arm}_report.html", output / f"reduced/{task.frames.arm}_FLUXCAL.fits"
        for path in (page, spectrum):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('<h1>x</h1><p class="also">See also: <a href="a.fits">table</a></p>', encoding="utf-8")
        outcome = Outcome(
            name=task.name, verb=task.verb, night="2026-03-01", status="done", report=str(page), files=files_below(output, [page, spectrum]),
            fingerprint="same",
        )  # fmt: skip
        write_record(output, outcome)
        outcomes[task.name] = outcome
        pages.append(page)
        spectra.append(spectrum)
    night = replace(night, outcomes=outcomes)
    for _ in range(2):  # once more changes nothing
        link_arms(night, [(spectra[0], spectra[1])])
        assert [page.read_text(encoding="utf-8") for page in pages] == [
            f'<h1>x</h1><p class="also">See also: <a href="{arm}_report.html">the same target in {arm}</a> · <a href="a.fits">table</a></p>'
            for arm in ("NIR", "VIS")
        ]
    for outcome in outcomes.values():
        assert still_holds(output, read_record(output, "2026-03-01", outcome.name), "same") is not None
