"""What every recipe of the public API shares: the published methods, in the published spelling.

This is a facade.  Each method adapts its arguments, calls the same functions as the command line, and adapts the answer.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from soxspipe.datamodel.metric import Metric
from soxspipe.recipes.frame_steps import FrameSteps
from soxspipe.reductions.progress import StepReport
from soxspipe.reductions.spec import ProductRecord

if TYPE_CHECKING:
    from astropy.table import Table

    from soxspipe.reductions.engine import Reduction
    from soxspipe.reductions.gathered import Gathered


class base_recipe(FrameSteps):
    """Base of the recipes; each names the command of its recipe in `_verb`.

    Parameters
    ----------
    log : logging.Logger
        Any standard logger; one with a method ``print`` gets the closing tables through it.
    settings : dict, str, path, StareSettings or False
        The settings dictionary or file; False means the defaults.
    inputFrames : str, path or list of them
        A folder, a set-of-files or a list of FITS files.
    verbose : bool
        More output.
    overwrite : bool
        Make products again that exist already.
    recipeName : str or False
        As it is to appear in names of folders; False lets the input decide.
    command : str or False
        The command that called the recipe, for the record.
    debug : bool
        Draw the QC plots of every sky model, not of one order alone.
    turnOffMP : bool
        Read and reduce in one thread.

    Raises
    ------
    InputError
        If the frames do not suit the recipe.
    SettingsError
        If a setting is wrong.
    """

    _verb: ClassVar[str] = ""

    def __init__(
        self,
        log: Any,
        settings: Any = False,
        inputFrames: Any = [],
        verbose: bool = False,
        overwrite: bool = False,
        recipeName: str | bool = False,
        command: str | bool = False,
        debug: bool = False,
        turnOffMP: bool = False,
    ) -> None:
        from soxspipe.reductions.output_folder import output_folder

        self.log = log if log is not None and log is not False else logging.getLogger("soxspipe")
        self.settings = settings
        self.inputFrames = inputFrames
        self.verbose = verbose
        self.overwrite = overwrite
        self.command = command
        self.debug = debug
        self.turnOffMP = turnOffMP
        self.workspaceRootPath = output_folder(None, settings)
        self._gathered = self._gather()
        self.recipeName = recipeName or self._gathered.recipe
        self.rawFrames: Table | None = None
        self._metrics: list[Metric] = []
        self._records: tuple[ProductRecord, ...] = ()
        self._made_at = ""
        for warning in self._gathered.warnings:
            self.log.warning(warning)
        for note in self._gathered.notes:
            self.log.debug(note)

    @property
    def _reduction(self) -> Reduction[Any, Any, Any]:
        from soxspipe.reductions.registry import reduction

        if not self._verb:
            raise NotImplementedError(f"{type(self).__name__} is not a recipe; use one of the classes derived from it")
        return reduction(self._verb)

    def _gather(self) -> Gathered[Any, Any]:
        """Find, check and read the recipe's inputs; complain at once if its products exist and may not be overwritten."""
        from soxspipe.reductions import engine
        from soxspipe.reductions.publish import require_new

        command = self.command if isinstance(self.command, str) else ""
        gathered = engine.gather(self._reduction, self.inputFrames, self.settings, command=command, workers=1 if self.turnOffMP else 2)
        require_new(self._reduction.spec, gathered.provenance_so_far(), self.workspaceRootPath, overwrite=self.overwrite)
        return gathered

    # ----- from end to end

    @property
    def productPath(self) -> str:
        """Path of the final product: that whose presence says that all is done, until it is known which products there are."""
        from soxspipe.reductions.publish import final_product, last_path

        spec = self._reduction.spec
        if self._records:
            return str(final_product(spec, self._records))
        return str(last_path(spec, self._gathered.provenance_so_far(), self.workspaceRootPath))

    def verify_input_frames(self) -> None:
        """Verify that the input frames match those required by the recipe.

        If the fits files conform to the required input for the recipe, everything will pass silently.

        Raises
        ------
        InputError
            Otherwise; the message names the file, the keyword, what was found and what is needed.
        """
        from soxspipe.reductions.find_files import find_files

        spec = self._reduction.spec
        find_files(self.inputFrames).select(spec.inputs, spec.verb)

    def produce_product(self) -> str:
        """Reduce the frames and write every product.

        Returns
        -------
        str
            Path of the final product.  The tables of metrics and files are `qc` and `products`.
        """
        from soxspipe.reductions.engine import run_reduction

        published = run_reduction(
            self._reduction,
            self._gathered,
            self.workspaceRootPath,
            overwrite=self.overwrite,
            listener=self._log_step,
            debug=self.debug,
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

    # ----- metrics, tables, traces of runs that died

    def flag_poor_data(self) -> None:
        """Add the temperatures of the header to the metrics, and judge every metric by its acceptable range."""
        from soxspipe.qc.ranges import chosen_ranges, with_ranges
        from soxspipe.reductions.temperatures import header_temperatures

        for metric in header_temperatures(self._gathered.inputs.arm, self._gathered.header):
            self._add(metric)
        page = self._reduction.spec.ranges(self._gathered.recipe, self._gathered.inputs.arm)
        self._metrics = list(with_ranges(self._metrics, chosen_ranges(page, self._gathered.settings.qc_acceptable_ranges)))

    def report_output(self, rformat: str = "stdout") -> Table:
        """Log the tables of metrics and products, and return that of the metrics.

        Parameters
        ----------
        rformat : str
            ``stdout`` logs the tables; anything else only returns the metrics.
        """
        if rformat == "stdout":
            self._print(self._report_text())
        return self.qc

    def clean_up(self, forceFail: bool | str = False) -> None:
        """Remove what unfinished runs left in the product folders, and log whether the recipe failed.

        Parameters
        ----------
        forceFail : bool or str
            True or a reason marks the recipe as failed whatever its metrics say.
        """
        from soxspipe.io.atomic import remove_unfinished

        for folder in (self.productDir, self.qcDir):
            remove_unfinished(Path(folder), self.sofName)
        failed = [metric.name for metric in self._metrics if metric.flag == "fail"]
        if forceFail or failed:
            reasons = [forceFail if isinstance(forceFail, str) else "forced"] if forceFail else []
            reasons += [f"out of range: {', '.join(failed)}"] if failed else []
            self.log.error(f"{self.recipeName} failed for {self.sofName}: {'; '.join(reasons)}")

    # ----- behind them

    def _log_step(self, report: StepReport, /) -> None:
        self.log.info(f"{report.step}: {report.note} ({report.seconds:.2f} s)")

    def _print(self, text: str) -> None:
        getattr(self.log, "print", self.log.info)(text)

    def _report_text(self) -> str:
        from soxspipe.reductions.summary_tables import PRODUCT_HEAD, QC_HEAD, grid, product_rows, qc_rows

        title = str(self.recipeName).upper()
        return (
            f"# {title} QC METRICS\n{grid(QC_HEAD, qc_rows(self._metrics, per_order=self.verbose))}\n\n"
            f"# {title} RECIPE PRODUCTS & QC OUTPUTS\n{grid(PRODUCT_HEAD, product_rows(self._records, full_path=self.verbose))}"
        )
