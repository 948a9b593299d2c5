"""A simulated night as files whose headers have, and lack, what real ones do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from astropy.io import fits

from soxspipe.datamodel.arrays import Image
from soxspipe.io.simulated import EPOCH, raw_header, write_truth
from soxspipe.io.simulated_calibrations import raw_calibration_header, write_calibration_truth
from soxspipe.io.simulated_facts import read_facts
from soxspipe.simulate.calibrations import CalibrationSet, make_calibration_set
from soxspipe.simulate.night_scene import Afternoon, ArmName, NightScene, Visit, afternoons, visits
from soxspipe.simulate.observe import simulate

TRUTH = "truth"


def write_arm(night: NightScene, arm: ArmName, folder: Path) -> list[Path]:
    """Simulate and write all frames of one arm.

    Parameters
    ----------
    night : NightScene
        What to simulate.
    arm : str
        Of the spectrograph.
    folder : Path
        Raw frames go here, truths to ``truth`` below it.

    Returns
    -------
    list of Path
        Raw frames, in order of time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [path for run in afternoons(night, arm) for path in _write_afternoon(night, run, folder)]
    return [*written, *(path for visit in visits(night, arm) for path in _write_visit(night, visit, folder))]


def _write_afternoon(night: NightScene, run: Afternoon, folder: Path) -> list[Path]:
    simulated = make_calibration_set(run.scene, read_facts(run.scene))
    shift = _noon_mjd(night) + run.begins_h / 24.0 - simulated.plans[0].mjd
    starts: dict[tuple[str, str], float] = {}
    paths = []
    for plan, adu in simulated.frames():
        mjd = plan.mjd + shift
        start = starts.setdefault((plan.stem, plan.slit), mjd)
        header = raw_calibration_header(simulated, plan)
        _set(header, _calibration_cards(simulated, mjd, start))
        for keyword in ("ESO OBS TARG NAME", "ESO ADA ABSROT END", "ESO DET CHIP RON"):
            header.remove(keyword, ignore_missing=True)
        _set(header, _detector_cards(run.scene.arm, plan.exptime_s))
        paths.append(_write(folder, run.scene.arm, mjd, adu, header))
    if night.with_truth:
        (folder / TRUTH).mkdir(exist_ok=True)
        write_calibration_truth(folder / TRUTH / f"calibrations_{run.scene.arm}_{run.scene.slit_width_arcsec:g}.fits", simulated.truth())
    return paths


def _write_visit(night: NightScene, visit: Visit, folder: Path) -> list[Path]:
    scene = visit.scene
    simulated = simulate(scene, read_facts(scene))
    begins = _noon_mjd(night) + visit.begins_h / 24.0
    shift = begins - simulated.mjd[0]
    paths = []
    for number, (adu, mjd) in enumerate(zip(simulated.raw_adu, simulated.mjd, strict=True), start=1):
        header = raw_header(scene, simulated, mjd)
        header.remove("ESO DET CHIP RON", ignore_missing=True)
        cards = {
            "DATE-OBS": _iso(mjd + shift), "MJD-OBS": mjd + shift, "ESO OBS ID": visit.ob_id, "ESO OBS NAME": visit.ob_name,
            "ESO TPL START": _iso(begins)[:19], "ESO TPL NAME": "SOXS_slt_obs_StareSynchro", "ESO TPL EXPNO": number,
            "ESO TPL NEXP": scene.exposures, "ESO ADA ABSROT END": visit.rotator_deg, "ARCFILE": _name(scene.arm, mjd + shift),
        }  # fmt: skip
        _set(header, cards)
        _set(header, _detector_cards(scene.arm, scene.exptime_s))
        paths.append(_write(folder, scene.arm, mjd + shift, adu, header))
    if night.with_truth:
        (folder / TRUTH).mkdir(exist_ok=True)
        write_truth(folder / TRUTH / f"{scene.target_name}_{scene.arm}.fits", simulated.truth)
    return paths


def _calibration_cards(simulated: CalibrationSet, mjd: float, start: float) -> dict[str, Any]:
    return {
        "DATE-OBS": _iso(mjd), "MJD-OBS": mjd, "ESO OBS ID": 100, "ESO OBS NAME": "CalibDaytime", "ESO TPL START": _iso(start)[:19],
        "ESO TPL NAME": f"SOXS_cal_{simulated.scene.arm}", "ARCFILE": _name(simulated.scene.arm, mjd),
    }  # fmt: skip


def _detector_cards(arm: str, exptime_s: float) -> dict[str, Any]:
    """What the read-out software of each arm writes: the near infrared knows no read noise, the sequence takes longer than EXPTIME."""
    if arm == "NIR":
        return {"ESO DET CHIP RON": 0.0, "ESO DET NDIT": 1, "ESO DET SEQ1 EXPTIME": exptime_s + 3.3, "ESO DET READ CURID": 3}
    return {"ESO DET OUT1 RON": 3.8}


def _write(folder: Path, arm: str, mjd: float, adu: Image, header: fits.Header) -> Path:
    path = folder / _name(arm, mjd)
    fits.PrimaryHDU(adu, header=header).writeto(path, overwrite=True)
    return path


def _set(header: fits.Header, cards: dict[str, Any]) -> None:
    for keyword, value in cards.items():
        header[f"HIERARCH {keyword}" if keyword.startswith("ESO ") else keyword] = value


def _noon_mjd(night: NightScene) -> float:
    return (datetime.fromisoformat(night.evening) - EPOCH) / timedelta(days=1) + 0.5


def _iso(mjd: float) -> str:
    return (EPOCH + timedelta(days=mjd)).isoformat(timespec="milliseconds")


def _name(arm: str, mjd: float) -> str:
    return f"SOXS.{arm}.{re.sub(':', '_', _iso(mjd))}.fits"
