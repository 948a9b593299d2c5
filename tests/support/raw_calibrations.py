"""Raw calibration frames in memory, and whole sets on disk for small detectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.instruments import registry
from soxspipe.io.simulated_calibrations import write_calibration_set
from soxspipe.io.simulated_facts import make_scene_of, read_facts
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibration_truth import CalibrationTruth
from soxspipe.simulate.calibrations import CalibrationSet, make_calibration_set
from soxspipe.simulate.crop import crop
from support.small import WINDOWS, small_facts

full_instruments = registry.instruments


def in_memory(
    electrons: np.ndarray, *, exptime_s: float = 60.0, name: str = "frame.fits", gain: float = 1.0, border: int = 0
) -> RawCalibration:
    """A frame with `border` columns beside the science area on either side."""
    adu = electrons / gain
    detector = Detector(
        science_columns=(border, adu.shape[1] - border), science_rows=(0, adu.shape[0]), gain_e_per_adu=gain, read_noise_e=5.0
    )  # fmt: skip
    return RawCalibration(
        name=name,
        observation=Observation(arm="NIR", kind="DARK", exptime_s=exptime_s),
        shape=adu.shape,
        read_rows=lambda start, stop: adu[start:stop],
        detector=detector,
    )


def noisy(
    n: int, level: float = 10.0, sigma: float = 5.0, shape: tuple[int, int] = (120, 150), seed: int = 1, **how: object
) -> list[RawCalibration]:
    """Frames of Gaussian noise about a level."""
    rng = np.random.default_rng(seed)
    return [in_memory(level + sigma * rng.normal(size=shape), name=f"frame_{i}.fits", **how) for i in range(n)]


def simulated(arm: str, **values: object) -> CalibrationSet:
    """A set of the part of the detector that `support.small` keeps."""
    scene = make_scene_of(CalibrationScene, {"arm": arm, **values})
    return make_calibration_set(scene, crop(read_facts(scene), *WINDOWS["SOXS", arm]))


def frames_of(made: CalibrationSet, *stems: str) -> list[RawCalibration]:
    """Frames of a simulated set as the algorithms take them."""
    frames = []
    for plan, adu in made.frames():
        if plan.stem in stems:
            frames.append(
                RawCalibration(
                    name=f"{plan.stem}_{plan.number}.fits",
                    observation=Observation(arm=made.scene.arm, kind=plan.dpr_type, exptime_s=plan.exptime_s),
                    shape=adu.shape,
                    read_rows=lambda start, stop, adu=adu: adu[start:stop],
                    detector=made.detector,
                    lamps=tuple(lamp.upper() for lamp in plan.lamps) or ("QTH",),
                )
            )
    return frames


def write_small_set(folder: Path, arm: str, **values: object) -> list[Path]:
    """Write a set for the small detector of an arm; sets-of-files first, the truth last."""
    scene = make_scene_of(CalibrationScene, {"arm": arm, "lamp_electrons": 40000.0, **values})
    with mock.patch.object(registry, "instruments", full_instruments):
        facts = small_facts(read_facts(scene))
    return write_calibration_set(make_calibration_set(scene, facts), folder)


def pull(values: np.ndarray, truth: np.ndarray, variance: np.ndarray, use: np.ndarray) -> float:
    """Standard deviation of (value - truth) / error, freed of a common offset (the drift of levels)."""
    z = ((values - truth) / np.sqrt(variance))[use]
    return float(np.std(z - np.mean(z)))


def sound(truth: CalibrationTruth) -> np.ndarray:
    """Pixels without a defect."""
    return (truth.images["HOT"] + truth.images["COLD"] + truth.images["UNSTABLE"]) == 0


def write_sof(path: Path, files: Sequence[Path]) -> Path:
    """A set-of-files."""
    path.write_text("".join(f"{file}\n" for file in files))
    return path


def no_bad(frames: Sequence[RawCalibration]) -> np.ndarray:
    """A map without bad pixels for these frames."""
    return np.zeros(frames[0].detector.shape, dtype=bool)
