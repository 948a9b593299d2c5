"""Where the report's links lead: the run's own files, the same target in the other arm, and the standard star."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from soxspipe.datamodel.links import Link
from soxspipe.datamodel.provenance import Provenance

REPORT = "_report.html"
RESPONSE = "_RESP.fits"


def relative_link(path: Path, page: Path) -> str:
    """Address of a file for a page, which holds as long as both keep their places to each other."""
    return quote(os.path.relpath(path, page.parent).replace(os.sep, "/"))


def other_arm_words(arm: str) -> str:
    """Words of the link to the report of another arm."""
    return f"the same target in {arm}"


def related_reports(page: Path, provenance: Provenance, instrument: str, arm: str) -> tuple[Link, ...]:
    """Reports of the other arm and of the standard star, as far as they are there.

    Parameters
    ----------
    page : Path
        The report that is being written.
    provenance : Provenance
        Name of the products and the calibrations used.
    instrument, arm : str
        Of this run, as products are named by them.
    """
    found = [*_other_arms(page, provenance.sof_name, instrument, arm), *_standards(provenance)]
    return tuple(Link(text=text, href=relative_link(path, page)) for text, path in found if path != page)


def _other_arms(page: Path, sof_name: str, instrument: str, arm: str) -> Iterator[tuple[str, Path]]:
    """The report of the same target in another arm: the last one, where there are several.  Sets named by hand have none."""
    target = sof_name.rpartition(f"_{instrument}_")[2]
    for other in ("UVB", "VIS", "NIR"):
        if other != arm and f"_{arm}_" in sof_name and target != sof_name and page.parent.is_dir():
            same = [
                path
                for path in page.parent.iterdir()
                if f"_{other}_" in path.name and path.name.endswith(f"_{instrument}_{target}{REPORT}")
            ]
            if same:
                yield other_arm_words(other), max(same)


def _standards(provenance: Provenance) -> Iterator[tuple[str, Path]]:
    """The report of the standard whose response was used: `qc` beside `reduced`."""
    for file in provenance.calibrations:
        path = Path(file.path)
        if path.name.endswith(RESPONSE) and path.parents[2].name == "reduced":
            report = path.parents[3] / "qc" / path.parent.relative_to(path.parents[2]) / (path.name.removesuffix(RESPONSE) + REPORT)
            if report.is_file():
                yield "the standard star of the response", report
