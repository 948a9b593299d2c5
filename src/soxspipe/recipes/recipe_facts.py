"""What a recipe of the public API knows about itself: names, folders, settings, tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from soxspipe.datamodel.metric import Metric
from soxspipe.reductions.spec import ProductRecord

if TYPE_CHECKING:
    from astropy.table import Table

    from soxspipe.reductions.gathered import Gathered


class RecipeFacts:
    """Public attributes of the recipes, in the published spelling."""

    recipeName: str | bool
    workspaceRootPath: Path
    _gathered: Gathered[Any, Any]
    _metrics: list[Metric]
    _records: tuple[ProductRecord, ...]
    _made_at: str

    def get_recipe_settings(self) -> dict[str, Any]:
        """Settings of this recipe with those of the arm over them, by published name."""
        from soxspipe.settings.dump import dump_settings
        from soxspipe.settings.yaml_text import parse_yaml

        arm = self._gathered.inputs.arm.name
        text = dump_settings(self._gathered.settings, recipe=self._gathered.recipe, arm=arm)
        return dict(parse_yaml(text, "settings")[self._gathered.recipe][arm.lower()])

    @property
    def arm(self) -> str:
        """Arm of the spectrograph."""
        return self._gathered.inputs.arm.name

    @property
    def inst(self) -> str:
        """Name of the instrument."""
        return self._gathered.inputs.arm.instrument

    @property
    def detectorParams(self) -> Any:
        """Facts about the detector."""
        return self._gathered.inputs.detector

    @property
    def recipeSettings(self) -> dict[str, Any]:
        """Settings of this recipe and arm."""
        return self.get_recipe_settings()

    @property
    def sofName(self) -> str:
        """Base name of the products."""
        return self._gathered.sof_name

    @property
    def startNightDate(self) -> str:
        """Date at the start of the night."""
        return self._gathered.night

    @property
    def dateObs(self) -> str:
        """When the first exposure began."""
        return self._gathered.inputs.observation.date_obs

    @property
    def imageType(self) -> str:
        """DPR TYPE of the exposures."""
        return self._gathered.inputs.observation.kind

    @property
    def productDir(self) -> str:
        """Folder of the FITS and ASCII products."""
        from soxspipe.io.file_names import reduced_folder

        return str(reduced_folder(self.workspaceRootPath, self.startNightDate, self._gathered.recipe))

    @property
    def qcDir(self) -> str:
        """Folder of plots, report and QC numbers."""
        from soxspipe.io.file_names import qc_folder

        return str(qc_folder(self.workspaceRootPath, self.startNightDate, self._gathered.recipe))

    @property
    def qc(self) -> Table:
        """The QC metrics so far, one row each."""
        from soxspipe.reductions.summary_tables import qc_table

        return qc_table(
            self._metrics, recipe=str(self.recipeName), sof_name=self.sofName, date_obs=self.dateObs, made_at=self._made_at or now()
        )

    @property
    def products(self) -> Table:
        """The files so far, one row each."""
        from soxspipe.reductions.summary_tables import product_table

        return product_table(self._records, recipe=str(self.recipeName), date_obs=self.dateObs, made_at=self._made_at or now())


def now() -> str:
    """Time of the reduction, UTC."""
    from soxspipe.reductions.gathered import made_at

    return made_at()
