"""The examples of the first-reduction page, run as they stand: on small detectors quickly, on whole ones in the slow suite."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.small import ENVIRONMENT

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"<!-- run(?:: (?P<status>[\d ]+))? -->\n```(?P<language>\w+)\n(?P<text>.*?)\n```", re.DOTALL)
SMALL = """#!/bin/sh
exec {python} -m support.small_command "$@"
"""
WHOLE = """#!/bin/sh
exec {python} -m soxspipe "$@"
"""


@dataclass(frozen=True)
class Example:
    """A fenced block that is marked to be run."""

    language: str
    text: str
    allowed: tuple[int, ...]


def examples(page: str) -> list[Example]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [
        Example(found["language"], found["text"], tuple(int(status) for status in (found["status"] or "0").split()))
        for found in BLOCK.finditer(text)
    ]


def run_examples(page: str, folder: Path, command: str) -> list[str]:
    """Run a page's blocks one after the other in `folder`; returns what each wrote."""
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "soxspipe").write_text(command.format(python=sys.executable))
    (binaries / "soxspipe").chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": os.pathsep.join([str(binaries), os.environ["PATH"]]), "HOME": str(folder)}
    outputs = []
    for example in examples(page):
        program = ["bash", "-ec"] if example.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, example.text], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode in example.allowed, f"{example.text}\n{done.stdout}{done.stderr}"
        outputs.append(done.stdout)
    return outputs


@pytest.mark.parametrize("command", [pytest.param(SMALL, id="small"), pytest.param(WHOLE, id="whole", marks=pytest.mark.slow)])
def test_first_reduction(tmp_path, command):
    simulated, standard, target, spectrum, validated = run_examples("first_reduction.md", tmp_path, command)
    assert [Path(line).suffix for line in simulated.split()] == [".sof", ".sof"]
    assert "_RESP.fits" in standard
    assert "_FLUXCAL.fits" in target
    assert spectrum.startswith("nm ")
    assert int(spectrum.split("\n")[1].split()[0]) > 50
    assert "flux bias" in validated
    assert list((tmp_path / "out/standard/qc").rglob("*_report.html"))
