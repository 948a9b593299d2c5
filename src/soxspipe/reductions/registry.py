"""The recipes by their commands; a recipe is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soxspipe.reductions.engine import Reduction


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command: the folder of its recipe, whose module `recipe` holds `REDUCTION`, and what it does.

    `stacks` says whether it may leave exposures apart, `poly` how many digits its ``--poly`` takes.
    """

    folder: str
    help: str
    stacks: bool = False
    poly: int = 0


RECIPES: Mapping[str, Entry] = {
    "mbias": Entry(folder="mbias", help="Combine bias frames to a master bias."),
    "mdark": Entry(folder="mdark", help="Combine darks to a master dark; several exposure times give level and rate."),
    "disp_solution": Entry(folder="disp_solution", help="Wavelength solution at the slit's centre, from single-pinhole arcs.", poly=4),
    "order_centres": Entry(folder="order_centres", help="Trace of the order centres, from pinhole flats.", poly=2),
    "mflat": Entry(folder="mflat", help="Combine flats to a master flat; edges of the orders, scattered light, bad pixels."),
    "spat_solution": Entry(folder="spatial_solution", help="Wavelength and slit position of every pixel, from multi-pinhole arcs.", poly=6),
    "stare": Entry(folder="stare", help="Reduce a science target taken in stare mode.", stacks=True),
    "stare_std": Entry(folder="stare", help="Reduce a flux standard taken in stare mode.", stacks=True),
}
"""One line a command."""


def reduction(verb: str) -> Reduction[Any, Any, Any]:
    """The recipe behind a command.

    Raises
    ------
    KeyError
        If there is no such command.
    """
    found: Reduction[Any, Any, Any] = import_module(f"{__package__}.{RECIPES[verb].folder}.recipe").REDUCTION
    return found
