"""The scene of a whole small night: afternoon calibrations, standards and targets in both arms, with one geometry and one detector each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from soxspipe.simulate.calibration_scene import CalibrationKind, CalibrationScene
from soxspipe.simulate.scene import Scene

ArmName = Literal["VIS", "NIR"]
STANDARDS = ("LTT7987", "GD71")
FIRST_TARGET_OB, FIRST_STANDARD_OB = 4100, 4000
"""Any numbers."""
AFTERNOON_H, STANDARD_H, TARGETS_H, LAST_STANDARD_H = 6.0, 12.3, 13.0, 20.5
"""Hours after noon (UT) at which calibrations, first standard, targets and last standard begin; the NTT's night is about 0 to 9 h UT."""

ALL_KINDS: tuple[CalibrationKind, ...] = ("bias", "dark", "pinhole_arc", "pinhole_flat", "flat", "multi_pinhole_arc")
EXPOSURES_APART = 1000
"""Exposure numbers left to each observation, so that no two share their noise."""
ARMS_MEET_NM = 820.0
"""Where the magnitudes of targets hold: the arms show one star."""
FIRST_TARGET_RA_DEG, TARGETS_APART_DEG = 150.0, 2.5
"""Right ascension of the first target, and from one to the next: a night goes from west to east."""


class NightScene(BaseModel):
    """A small night; every field has a range, and its description is the reference of the scene file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(1, ge=0, description="seed of detector, geometry and noise; the same seed gives the same bits")
    arms: tuple[ArmName, ...] = Field(("VIS", "NIR"), description="arms")
    evening: str = Field("2026-03-01", pattern=r"^\d{4}-\d{2}-\d{2}$", description="date of the evening")
    standards: int = Field(2, ge=0, le=2, description="flux standards: one in the evening, one in the morning")
    targets: int = Field(3, ge=0, le=40, description="targets: supernovae, from 16.5 mag (820 nm) fainter by 0.5 mag each, then again")
    exposures: int = Field(1, ge=1, le=6, description="exposures of each target and arm")
    exptime_s: float = Field(300.0, gt=0.0, le=7200.0, description="exposure time of the targets, s")
    standard_exptime_s: float = Field(60.0, gt=0.0, le=7200.0, description="exposure time of the standards, s")
    slit_arcsec: float = Field(1.0, gt=0.2, le=10.0, description="slit of the targets, arcsec")
    standard_slit_arcsec: float = Field(5.0, gt=0.2, le=10.0, description="slit of the standards, arcsec")
    bias_frames: int = Field(5, ge=1, le=100, description="raw bias frames (VIS)")
    dark_frames: int = Field(3, ge=1, le=100, description="raw darks of each exposure time (NIR): those of lamps, standards and targets")
    flat_frames: int = Field(5, ge=1, le=100, description="raw flats of each lamp and slit")
    geometry_shift_px: tuple[float, float] = Field((0.8, -0.6), description="shift of the true geometry against the predicted one, px")
    geometry_rotation_deg: float = Field(0.02, ge=-0.5, le=0.5, description="its rotation, degrees")
    geometry_stretch: float = Field(0.0005, ge=-0.01, le=0.01, description="its relative change of scale")
    with_truth: bool = Field(True, description="write the truth of every observation and of the calibrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One observation of the night in one arm: its scene, when it begins (hours after noon, UT), and what its header says besides."""

    scene: Scene
    begins_h: float
    ob_id: int
    ob_name: str
    rotator_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Afternoon:
    """A run of calibrations in one arm and when it begins."""

    scene: CalibrationScene
    begins_h: float


def visits(night: NightScene, arm: ArmName) -> tuple[Visit, ...]:
    """Standards and targets of one arm, in order of time."""
    made = [_standard(night, arm, number) for number in range(night.standards)]
    made += [_target(night, arm, number) for number in range(night.targets)]
    return tuple(sorted(made, key=lambda visit: visit.begins_h))


