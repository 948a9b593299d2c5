"""matplotlib at half its price, for a process that draws and ends: what figures here never use is neither loaded nor made."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import lru_cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from soxspipe.start_up import defer

LAZY = ("fontTools.agl", "fontTools.subset", "matplotlib.category", "matplotlib.dates")
"""Loaded at the first use, which does not come."""
LEFT_OUT = "mpl_toolkits.mplot3d"
"""matplotlib does without it where it is not installed, from 3.8.4 on at the latest."""


def import_lean_matplotlib() -> None:
    """Import matplotlib without three dimensions, dates, font subsets, and the generated documentation of its classes.

    Only for a process of our own: in the user's, matplotlib must stay whole.  Nothing is done where it is loaded already.
    """
    if "matplotlib" in sys.modules:
        return
    _leave_out_documentation()
    for name in LAZY:
        defer(name)
    vars(sys.modules["matplotlib.dates"]).setdefault("UTC", UTC)  # all that the PDF backend wants of it
    _import_without_three_dimensions()
    _make_ticks_late()
    _write_text_quickly()


def _import_without_three_dimensions() -> None:
    """Import all that a figure needs; the oldest versions of matplotlib insist on three dimensions."""
    sys.modules.setdefault(LEFT_OUT, None)  # type: ignore[arg-type]  # how Python marks a module that is not to be imported
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unable to import Axes3D")
        try:
            import_module("matplotlib.figure")
        except ModuleNotFoundError:
            del sys.modules[LEFT_OUT]
            import_module("matplotlib.figure")


def _leave_out_documentation() -> None:
    """Let matplotlib's functions keep their documentation as it stands in the source."""
    whole: Any = import_module("matplotlib")
    docstrings: Any = import_module("matplotlib._docstring")
    artists: Any = import_module("matplotlib.artist")
    whole._add_data_doc = lambda text, names: text
    for decorator in (docstrings.Substitution, type(docstrings.interpd)):
        decorator.__call__ = lambda self, documented: documented
    artists.Artist._update_set_signature_and_docstring = classmethod(lambda cls: None)
    artists.kwdoc = lambda artist: ""


def _make_ticks_late() -> None:
    """Let an axis make its first ticks when they are drawn, not when their look is chosen; `light_axes` never draws any."""
    axis: Any = import_module("matplotlib.axis").Axis
    for name in ("set_clip_path", "set_tick_params"):
        setattr(axis, name, _without_first_ticks(getattr(axis, name)))
    spine: Any = import_module("matplotlib.spines").Spine
    draw = spine.draw

    def draw_in_place(self: Any, renderer: Any) -> Any:
        self.get_spine_transform()  # the first tick would have made it take its place
        return draw(self, renderer)

    spine.draw = draw_in_place


def _without_first_ticks(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of `Axis` that finds no ticks where none were made yet; those made later look up their parameters."""

    def lean(self: Any, *arguments: Any, **options: Any) -> Any:
        missing = [name for name in ("majorTicks", "minorTicks") if name not in self.__dict__]
        self.__dict__.update((name, []) for name in missing)
        try:
            return method(self, *arguments, **options)
        finally:
            for name in missing:
                self.__dict__.pop(name, None)

    return lean


def _write_text_quickly() -> None:
    """Look up each font once, and do not load the outline of every character that a PDF merely names."""
    fonts: Any = import_module("matplotlib.font_manager").FontManager
    pdf: Any = import_module("matplotlib.backends.backend_pdf")
    helpers: Any = import_module("matplotlib._text_helpers")
    if not hasattr(fonts, "_find_fonts_by_props") or not hasattr(import_module("matplotlib.ft2font").FT2Font, "_layout"):
        return

    def layout(text: str, font: Any, *, features: Any = None, language: Any = None) -> Iterator[Any]:
        return iter(font._layout(text, helpers.LoadFlags.NO_HINTING, features=features, language=language))

    fonts._find_fonts_by_props = lru_cache(maxsize=256)(fonts._find_fonts_by_props)
    pdf._text_helpers = SimpleNamespace(layout=layout, warn_on_missing_glyph=helpers.warn_on_missing_glyph)
