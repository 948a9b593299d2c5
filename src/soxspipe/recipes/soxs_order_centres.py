"""The recipe ``soxs_order_centres`` of the public API."""

from __future__ import annotations

from typing import Any, ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe
from soxspipe.settings.overlay import overlaid, poly_digits


class soxs_order_centres(calibration_recipe):
    """Trace the centres of the orders in pinhole flats.

    Parameters
    ----------
    log : logging.Logger
        Any standard logger.
    settings : dict, str, path or False
        The settings dictionary; False means the defaults.
    inputFrames : str, path or list of them
        Input FITS frames: a folder, a set-of-files (SOF) or a list of FITS frame paths.
    verbose, overwrite, debug : bool
        More output; make products again that exist already; draw more plots.
    command : str or False
        The command called to run the recipe.
    turnOffMP : bool
        Run in serial.
    polyOrders : str, int or False
        Degrees as 2 digits: order, dispersion axis; False lets the data choose.

    Raises
    ------
    TypeError
        If `polyOrders` are not 2 digits.
    """

    _verb: ClassVar[str] = "order_centres"

    def __init__(
        self,
        log: Any,
        settings: Any = False,
        inputFrames: Any = [],
        verbose: bool = False,
        overwrite: bool = False,
        command: str | bool = False,
        debug: bool = False,
        turnOffMP: bool = False,
        polyOrders: Any = False,
    ) -> None:
        chosen = overlaid(settings, {**poly_digits(polyOrders, 2)})
        super().__init__(
            log, settings=chosen, inputFrames=inputFrames, verbose=verbose, overwrite=overwrite, command=command, debug=debug,
            turnOffMP=turnOffMP,
        )  # fmt: skip
        self.polyOrders = polyOrders
