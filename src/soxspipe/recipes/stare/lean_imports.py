"""matplotlib at half its price, for a process that draws and ends: what figures here never use is not loaded."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any

LAZY = ("fontTools.agl", "fontTools.subset")
"""Loaded at the first use, which does not come."""
LEFT_OUT = "mpl_toolkits.mplot3d"
"""matplotlib does without it where it is not installed."""


def import_lean_matplotlib() -> None:
    """Import matplotlib without three dimensions, font subsets, and the generated documentation of its classes.

    Only for a process of our own: in the user's, matplotlib must stay whole.  Nothing is done where it is loaded already.
    """
    if "matplotlib" in sys.modules:
        return
    for name in LAZY:
        _defer(name)
    artists: Any = import_module("matplotlib.artist")
    artists.Artist._update_set_signature_and_docstring = classmethod(lambda cls: None)
    artists.kwdoc = lambda artist: ""
    sys.modules.setdefault(LEFT_OUT, None)  # type: ignore[arg-type]  # how Python marks a module that is not to be imported
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unable to import Axes3D")
        import_module("matplotlib.figure")


def _defer(name: str) -> None:
    parent, _, child = name.rpartition(".")
    if name not in sys.modules:
        sys.modules[name] = _Deferred(name)
        setattr(import_module(parent), child, sys.modules[name])


class _Deferred(ModuleType):
    """Stands for a module until something is asked of it; `importlib.util.LazyLoader` loads when the module is merely imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)
