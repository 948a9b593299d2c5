"""A pretended reduction as a run that is ready to be published, and the engine's functions for the stare recipe."""

from __future__ import annotations

from functools import partial
from typing import Any

from soxspipe.datamodel.provenance import Card, InputFile, Provenance
from soxspipe.reductions import publish as publishing
from soxspipe.reductions.gathered import Context
from soxspipe.reductions.progress import StepReport
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.dump import dump_settings, parameters
from soxspipe.settings.stare import StareSettings
from support.results import make_run

HEADER: tuple[Card, ...] = (
    ("INSTRUME", "SOXS", ""),
    ("TELESCOP", "ESO-NTT", ""),
    ("DATE-OBS", "2025-03-02T02:00:00", ""),
    ("MJD-OBS", 60736.0833333, ""),
    ("EXPTIME", 300.0, ""),
    ("OBJECT", "SN2026abc", ""),
    ("RA", 246.0, ""),
    ("DEC", -39.2, ""),
    ("RADECSYS", "FK5", ""),
    ("EQUINOX", 2000.0, ""),
    ("ARCFILE", "SOXS.2025-03-02.fits", ""),
    ("ESO SEQ ARM", "NIR", ""),
    ("ESO DPR TYPE", "OBJECT", ""),
    ("ESO DPR TECH", "ECHELLE,SLIT,STARE", ""),
    ("ESO DPR CATG", "SCIENCE", ""),
    ("ESO DET READ CURID", 1, ""),
    ("ESO DET OUT1 CONAD", 1.25, ""),
    ("ESO OBS ID", 1012, ""),
    ("ESO OBS PROG ID", "0115.D-1234(A)", ""),
    ("ESO INS TEMP217 VAL", 40.0, ""),
    ("ESO INS TEMP104 VAL", 153.0, ""),
    ("ESO INS TEMP301 VAL", 12.0, ""),
)
measure_metrics = partial(publishing.measure_metrics, STARE)
claim_products = partial(publishing.claim_products, STARE)
merged_path = partial(publishing.last_path, STARE)
publish_stare = partial(publishing.publish, STARE)

MADE_AT = "2025-03-03T08:00:00"


def make_stare_run(
    arm: str = "NIR", *, standard: bool = False, forced: bool = False, settings: Any = None, header: tuple[Card, ...] = HEADER
) -> StareContext:
    """A run without plots, unless `settings` ask for them."""
    fake = make_run(arm, standard=standard, forced=forced)
    used = StareSettings(make_plots=False) if settings is None else settings
    recipe = "soxs-stare-std" if standard else "soxs-stare"
    kind = "STARE_STD_FLUX" if standard else "STARE_OBJ"
    calibrations = ("MASTER_DARK", "MASTER_FLAT", "ORDER_TAB", "DISP_TAB", "DISP_IMAGE")
    provenance = Provenance(
        recipe=recipe, sof_name=f"20250302T020000_{arm}_{kind}_SOXS_sn2026abc", night="2025-03-01", header=header,
        raw=(InputFile(path=f"/data/raw_{arm}_0.fits", category=f"OBJECT_{arm}"),),
        calibrations=tuple(InputFile(path=f"/data/{tag.lower()}.fits", category=f"{tag}_{arm}", md5=f"{i:032x}") for i, tag in enumerate(calibrations)),
        parameters=parameters(used), command="soxspipe stare my.sof",
    )  # fmt: skip
    return Context(
        inputs=fake.inputs, result=fake.result, settings=used, settings_text=dump_settings(used, recipe=recipe, arm=arm),
        provenance=provenance, made_at=MADE_AT, story=(StepReport(step="detrend", seconds=0.1, note="3 orders"),),
    )  # fmt: skip
