"""The recipe ``soxs_mdark`` of the public API."""

from __future__ import annotations

from typing import Any, ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe


class soxs_mdark(calibration_recipe):
    """Combine raw darks to a master dark.

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
    """

    _verb: ClassVar[str] = "mdark"

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
    ) -> None:
        super().__init__(
            log, settings=settings, inputFrames=inputFrames, verbose=verbose, overwrite=overwrite, command=command, debug=debug,
            turnOffMP=turnOffMP,
        )  # fmt: skip
