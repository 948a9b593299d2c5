"""How a reduction was made: what every report says about it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from soxspipe import __version__
from soxspipe.datamodel.provenance import Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedProduct:
    """A file that the run made: label, file name, one line about it, and its address for the page (empty: no link)."""

    label: str
    file_name: str
    description: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedStep:
    """A step of the recipe: name, seconds it took, and the number or phrase worth knowing."""

    step: str
    seconds: float
    note: str = ""


class Record(Protocol):
    """What every report says about how it was made."""

    @property
    def provenance(self) -> Provenance: ...
    @property
    def made_at(self) -> str: ...
    @property
    def products(self) -> tuple[ReportedProduct, ...]: ...
    @property
    def steps(self) -> tuple[ReportedStep, ...]: ...
    @property
    def versions(self) -> Mapping[str, str]: ...


def software_versions() -> dict[str, str]:
    """Versions of this program, of Python, of the numerical packages that this process has loaded."""
    versions = {"soxs-stare": __version__, "Python": platform.python_version()}
    for name in ("numpy", "scipy", "astropy"):
        module = sys.modules.get(name)
        if module is not None:
            versions[name] = str(getattr(module, "__version__", "unknown"))
    versions["system"] = f"{platform.system()} {platform.machine()}"
    return versions
