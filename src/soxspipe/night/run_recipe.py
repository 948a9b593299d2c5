"""The only place where the night meets the reductions: what each recipe takes, and running one on a set-of-files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from soxspipe.io.classify import Kind
from soxspipe.night.memory import hand_back_memory
from soxspipe.night.plan import Taken
from soxspipe.reductions.registry import RECIPES, reduction
from soxspipe.reductions.spec import Published, RecipeSpec

CATEGORIES: Mapping[Kind, str] = {
    Kind.BIAS: "MASTER_BIAS",
    Kind.DARK: "MASTER_DARK",
    Kind.FLAT: "MASTER_FLAT",
    Kind.ORDER_TABLE: "ORDER_TAB",
    Kind.DISPERSION_TABLE: "DISP_TAB",
    Kind.DISPERSION_IMAGE: "DISP_IMAGE",
    Kind.RESPONSE: "RESP_TAB",
    Kind.BAD_PIXEL_MAP: "BP_MAP",
}
"""PRO CATG, without the arm, of each kind of calibration."""


@lru_cache(maxsize=64)
def takes(verb: str, arm: str) -> Taken | None:
    """What a recipe takes, by its table of inputs.

    Parameters
    ----------
    verb : str
        The recipe.
    arm : str
        Of the exposures.

    Returns
    -------
    Taken or None
        None if the program has no such recipe.
    """
    if verb not in RECIPES:
        return None
    rows = reduction(verb).spec.inputs
    calibrations = {CATEGORIES[kind]: row.needed(arm) > 0 for row in rows for kind in row.kinds if kind in CATEGORIES}
    return Taken(calibrations=calibrations, frames=rows[0].needed(arm))


def settings_text(verb: str, instrument: str, arm: str, settings: str | None) -> str:
    """The settings of one recipe and arm as text that is equal if they are.

    Raises
    ------
    SettingsError
        If the file cannot be read, or a value has the wrong type or lies outside its range.
    """
    from soxspipe.settings.load import load_settings

    spec: RecipeSpec[Any] = reduction(verb).spec
    name = spec.recipe_names[-1] if verb.endswith("_std") else spec.recipe_names[0]
    return load_settings(settings, instrument=instrument, recipe=name, arm=arm, model=spec.settings).settings.model_dump_json()


def run_recipe(verb: str, sof: Path, output: Path, settings: str | None, *, overwrite: bool) -> Published:
    """Reduce a set-of-files; a night works on several at a time, so each has one thread.

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
    from soxspipe.reductions.engine import gather, run_reduction

    recipe = reduction(verb)
    command = f"soxspipe {verb} {sof} -o {output}" + (f" -s {settings}" if settings else "")
    gathered = gather(recipe, str(sof), settings, verb=verb, command=command, workers=1)
    return run_reduction(recipe, gathered, output, overwrite=overwrite, listener=lambda _: hand_back_memory())


def calibrate_again(verb: str, products: Sequence[Path], response: Path) -> Published | None:
    """Calibrate the spectrum among some products with another response, without its frames; None where that cannot be.

    Raises
    ------
    SoxspipeError
        If it cannot be calibrated.
    """
    recipe = reduction(verb)
    last = next((path for path in products if path.name.endswith(str(recipe.spec.last.suffix))), None)
    return None if last is None or recipe.recalibrate is None else recipe.recalibrate(last, response, None)


def dask_setup(worker: object) -> None:
    """Import the recipes with their algorithms; Dask calls it in workers that were told to preload this module."""
    for folder in dict.fromkeys(entry.folder for entry in RECIPES.values()):
        import_module(f"soxspipe.reductions.{folder}.recipe")
        import_module(f"soxspipe.reductions.{folder}.reduce")
