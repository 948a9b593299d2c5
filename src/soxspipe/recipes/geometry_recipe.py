"""What the published classes of the geometry recipes share: degrees of the fit, given as digits."""

from __future__ import annotations

from typing import Any, ClassVar

from soxspipe.recipes.calibration_recipe import calibration_recipe
from soxspipe.settings.overlay import overlaid, poly_digits


class geometry_recipe(calibration_recipe):
    """A calibration recipe that fits polynomials; each names their number in `_degrees`."""

    _degrees: ClassVar[int] = 0

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
        """Find, check and read the frames.

        Parameters
        ----------
        log, settings, inputFrames, verbose, overwrite, command, debug, turnOffMP
            As in `published_recipe`.
        polyOrders : str, int or False
            Degrees as digits, in the sequence that the class names; False lets the data choose.

        Raises
        ------
        TypeError
            If `polyOrders` are not that many digits.
        """
        super().__init__(
            log, settings=overlaid(settings, poly_digits(polyOrders, self._degrees)), inputFrames=inputFrames, verbose=verbose,
            overwrite=overwrite, command=command, debug=debug, turnOffMP=turnOffMP,
        )  # fmt: skip
        self.polyOrders = polyOrders
