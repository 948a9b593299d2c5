"""Spelling and nesting of the settings in YAML files, and the names that are read but have no use here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from soxspipe.settings.stare import StareSettings

RECIPES = ("soxs-stare", "soxs-stare-std")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One setting.

    Attributes
    ----------
    section : str
        Field of `StareSettings` that holds it; empty for the recipe's own switches.
    field : str
        Name of the field, which is the published name with underscores.
    block : str
        Nested block of the YAML file in which it stands; empty at the top of the recipe's block.
    spelling : str
        As the YAML file spells it.
    info : FieldInfo
        Type, default, range and description.
    """

    section: str
    field: str
    block: str
    spelling: str
    info: FieldInfo

    @property
    def published(self) -> str:
        """Block and spelling, for messages."""
        return f"{self.block}: {self.spelling}" if self.block else self.spelling


_BLOCKS = {
    "background": "background-subtraction",
    "sky": "sky-subtraction",
    "continuum": "detect-continuum",
    "response": "response",
}
_HYPHENATED = {"stack", "cosmic_rays", "continuum", "extraction", "background"}
_HYPHENATED_FIELDS = {"clip_slit_edge_fraction", "qc_acceptable_ranges"}

BLOCK_SECTIONS = {
    "background_subtraction": "background",
    "sky_subtraction": "sky",
    "detect_continuum": "continuum",
    "soxs_response": "response",
    "response": "response",
    "stack": "stack",
    "clip_and_stack": "stack",
    "cosmic_rays": "cosmic_rays",
    "background": "background",
    "sky": "sky",
    "continuum": "continuum",
    "extraction": "extraction",
    "horne_extraction": "extraction",
}
"""Nested blocks by normalised name → section of `StareSettings`."""

UNUSED = {
    "version",
    "instrument",
    "save_intermediate_products",
    "workspace_root_dir",
    "data_extension",
    "pae",
    "ignore_dflats",
    "ignore_dome_flats",
    "tune_pipeline",
    "bootstrap_dispersion_solution",
    "night_start_offset_hrs",
    "summary_keys",
    "logging_settings",
    "vlt_data_raw",
    "vlt_data_reduced",
    "percentile_clipping_sigma",
    "percentile_clipping_iterations",
    "percentile_rolling_window_size",
    "aggressive_object_masking",
    "starting_points_per_knot",
    "noise_rolling_window_size",
    "noise_sigma",
    "residual_floor_percentile",
}
"""Keys of the reference pipeline, normalised, that the methods here have no use for."""


def normalised(name: object) -> str:
    """A key as it is compared: lower case, underscores for hyphens and blanks."""
    return str(name).strip().lower().replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=1)
def leaves() -> tuple[Leaf, ...]:
    """Every setting, in the order in which files list them."""
    found: list[Leaf] = []
    for name, info in StareSettings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found += [_leaf(name, field, inner) for field, inner in section.model_fields.items()]
        else:
            found.append(_leaf("", name, info))
    return tuple(found)


@lru_cache(maxsize=1)
def leaf_by_name() -> dict[str, Leaf]:
    """Settings by normalised name; names are unique over all sections."""
    return {leaf.field: leaf for leaf in leaves()}


def _leaf(section: str, field: str, info: FieldInfo) -> Leaf:
    hyphenated = section in _HYPHENATED or field in _HYPHENATED_FIELDS
    return Leaf(
        section=section,
        field=field,
        block=_BLOCKS.get(section, ""),
        spelling=field.replace("_", "-") if hyphenated else field,
        info=info,
    )
