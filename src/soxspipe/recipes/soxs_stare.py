"""The recipe ``soxs_stare`` of the public API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soxspipe.recipes.base_recipe import base_recipe
from soxspipe.reductions.progress import StepReport

if TYPE_CHECKING:
    from soxspipe.reductions.stare.gather import Gathered


class soxs_stare(base_recipe):
    """Reduce SOXS and X-shooter data taken in stare mode.

    Parameters
    ----------
    log : logging.Logger
        Any standard logger.
    settings : dict, str, path or False
        The settings dictionary; False means the defaults.
    inputFrames : str, path or list of them
        Input FITS frames: a folder, a set-of-files (SOF) or a list of FITS frame paths.
    verbose, overwrite, debug : bool
        More output; make products again that exist already; draw the plots of every sky model.
    command : str or False
        The command called to run the recipe.
    turnOffMP : bool
        Run in serial.

    Examples
    --------
    >>> from soxspipe.recipes import soxs_stare
    >>> recipe = soxs_stare(log=log, settings=settings, inputFrames=fileList)  # doctest: +SKIP
    >>> stareFrame = recipe.produce_product()  # doctest: +SKIP
    """

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
        from soxspipe.reductions.stare.publish import require_new

        require_new(self._gathered.names(), self.workspaceRootPath, overwrite=overwrite)

    def _gather(self) -> Gathered:
        from soxspipe.reductions.stare.gather import gather

        command = self.command if isinstance(self.command, str) else ""
        return gather(self.inputFrames, self.settings, command=command, workers=1 if self.turnOffMP else 2)

    @property
    def productPath(self) -> str:
        """Path of the final product: the merged spectrum until it is known whether there is a flux-calibrated one."""
        from soxspipe.reductions.stare.publish import final_product, merged_path

        return str(final_product(self._records) if self._records else merged_path(self._gathered.names(), self.workspaceRootPath))

    def verify_input_frames(self) -> None:
        """Verify that the input frames match those required by the recipe.

        If the fits files conform to the required input for the recipe, everything will pass silently.

        Raises
        ------
        InputError
            Otherwise; the message names the file, the keyword, what was found and what is needed.
        """
        from soxspipe.io.classify import classify, select_inputs
        from soxspipe.io.fits_reader import read_header
        from soxspipe.io.sof import resolve_inputs

        found = [classify(path, read_header(path)) for path in resolve_inputs(self.inputFrames).paths]
        select_inputs([file for file in found if file is not None])

    def produce_product(self) -> str:
        """Reduce the frames and write every product.

        Returns
        -------
        str
            Path of the final product: the flux-calibrated spectrum if there is one, else the merged spectrum.  The tables of
            metrics and files are `qc` and `products`.
        """
        from soxspipe.reductions.stare.pipeline import run_stare

        published = run_stare(
            self._gathered,
            self.workspaceRootPath,
            overwrite=self.overwrite,
            listener=self._log_step,
            debug=self.debug,
            n_threads=1 if self.turnOffMP else 2,
        )
        own = [metric for metric in self._metrics if metric.name not in {made.name for made in published.metrics}]
        self._metrics = [*published.metrics, *own]
        self._records = published.products
        self._made_at = published.made_at
        for warning in published.warnings:
            if warning not in self._gathered.warnings:
                self.log.warning(warning)
        self.report_output()
        self.clean_up()
        return str(published.final)

    def _log_step(self, report: StepReport, /) -> None:
        self.log.info(f"{report.step}: {report.note} ({report.seconds:.2f} s)")
