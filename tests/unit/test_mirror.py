"""Tests mirror the tree: `tests/unit/X/test_y.py` tests `src/soxspipe/X/y.py`; `tested_elsewhere.yaml` names what others test."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import yaml

import soxspipe

TESTS = Path(__file__).parents[1]
SOURCE = Path(soxspipe.__file__).parent
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix(): path for path in SOURCE.rglob("*.py") if not path.name.startswith("__")}
OF_THE_TREE = {"test_rules", "test_mirror"}
"""Tests of the whole tree, which belong to no module."""
ELSEWHERE: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("tested_elsewhere.yaml").read_text(encoding="utf-8"))


def namesakes() -> dict[str, Path]:
    """Name of a module, or of a script of the report's page, and its own test file."""
    files = (TESTS / "unit").rglob("test_*.py")
    return {path.relative_to(TESTS / "unit").with_name(path.stem.removeprefix("test_")).as_posix(): path for path in files}


@cache
def imported(path: Path) -> frozenset[Path]:
    """Files of the package and of the tests that a file imports anywhere; the registry imports every recipe."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = set(SOURCE.glob("reductions/*/recipe.py")) if path == SOURCE / "reductions/registry.py" else set()
    for name in names:
        start, _, rest = name.partition(".")
        place = {"soxspipe": SOURCE, "support": TESTS / "support"}.get(start)
        if place is not None:
            inside = place / rest.replace(".", "/")
            found |= {file for file in (inside.with_suffix(".py"), inside / "__init__.py") if file.is_file()}
    return frozenset(found)


def reached(path: Path) -> set[Path]:
    """All files that come with an import of a file."""
    seen, left = {path}, [path]
    while left:
        new = imported(left.pop()) - seen
        seen |= new
        left += new
    return seen


def test_every_test_file_has_the_name_of_what_it_tests() -> None:
    scripts = {path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.js")}
    packages = {path.relative_to(SOURCE).with_name("init").as_posix() for path in SOURCE.rglob("__init__.py")}
    names = {name for name in namesakes() if f"test_{name}" not in OF_THE_TREE}
    assert sorted(names - set(MODULES) - scripts - packages) == []


def test_every_module_has_its_test_file_or_is_named_with_the_one_that_tests_it() -> None:
    alone = set(MODULES) - set(namesakes())
    patterns = [pattern for group in ELSEWHERE.values() for pattern in group]
    assert sorted(name for name in alone if not any(fnmatch(name, pattern) for pattern in patterns)) == [], "not named in the list"
    assert [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in alone)] == [], "named, but has its own file"


def test_a_test_file_that_is_named_reaches_the_module() -> None:
    missed = []
    for file, patterns in ELSEWHERE.items():
        files = reached(TESTS / file)
        named = [name for name in MODULES if any(fnmatch(name, pattern) for pattern in patterns)]
        missed += [(file, name) for name in named if MODULES[name] not in files]
    assert missed == []
