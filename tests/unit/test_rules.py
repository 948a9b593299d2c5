"""Rules that the whole package keeps: nothing of another package or of Python is patched, and recipes do not know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import soxspipe

SOURCE = Path(soxspipe.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FORBIDDEN_CALLS = {
    "os.fork",
    "os.forkpty",
    "os._exit",
    "os.umask",
    "gc.disable",
    "gc.enable",
    "gc.freeze",
    "sys.setswitchinterval",
    "sys.settrace",
}
"""What changes the whole process, which belongs to the caller."""
RUNS_INPUT = {
    "eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open", "yaml.unsafe_load", "yaml.full_load",
}  # fmt: skip
"""What would run text or bytes as code; that YAML's loader is the safe one is tested by what it is given (`hostile/yamls.py`)."""
OWN_INPUT = {"io/set_aside.py": ["pickle.load"]}
"""What reads back its own file, which has no name: no other process can have written it."""
PROCESS_WIDE = {"matplotlib.rcParams", "matplotlib.rc_context", "matplotlib.use", "matplotlib.style"}
RECIPES = sorted(path.name for path in (SOURCE / "reductions").iterdir() if (path / "recipe.py").is_file())


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute of a name; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return ""


def modules_of(tree: ast.AST) -> dict[str, str]:
    """Names that stand for imported modules, and what they are in full."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.partition(".")[0]: alias.name if alias.asname else alias.name.partition(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def written(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything that is assigned to or deleted, ``setattr`` and ``delattr`` included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            yield from node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            yield node.target
        elif isinstance(node, ast.Call) and dotted(node.func) in ("setattr", "delattr"):
            yield ast.Attribute(value=node.args[0], attr="?", ctx=ast.Store())


def in_full(name: str, modules: dict[str, str]) -> str:
    """A dotted name with its imported beginning spelled out."""
    first, dot, rest = name.partition(".")
    return f"{modules[first]}{dot}{rest}" if first in modules else name


def patches(text: str) -> list[str]:
    """What a module changes that is not its own."""
    tree = ast.parse(text)
    modules = modules_of(tree)
    found = []
    for target in written(tree):
        place = target.value if isinstance(target, ast.Attribute | ast.Subscript) else None
        name = "" if place is None else in_full(dotted(place), modules)
        if name and dotted(place).partition(".")[0] in modules and name != "os.environ":  # type: ignore[arg-type]
            found.append(f"line {getattr(target, 'lineno', '?')}: {name} is changed")
    for node in ast.walk(tree):
        name = in_full(dotted(node), modules) if isinstance(node, ast.Attribute | ast.Name) else ""
        if name in FORBIDDEN_CALLS | PROCESS_WIDE:
            found.append(f"line {node.lineno}: {name}")  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_of_another_package_or_of_python_is_patched(path: Path) -> None:
    assert patches(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.modules['a'] = None",
        "import sys\ndel sys.modules['a']",
        "import matplotlib as mpl\nmpl.rcParams['font.size'] = 8",
        "from matplotlib.axis import Axis\nAxis.set_tick_params = None",
        "from matplotlib import artist\nsetattr(artist, 'kwdoc', None)",
        "import gc\ngc.disable()",
        "import os\nos.fork()",
        "from os import _exit\n_exit(0)",
        "import numpy as np\nnp.random.mtrand._rand = None",
    ],
)
def test_the_rule_sees_patches(text: str) -> None:
    assert patches(text)


def test_the_rule_lets_ordinary_code_pass() -> None:
    assert patches("import os\nimport numpy as np\nos.environ['A'] = '1'\nx = np.zeros(3)\nx[0] = 1.0\nself.a = 2") == []


def runs(text: str) -> list[str]:
    """Calls of a module that could run what is in a file as code."""
    tree = ast.parse(text)
    modules = modules_of(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [name for node in calls if (name := in_full(dotted(node.func), modules)) in RUNS_INPUT]
    words = [(word.arg, word.value.value) for node in calls for word in node.keywords if isinstance(word.value, ast.Constant)]
    return found + [name for name, value in words if name in ("shell", "allow_pickle") and value]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_input_is_run_as_code(path: Path) -> None:
    assert runs(path.read_text(encoding="utf-8")) == OWN_INPUT.get(path.relative_to(SOURCE).as_posix(), [])


@pytest.mark.parametrize(
    "text", ["eval('1')", "import subprocess\nsubprocess.run('ls', shell=True)", "from yaml import full_load\nfull_load('a')"]
)
def test_the_rule_sees_what_runs_code(text: str) -> None:
    assert runs(text)


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module for name in [node.module]} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }


@pytest.mark.parametrize("path", sorted((SOURCE / "reductions").rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_recipes_know_neither_each_other_nor_are_known_to_the_engine(path: Path) -> None:
    own = path.parent.name
    others = [f"soxspipe.reductions.{name}" for name in RECIPES if name != own]
    assert [name for name in imported(path) for other in others if name == other or name.startswith(f"{other}.")] == []


def test_the_public_classes_know_recipes_through_the_registry_alone() -> None:
    for path in (*(SOURCE / "recipes").glob("*.py"), *(SOURCE / "cli").glob("*.py")):
        assert not [name for name in imported(path) for recipe in RECIPES if name.startswith(f"soxspipe.reductions.{recipe}")], path.name


def test_every_command_has_its_recipe() -> None:
    from soxspipe.reductions.registry import RECIPES as COMMANDS
    from soxspipe.reductions.registry import reduction

    assert {entry.folder for entry in COMMANDS.values()} <= set(RECIPES)
    for verb in COMMANDS:
        spec = reduction(verb).spec
        assert isinstance(spec.last.suffix, str)
        assert {row.replaces for row in spec.inputs} - {""} <= {row.name for row in spec.inputs}
        assert len({row.name for row in spec.inputs}) == len(spec.inputs)
        assert set(spec.final) <= {row.label for row in spec.products}
