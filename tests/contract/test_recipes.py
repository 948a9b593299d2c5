"""What the contracts of all calibration and geometry recipes say without a frame: classes, signatures, commands, ranges."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from soxspipe.instruments.registry import arm
from soxspipe.reductions.registry import RECIPES, reduction

CONTRACTS: list[Mapping[str, Any]] = [
    yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8")) for name in ("calibrations.yaml", "geometry.yaml")
]
SIGNATURE = ["log", "settings", "inputFrames", "verbose", "overwrite", "command", "debug", "turnOffMP"]


@pytest.mark.parametrize("row", [row for contract in CONTRACTS for row in contract["names"]], ids=lambda row: row["class"])
def test_names_and_signature(row: Mapping[str, Any]) -> None:
    published = getattr(importlib.import_module("soxspipe.recipes"), row["class"])
    found = list(inspect.signature(published.__init__).parameters)[1:]
    assert found[: len(SIGNATURE)] == SIGNATURE
    assert sorted(found[len(SIGNATURE) :]) == sorted(row.get("extra", []))
    assert row["verb"] in RECIPES
    assert reduction(row["verb"]).spec.recipe_names == (row["block"],)


@pytest.mark.parametrize(("which", "limits"), [entry for contract in CONTRACTS for entry in contract["ranges"].items()])
def test_ranges(which: str, limits: Mapping[str, list[float]]) -> None:
    verb, name = which.split()
    spec = reduction(verb).spec
    found = spec.ranges(spec.recipe_names[0], arm("SOXS", name))
    assert {metric: list(ends) for metric, ends in found.items()} == limits
