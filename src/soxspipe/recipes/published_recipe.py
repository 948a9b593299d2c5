"""The signature that the published classes have in common."""

from __future__ import annotations

from typing import Any

from soxspipe.recipes.base_recipe import base_recipe


class published_recipe(base_recipe):
    """A recipe as it is published: that of `base_recipe`, under the name that its frames give it."""

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
        """Find, check and read the frames.

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

        Raises
        ------
        InputError
            If the frames do not suit the recipe.
        SettingsError
            If a setting is wrong.
        """
        super().__init__(
            log, settings=settings, inputFrames=inputFrames, verbose=verbose, overwrite=overwrite, command=command, debug=debug,
            turnOffMP=turnOffMP,
        )  # fmt: skip
