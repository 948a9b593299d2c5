"""Simulate an observation: gather the facts, simulate, write."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from soxspipe.errors import SoxspipeError
from soxspipe.io.simulated import write_data_set
from soxspipe.io.simulated_calibrations import write_calibration_set
from soxspipe.io.simulated_facts import AnyScene, make_scene_of, read_facts, read_scene_of
from soxspipe.io.simulated_night import write_arm
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibrations import make_calibration_set
from soxspipe.simulate.night_scene import NightScene
from soxspipe.simulate.observe import simulate
from soxspipe.simulate.scene import Scene


def simulate_dataset(scene: Scene | Mapping[str, Any] | str | Path, folder: str | Path) -> list[Path]:
    """Simulate a scene and write the whole data set.

    Parameters
    ----------
    scene : Scene, mapping, or path
        The scene, its keys and values, or a scene file (YAML).
    folder : path
        Where to write; is made if need be.

    Returns
    -------
    list of Path
        The set-of-files first, the truth last.

    Raises
    ------
    SettingsError
        If the scene is not valid.
    """
    checked = _checked(Scene, scene)
    return write_data_set(simulate(checked, read_facts(checked)), checked, Path(folder))


def simulate_calibrations(scene: CalibrationScene | Mapping[str, Any] | str | Path, folder: str | Path) -> list[Path]:
    """Simulate raw calibration frames and write them with their truth.

    Parameters
    ----------
    scene : CalibrationScene, mapping, or path
        The scene, its keys and values, or a scene file (YAML).
    folder : path
        Where to write; is made if need be.

    Returns
    -------
    list of Path
        Sets-of-files first, the truth last.

    Raises
    ------
    SettingsError
        If the scene is not valid.
    """
    checked = _checked(CalibrationScene, scene)
    return write_calibration_set(make_calibration_set(checked, read_facts(checked)), Path(folder))


def _checked(kind: type[AnyScene], scene: AnyScene | Mapping[str, Any] | str | Path) -> AnyScene:
    """The scene, made of its keys and values or of a file if it is not one yet."""
    if isinstance(scene, kind):
        return scene
    return make_scene_of(kind, scene) if isinstance(scene, Mapping) else read_scene_of(kind, Path(scene))  # type: ignore[arg-type]


def simulate_night(night: NightScene, folder: str | Path) -> list[Path]:
    """Simulate a whole night and write it, each arm in a process of its own.

    Parameters
    ----------
    night : NightScene
        What to simulate.
    folder : path
        Where to write; is made if need be.

    Returns
    -------
    list of Path
        Raw frames.
    """
    if len(night.arms) == 1:
        return write_arm(night, night.arms[0], Path(folder))
    with ProcessPoolExecutor(max_workers=len(night.arms), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(write_arm, night, arm, Path(folder)) for arm in night.arms]
        return [path for job in jobs for path in job.result()]


def main(arguments: Sequence[str]) -> int:
    """``python -m soxspipe.reductions.simulate SCENE.yaml FOLDER``: write a data set and print its set-of-files."""
    if len(arguments) != 2:
        print("usage: python -m soxspipe.reductions.simulate SCENE.yaml FOLDER", file=sys.stderr)
        return 2
    try:
        print(simulate_dataset(arguments[0], arguments[1])[0])
    except SoxspipeError as err:
        print(f"soxspipe simulate: {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
