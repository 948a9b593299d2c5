"""Plans of header-only nights, and a recipe that costs nothing, for tests of the organiser and the engine."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from soxspipe.datamodel.metric import Metric
from soxspipe.errors import AlgorithmError, ProductExistsError
from soxspipe.io.atomic import write_whole
from soxspipe.io.fits_header import parse_header
from soxspipe.night.frame_row import FrameRow, row_of
from soxspipe.night.organise import Organised, organise
from soxspipe.night.plan import Plan, Taken, make_plan
from soxspipe.night.rules import SETS
from soxspipe.reductions.spec import ProductRecord, Published
from support.night_headers import Exposure, header_block

CATEGORIES = {
    "mbias": ("MASTER_BIAS",),
    "mdark": ("MASTER_DARK", "BP_MAP"),
    "disp_solution": ("DISP_TAB",),
    "order_centres": ("ORDER_TAB",),
    "mflat": ("MASTER_FLAT", "ORDER_TAB", "BP_MAP"),
    "spat_solution": ("DISP_TAB", "DISP_IMAGE"),
    "stare_std": ("RESP_TAB",),
}
FAIL = "FAIL"
"""A file of this name beside the products lists words; sets whose names hold one of them fail."""


def rows_of(frames: Iterable[Exposure], folder: str = "/raw") -> list[FrameRow]:
    """Rows of exposures that are never written."""
    return [row_of(Path(folder) / e.name, 100, 1, parse_header(header_block(e.cards, filling=0))) for e in frames]


def organised(frames: Iterable[Exposure]) -> Organised:
    """Sets of exposures that are never written."""
    return organise(rows_of(frames))


def planned(frames: Iterable[Exposure]) -> Plan:
    """A plan of exposures that are never written."""
    return make_plan(organised(frames), Path("/raw"), Path("/out"), every_recipe)


def every_recipe(verb: str, arm: str) -> Taken | None:
    """The program can reduce everything but nodding and offset exposures; recipes take what the rules choose."""
    if "nod" in verb or "offset" in verb:
        return None
    needs = {need.category: need.required for rule in SETS if rule.verb == verb for need in rule.needs}
    return Taken(calibrations=needs, frames=2 if verb in ("mbias", "mdark") else 1)


def cheap_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """Write headers of the right categories, whose content depends on the set-of-files alone."""
    folder, arm = output / "reduced" / verb, "NIR" if "_NIR_" in sof.name else "VIS"
    asked = output / FAIL
    if asked.exists() and any(word in sof.name for word in asked.read_text().split()):
        raise AlgorithmError(f"{sof.name} was told to fail")
    records = []
    for category in CATEGORIES.get(verb, ("SCI_SLIT_FLUX",)):
        path = folder / f"{sof.stem}_{category}.fits"
        if path.exists() and not overwrite:
            raise ProductExistsError(f"the product exists already: {path}")
        cards = {"INSTRUME": "SOXS", "ESO SEQ ARM": arm, "ESO PRO CATG": f"{category}_{arm}", "ESO PRO TECH": "IMAGE"}
        lines = sof.read_text().splitlines()
        inputs = sorted(os.path.basename(line.split()[0]) for line in lines if not line.startswith("#"))
        cards |= {f"ESO PRO REC1 RAW{n} NAME": name[:40] for n, name in enumerate(inputs, start=1)}
        write_whole(path, [header_block(cards, filling=0)])
        records.append(ProductRecord(label=category, description="", file_type="FITS", kind="PROD", path=path))
    metrics = (Metric(name="SNR MEDIAN", value=12.0, unit="", comment="", low=50.0, high=1000.0),) if verb == "stare_std" else ()
    return Published(final=records[0].path, products=tuple(records), metrics=metrics)


def slow_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """The same as `cheap_recipe`, but it takes a moment, in which its worker can die."""
    time.sleep(0.15)
    return cheap_recipe(verb, sof, output, settings, overwrite=overwrite)


def deadly_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """The same as `cheap_recipe`, but master biases kill their worker, as the system does when memory runs out."""
    if verb == "mbias":
        os.kill(os.getpid(), signal.SIGKILL)
    return cheap_recipe(verb, sof, output, settings, overwrite=overwrite)


def hungry_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """The same as `cheap_recipe`, but flats want more memory than their process is allowed."""
    if verb == "mflat":
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (64 << 20), resource.RLIM_INFINITY))
        try:
            bytearray(1 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return cheap_recipe(verb, sof, output, settings, overwrite=overwrite)
