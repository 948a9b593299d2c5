"""Complete data sets on disk for a detector of a few thousand pixels: the whole chain, files included, runs in a fraction of a second.

The registry is told that each detector ends where the window of `WINDOWS` ends; nothing else of the package knows.  Processes of their
own run as ``python -m support.small stare my.sof ...`` with `ENVIRONMENT`; only what simulates imports the simulator.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from astropy.io import fits

from soxspipe.instruments import registry
from soxspipe.instruments.registry import ArmFacts, Instrument

if TYPE_CHECKING:
    from soxspipe.simulate.simulation import Facts

Window = tuple[tuple[int, int], tuple[int, int]]

WINDOWS: Mapping[tuple[str, str], Window] = {
    ("SOXS", "VIS"): ((1500, 2100), (600, 690)),  # band i alone
    ("SOXS", "NIR"): ((755, 1070), (500, 1000)),  # orders 17 to 19
    ("XSHOOTER", "UVB"): ((900, 1700), (700, 1100)),
    ("XSHOOTER", "VIS"): ((1500, 1900), (700, 1100)),
    ("XSHOOTER", "NIR"): ((800, 1200), (400, 700)),
}
"""Rows and columns of the unbinned science frame that are kept."""

ENVIRONMENT: Mapping[str, str] = {
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(Path(registry.__file__).parents[2])]),
    "PATH": os.environ.get("PATH", ""),
}
"""What a process of its own needs to find the package and this module."""


@dataclass(frozen=True)
class Kit:
    """A data set: its folder, set-of-files, and files by role (``raw0``, ``bias``, ``flat``, ``order_table``, ...)."""

    folder: Path
    sof: Path
    files: Mapping[str, Path]

    def write_sof(self, *without: str, extra: tuple[Path, ...] = ()) -> Path:
        """Write the set-of-files anew, some roles left out and other files added."""
        listed = [path for role, path in self.files.items() if role not in without] + list(extra)
        self.sof.write_text("".join(f"{path.name if path.parent == self.folder else path}\n" for path in listed))
        return self.sof

    def copy(self, folder: Path) -> Kit:
        """The same set elsewhere: by links, so that a single file is cheap to replace."""
        folder.mkdir(parents=True)
        files = {role: folder / path.name for role, path in self.files.items()}
        for role, path in files.items():
            os.link(self.files[role], path)
        kit = Kit(folder, folder / self.sof.name, files)
        kit.write_sof()
        return kit

    def own(self, role: str) -> Path:
        """A file of the set, free to be changed (a copy takes the link's place)."""
        path = self.files[role]
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        return path


def small_facts(facts: Facts) -> Facts:
    """The facts of a scene on the window of its arm, in the orientation in which the arm is read out."""
    from soxspipe.simulate.crop import crop

    window = WINDOWS[facts.arm.instrument, facts.arm.name]
    turns = facts.detector.quarter_turns
    cropped = crop(facts, *window)
    shape = cropped.raw_shape if turns % 2 == 0 else cropped.raw_shape[::-1]
    return replace(cropped, raw_shape=shape, detector=replace(cropped.detector, quarter_turns=turns))


def write_small(folder: Path, **values: object) -> Kit:
    """Simulate a scene on the small detector and write its data set; keywords are keys of a scene file."""
    from soxspipe.io.simulated import write_data_set
    from soxspipe.io.simulated_facts import make_scene, read_facts
    from soxspipe.simulate.observe import simulate

    scene = make_scene({"arm": "VIS", "ab_mag": 16.0, "exptime_s": 100.0, "dead_pixels": 0.0, "bad_columns": 0, **values})
    with mock.patch.object(registry, "instruments", _full_instruments):
        facts = small_facts(read_facts(scene))
    sof, *files, truth = write_data_set(simulate(scene, facts), scene, folder)
    truth.unlink()
    kit = Kit(folder, sof, {_role(path): path for path in files})
    kit.write_sof()
    return kit


def write_good(folder: Path) -> Kit:
    """A clean set that leaves nothing to worry about: a bright target, a response made of a standard, a map of bad pixels that has none.

    Its roles are those of `write_small`, ``response`` and ``bad_pixels``.  The seed is one of those whose noise does not look like a host:
    of small sets, which have one order and so no colours, up to one in three is called in doubt (benchmarks/accuracy.md).
    """
    from soxspipe.cli.app import run

    kit, settings = write_small(folder / "set", ab_mag=15.0, seed=6), folder / "settings.yaml"
    settings.write_text("make_plots: false\n")
    with small_detectors():
        standard = write_small(folder / "standard", target="standard", ab_mag=None)
        run(["stare_std", str(standard.sof), "-o", str(folder / "star"), "-s", str(settings)])
    (response,) = (folder / "star").rglob("*_RESP.fits")
    made = {"response": kit.folder / response.name, "bad_pixels": kit.folder / "bad_pixels_VIS.fits"}
    made["response"].write_bytes(response.read_bytes())
    flat = fits.getheader(kit.files["flat"])
    flat["ESO PRO CATG"] = "BP_MAP_VIS"
    fits.writeto(made["bad_pixels"], np.zeros((flat["NAXIS2"], flat["NAXIS1"]), np.uint8), flat)
    complete = Kit(kit.folder, kit.sof, {**kit.files, **made})
    complete.write_sof()
    return complete


@contextmanager
def small_detectors() -> Iterator[None]:
    """Let the registry know the small detectors while the body runs."""
    with mock.patch.object(registry, "instruments", _small_instruments):
        yield


@lru_cache(maxsize=1)
def _small_instruments() -> tuple[Instrument, ...]:
    return tuple(
        replace(known, arms={name: _small_arm(known.name, name, facts) for name, facts in known.arms.items()})
        for known in _full_instruments()
    )


def _small_arm(instrument: str, name: str, facts: ArmFacts) -> ArmFacts:
    rows, columns = WINDOWS[instrument, name]
    detector = replace(facts.detector, science_rows=(0, rows[1] - rows[0]), science_columns=(0, columns[1] - columns[0]))
    return replace(facts, detector=detector)


_full_instruments = registry.instruments


def _role(path: Path) -> str:
    name = path.name.split(".")[0]
    if name.startswith("raw"):
        return f"raw{name[-1]}"
    return name.rsplit("_", 1)[0].removeprefix("master_")


def main() -> int:
    """The command line on small detectors."""
    with small_detectors():
        from soxspipe.cli.app import run

        sys.argv[0] = "soxspipe"
        return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
