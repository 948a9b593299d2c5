"""Sessions for developers: ``nox -s tests``, ``lint``, ``types``, ``docs``, ``bench``."""

import nox

nox.options.sessions = ["lint", "types", "tests"]
OLDEST = ("numpy==1.26.*", "scipy==1.11.2", "astropy==6.0.*", "matplotlib==3.8.*", "pydantic==2.6.*", "typer==0.16.*", "rich==13.0.*")


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Quick tests with the newest dependencies."""
    session.install(".[test]")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Quick tests with the oldest dependencies that are allowed."""
    session.install(".[test]", *OLDEST)
    session.run(
        "pytest", "-m", "not slow", "-W", "ignore::DeprecationWarning", *session.posargs
    )  # old packages use what new ones deprecate


@nox.session
def lint(session: nox.Session) -> None:
    """Style, import layers and spelling."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("codespell", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types."""
    session.install("-e", ".[lint]")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Timings of the whole command and of its stages."""
    session.install(".[test]")
    session.run("python", "benchmarks/run.py", *session.posargs)
