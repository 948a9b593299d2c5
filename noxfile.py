"""Sessions for developers: ``nox -s lint``, ``types``, ``tests``, ``tests-oldest``, ``coverage``, ``clients``, ``wheel``, ``docs``, ``bench``."""

import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]

CLIENTS = {
    "library": ("specutils", "linetools", "pyspeckit", "PyAstronomy", "sncosmo", "ppxf", "jdaviz"),
    "lime": ("lime-stable",),
    "snid": ("snid-sage",),
    "ngsf": ("ngsf",),
}
"""Readers of our spectra that get on with each other in one environment; LiMe wants an older astropy, snid-sage brings Qt, NGSF is for an older numpy."""


def floors() -> list[str]:
    """The oldest release of every dependency that pyproject.toml allows."""
    needed = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [f"{entry.partition(',')[0].replace('>=', '==')}.*" for entry in needed]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Quick tests with the newest dependencies."""
    session.install(".[test]")
    session.run("pytest", "-m", "not slow", "-n", "auto", "--dist", "worksteal", *session.posargs)


@nox.session(name="tests-oldest", python="3.11")
def oldest(session: nox.Session) -> None:
    """Quick tests with the oldest dependencies that are allowed."""
    session.install(".[test]", *floors())
    session.run(
        "pytest", "-m", "not slow", "-W", "ignore::DeprecationWarning", *session.posargs
    )  # old packages use what new ones deprecate


@nox.session
def lint(session: nox.Session) -> None:
    """Style, docstrings, import layers and spelling."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("numpydoc", "lint", *(str(path) for path in sorted(Path("src").rglob("*.py"))))
    session.run("codespell", ".")


@nox.session
@nox.parametrize("programs", list(CLIENTS))
def clients(session: nox.Session, programs: str) -> None:
    """Programs of other people read our spectra; outside the quick tests, as they bring much with them."""
    session.install(".[test]", *CLIENTS[programs])
    session.run("pytest", "tests/clients", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    session.install("-e", ".[lint]")
    session.run("mypy")


@nox.session
def coverage(session: nox.Session) -> None:
    """Lines of algorithms, io, settings and qc that the quick tests reach; fails below 90 %."""
    session.install("-e", ".[coverage]")
    session.run("pytest", "-m", "not slow", "--cov", "--cov-report=term", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Pages of the documentation; a warning fails."""
    session.install(".[docs]")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel alone, in an environment without anything else: version, a small simulation, its reduction."""
    folder = Path(session.create_tmp())
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "dist"), ".")
    (built,) = sorted((folder / "dist").glob("*.whl"))[-1:]
    session.install(str(built))
    with session.chdir(folder):
        session.run("soxspipe", "--version")
        session.run("soxspipe", "simulate", "--arm", "VIS", "--ab-mag", "17", "--seed", "1", "-o", "data")
        session.run("soxspipe", "stare", "data", "-x", "-o", "out")
        session.run("soxspipe", "validate", "out", "data")


@nox.session
def bench(session: nox.Session) -> None:
    """Timings of the whole command and of its stages."""
    session.install(".[test]")
    session.run("python", "benchmarks/speed.py", *session.posargs)
