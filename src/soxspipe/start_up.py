"""A process of our own starts at less cost: modules that are loaded late, and no search for garbage where there is none."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

NEVER_USED = ("numpy.f2py", "numpy.testing")
"""scipy names every part of numpy when it is imported; these are half of the work, and nothing here asks for them."""


def begin_imports() -> None:
    """Import without the search for garbage, of which modules make none, and without plugins of pydantic."""
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def defer_never_used() -> None:
    """Leave out the parts of numpy that are never used; call it before scipy is imported."""
    for name in NEVER_USED:
        defer(name)


def end_imports() -> None:
    """Search for garbage from here on, but not in what was imported; nothing is done unless `begin_imports` was called."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def defer(name: str) -> None:
    """Let a module be loaded when something is asked of it, not when it is imported.

    Parameters
    ----------
    name : str
        In full; its parent is imported.  Nothing is done if it is loaded already.
    """
    parent, _, child = name.rpartition(".")
    if name not in sys.modules:
        sys.modules[name] = _Deferred(name)
        setattr(import_module(parent), child, sys.modules[name])


class _Deferred(ModuleType):
    """Stands for a module until something is asked of it; `importlib.util.LazyLoader` loads when the module is merely imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)
