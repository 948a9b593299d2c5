"""A process starts with less: what is never used is not loaded, and is there all the same for whoever asks."""

from __future__ import annotations

import subprocess
import sys

START = "import gc, sys\nfrom soxspipe import start_up\nstart_up.begin_imports()\nstart_up.defer_never_used()\nimport scipy.linalg\n"


def run(code: str) -> str:
    """What a fresh interpreter prints that runs the code."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


def test_scipy_comes_without_the_parts_of_numpy_that_are_never_used() -> None:
    assert run(START + "print([name for name in sys.modules if name.startswith(('numpy.f2py.', 'numpy.testing.'))])") == "[]"


def test_what_was_left_out_loads_when_it_is_asked_for() -> None:
    assert (
        run(START + "import numpy\nnumpy.testing.assert_array_equal([1], [1])\nprint(type(sys.modules['numpy.testing']).__name__)")
        == "module"
    )


def test_garbage_is_searched_for_once_the_imports_are_done() -> None:
    assert run(START + "before = gc.isenabled()\nstart_up.end_imports()\nprint(before, gc.isenabled(), gc.get_freeze_count() > 1000)") == (
        "False True True"
    )


def test_a_process_that_did_not_begin_so_is_left_as_it_is() -> None:
    assert run("import gc\nfrom soxspipe import start_up\nstart_up.end_imports()\nprint(gc.isenabled(), gc.get_freeze_count())") == "True 0"
