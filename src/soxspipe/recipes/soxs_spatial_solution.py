"""The recipe ``soxs_spatial_solution`` of the public API."""

from __future__ import annotations

from typing import Any, ClassVar

from soxspipe.recipes.geometry_recipe import geometry_recipe
from soxspipe.settings.overlay import overlaid


class soxs_spatial_solution(geometry_recipe):
    """Solve multi-pinhole arcs: wavelength and slit position of every pixel.

    `polyOrders` are 6 digits: order x, order y, wavelength x, wavelength y, slit x, slit y.
    """

    _verb: ClassVar[str] = "spat_solution"
    _degrees: ClassVar[int] = 6

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
        create2DMap: bool = True,
    ) -> None:
        """Find, check and read the frames.

        Parameters
        ----------
        log, settings, inputFrames, verbose, overwrite, command, debug, turnOffMP, polyOrders
            As in `geometry_recipe`.
        create2DMap : bool
            Make the map image; without it `produce_product` returns the table.
        """
        super().__init__(
            log, settings=overlaid(settings, {} if create2DMap else {"make_map": False}), inputFrames=inputFrames, verbose=verbose,
            overwrite=overwrite, command=command, debug=debug, turnOffMP=turnOffMP, polyOrders=polyOrders,
        )  # fmt: skip
