"""matplotlib as the drawing process has it: lighter, and the same pictures."""

from __future__ import annotations

import subprocess
import sys

DRAW = """
import hashlib, sys, warnings
warnings.simplefilter("error")
if {lean}:
    from soxspipe.recipes.stare.lean_imports import import_lean_matplotlib
    import_lean_matplotlib()
from matplotlib.figure import Figure
from soxspipe.io.figures import figure_as_pdf
figure = Figure()
axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
axes.plot([1, 2, 3], [1, 4, 9])
axes.set_xlabel("wavelength (nm)")
print(hashlib.md5(figure_as_pdf(figure)).hexdigest())
print("mpl_toolkits.mplot3d.axes3d" in sys.modules, "fontTools.ttLib" in sys.modules)
"""
ASK = """
from soxspipe.recipes.stare.lean_imports import import_lean_matplotlib
import_lean_matplotlib()
import fontTools.agl
from fontTools import subset
print(fontTools.agl.toUnicode.__name__, subset.Subsetter.__name__)
"""
WHOLE = """
import matplotlib.figure
from matplotlib.artist import Artist, kwdoc
before = Artist._update_set_signature_and_docstring.__func__
from soxspipe.recipes.stare.lean_imports import import_lean_matplotlib
import_lean_matplotlib()
import matplotlib.artist
print(Artist._update_set_signature_and_docstring.__func__ is before, matplotlib.artist.kwdoc is kwdoc)
"""


def answer(code: str) -> list[str]:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_picture_is_the_same_and_what_it_does_not_need_stays_out():
    lean, whole = answer(DRAW.format(lean=True)), answer(DRAW.format(lean=False))
    assert lean[0] == whole[0]
    assert lean[1:] == ["False", "False"]
    assert whole[1:] == ["True", "True"]


def test_what_is_asked_for_is_loaded_after_all():
    assert answer(ASK) == ["toUnicode", "Subsetter"]


def test_a_matplotlib_that_is_loaded_already_stays_as_it_is():
    assert answer(WHOLE) == ["True", "True"]