def afternoons(night: NightScene, arm: ArmName) -> tuple[Afternoon, ...]:
    """Calibrations of one arm: all kinds with the targets' slit, then flats with the standards' slit where that differs."""
    lamps = CalibrationScene.model_fields["lamp_exptime_s"].default
    times = (lamps, *((night.standard_exptime_s,) if night.standards else ()), *((night.exptime_s,) if night.targets else ()))
    shared: dict[str, Any] = {
        **_geometry(night, arm), "bias_frames": night.bias_frames, "dark_frames": night.dark_frames, "flat_frames": night.flat_frames,
        "off_frames": 1, "dark_times_s": tuple(sorted(set(times))) if arm == "NIR" else None,
    }  # fmt: skip
    first = CalibrationScene(**shared, slit_width_arcsec=night.slit_arcsec, kinds=ALL_KINDS)
    if not night.standards or night.standard_slit_arcsec == night.slit_arcsec:
        return (Afternoon(scene=first, begins_h=AFTERNOON_H),)
    more = CalibrationScene(
        **shared, slit_width_arcsec=night.standard_slit_arcsec, kinds=("flat",), first_exposure=EXPOSURES_APART
    )  # fmt: skip
    return Afternoon(scene=first, begins_h=AFTERNOON_H), Afternoon(scene=more, begins_h=AFTERNOON_H + 3.0)


def _geometry(night: NightScene, arm: ArmName) -> dict[str, Any]:
    return {
        "arm": arm, "seed": night.seed, "geometry_shift_px": night.geometry_shift_px,
        "geometry_rotation_deg": night.geometry_rotation_deg, "geometry_stretch": night.geometry_stretch,
    }  # fmt: skip


def _flexure(arm: ArmName, rotator_deg: float) -> dict[str, Any]:
    """How far the lines have moved since the afternoon: in the VIS arm by the law of the instrument, for which the rotator counts."""
    return {"rotator_deg": rotator_deg, "flexure_dispersion_px": 0.3, "flexure_by_law": arm == "VIS"}


def _standard(night: NightScene, arm: ArmName, number: int) -> Visit:
    rotator_deg = 20.0 - 65.0 * number
    scene = Scene(
        **_geometry(night, arm), target="standard", name=STANDARDS[number], exptime_s=night.standard_exptime_s,
        slit_width_arcsec=night.standard_slit_arcsec, airmass=(1.15, 1.4)[number], seeing_arcsec=((0.9,), (1.1,))[number],
        first_exposure=(10 + number) * EXPOSURES_APART, **_flexure(arm, rotator_deg),
    )  # fmt: skip
    return Visit(
        scene=scene, begins_h=(STANDARD_H, LAST_STANDARD_H)[number], ob_id=FIRST_STANDARD_OB + number, ob_name=f"STD_{STANDARDS[number]}",
        rotator_deg=rotator_deg,
    )  # fmt: skip


def _target(night: NightScene, arm: ArmName, number: int) -> Visit:
    rotator_deg = -40.0 + 25.0 * (number % 5)
    name = f"SN2026s{chr(ord('a') + number % 26)}{'' if number < 26 else number // 26}"
    scene = Scene(
        **_geometry(night, arm), target="supernova", name=name, ra_deg=FIRST_TARGET_RA_DEG + number * TARGETS_APART_DEG,
        ab_mag=16.5 + 0.5 * (number % 5),
        mag_wavelength_nm=ARMS_MEET_NM, exptime_s=night.exptime_s,
        exposures=night.exposures, slit_width_arcsec=night.slit_arcsec, airmass=1.05 + 0.1 * (number % 6),
        seeing_arcsec=(0.8 + 0.1 * (number % 4),), offset_arcsec=0.4 - 0.3 * (number % 3), redshift=0.01 + 0.005 * number,
        first_exposure=(20 + number) * EXPOSURES_APART, **_flexure(arm, rotator_deg),
    )  # fmt: skip
    room_h = (LAST_STANDARD_H - TARGETS_H) / max(1, night.targets)
    return Visit(
        scene=scene, begins_h=TARGETS_H + number * room_h, ob_id=FIRST_TARGET_OB + number, ob_name=f"{name}_AUTO",
        rotator_deg=rotator_deg,
    )  # fmt: skip
