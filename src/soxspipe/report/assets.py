"""Scripts and styles that are part of the page, as text of the installed package."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=16)
def asset(folder: str, name: str) -> str:
    """Text of one file that comes with this package.

    Parameters
    ----------
    folder : {'assets', 'vendor'}
        Our own, or another project's.
    name : str
        File name.
    """
    return files("soxspipe.report").joinpath(folder, name).read_text(encoding="utf-8")
