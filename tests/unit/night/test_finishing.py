"""Targets and standards of a night find their way to the last step, unless the settings say no."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from soxspipe.datamodel.spectrum import FluxedSpectrum
from soxspipe.io.products import fluxed_hdus, write_fits
from soxspipe.night.finishing import finish
from soxspipe.night.run import Night, Request, plan_folder
from soxspipe.night.state import Outcome
from support.night_headers import whole_night, write_headers
from support.nights import every_recipe


def spectrum(path: Path, name: str) -> None:
    wave = np.round(np.arange(640.0, 850.0, 0.06), 2)
    flux = 1.0 - 0.5 * np.exp(-0.5 * ((wave - 820.0) / 3.0) ** 2)
    value = FluxedSpectrum(wavelength_nm=wave, flux=flux, error=np.full(wave.size, 0.01), quality=np.zeros(wave.size, int))
    cards = {"INSTRUME": "SOXS", "ESO SEQ ARM": "VIS", "OBJECT": name, "AIRMASS": 1.2, "MJD-OBS": 61000.0, "RA": 10.0, "DEC": -30.0}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_fits(path, fluxed_hdus(tuple((k, v, "") for k, v in cards.items()), value, limits=False))


def made(tmp_path: Path) -> tuple[Night, Request]:
    """A night of which one target and one standard of the visual arm have spectra."""
    write_headers(tmp_path / "raw", whole_night())
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
