"""Files known by their headers alone."""

from __future__ import annotations

from pathlib import Path

from soxspipe.io.classify import ClassifiedFile, classify
from soxspipe.io.fits_header import Header

STARE = "ECHELLE,SLIT,STARE"


def make(name: str, **cards: object) -> ClassifiedFile | None:
    """A file of the NIR arm with these cards (`__` stands for a blank); None if no recipe takes it."""
    base: dict[str, object] = {"INSTRUME": "SOXS", "ESO SEQ ARM": "NIR", "EXPTIME": 10.0}
    base |= {key.replace("__", " "): value for key, value in cards.items()}
    return classify(Path(name), Header(tuple((key, value, "") for key, value in base.items() if value is not None)))  # type: ignore[misc]


def raw(name: str = "raw.fits", dpr_type: str = "OBJECT", tech: str = STARE, **cards: object) -> ClassifiedFile:
    """A raw exposure."""
    file = make(name, ESO__DPR__TYPE=dpr_type, ESO__DPR__TECH=tech, **cards)
    assert file is not None
    return file


def product(category: str, name: str | None = None, **cards: object) -> ClassifiedFile:
    """A product of another recipe."""
    file = make(name or f"{category}.fits", ESO__PRO__CATG=category, **cards)
    assert file is not None
    return file
