"""One recipe on one set-of-files, by its verb: the only place where the night meets the reductions."""

from __future__ import annotations

from pathlib import Path

from soxspipe.reductions.spec import Published

VERBS = ("stare", "stare_std")
"""What the program can reduce."""


def has_recipe(verb: str) -> bool:
    """Whether the program can reduce it."""
    return verb in VERBS


def run_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """Reduce a set-of-files, in one thread: a night works on several at a time.

    Parameters
    ----------
    verb : str
        The recipe.
    sof : Path
        The set-of-files.
    output : Path
        Folder of products.
    settings : str or None
        The user's settings file.
    overwrite : bool
        Make products again that exist already.

    Returns
    -------
    Published

    Raises
    ------
    SoxspipeError
        If it cannot be reduced.
    """
    from soxspipe.reductions.stare.gather import gather
    from soxspipe.reductions.stare.pipeline import run_stare

    command = f"soxspipe {verb} {sof} -o {output}" + (f" -s {settings}" if settings else "")
    gathered = gather(str(sof), settings, verb="stare_std" if verb == "stare_std" else "stare", command=command, workers=1)
    return run_stare(gathered, output, overwrite=overwrite, n_threads=1)
