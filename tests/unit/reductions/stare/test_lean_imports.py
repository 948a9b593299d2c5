"""matplotlib without what figures never use: less is loaded, and the figures are the same."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

WHOLE = "import matplotlib.figure\n"
LEAN = "from soxspipe.reductions.stare.lean_imports import import_lean_matplotlib\nimport_lean_matplotlib()\n"
DRAW = """
import sys
from matplotlib.figure import Figure

figure = Figure(figsize=(4, 3))
axes = figure.subplots(2)
axes[0].plot([1, 2, 3], [2.0, 3.0, 1.0], label="Ångström, λ")
axes[0].fill_between([1, 2, 3], [1, 2, 0], [3, 4, 2], alpha=0.3)
axes[0].set(xlabel="wavelength (nm)", yscale="log")
axes[0].legend()
axes[1].imshow([[1.0, 2.0], [3.0, 4.0]], rasterized=True)
figure.savefig(sys.argv[1], metadata={"CreationDate": None})
"""


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints that runs the code, with warnings as errors (but deprecations, which old packages do not know)."""
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run([sys.executable, *strict, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_figures_are_the_same(tmp_path: Path) -> None:
    whole, lean = tmp_path / "whole.pdf", tmp_path / "lean.pdf"
    run(WHOLE + DRAW, str(whole))
    run(LEAN + DRAW, str(lean))
    assert lean.read_bytes() == whole.read_bytes()
    assert lean.stat().st_size > 5000


@pytest.mark.parametrize("name", ["mpl_toolkits.mplot3d", "mpl_toolkits.mplot3d.axes3d", "fontTools.subset.cff"])
def test_what_figures_never_use_is_not_loaded(name: str) -> None:
    if "mplot3d" in name and Version(version("matplotlib")) < Version("3.8.4"):
        pytest.skip("this matplotlib insists on three dimensions")
    loaded = f"\nimport sys, matplotlib.backends.backend_pdf\nprint(sys.modules.get({name!r}) is not None)"
    assert run(LEAN + loaded) == "False"


def test_a_matplotlib_that_is_loaded_stays_whole() -> None:
    told = "\nfrom matplotlib.artist import Artist, kwdoc\nprint(Artist.set.__doc__[:3], len(kwdoc(Artist)) > 100)"
    assert run(WHOLE + LEAN + told) == "Set True"
    assert run(WHOLE + LEAN + "\nimport mpl_toolkits.mplot3d\nprint(1)") == "1"


def test_a_deferred_module_loads_when_it_is_asked_for() -> None:
    assert run(LEAN + "\nimport fontTools.agl\nprint(fontTools.agl.toUnicode('A'))") == "A"
