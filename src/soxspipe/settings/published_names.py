"""Spelling and nesting of the settings in YAML files, and the names that are read but have no use here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.stare import StareSettings

RECIPES = ("soxs-stare", "soxs-stare-std")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One setting.

    Attributes
    ----------
    section : str
        Field of the recipe's settings that holds it; empty for the recipe's own switches.
    field : str
        Name of the field, which is the published name with underscores.
    block : str
        Nested block of the YAML file in which it stands; empty at the top of the recipe's block.
    spelling : str
        As the YAML file spells it.
    info : FieldInfo
        Type, default, range and description.
    plot_names : tuple of str
        What the recipe can draw.
    """

    section: str
    field: str
    block: str
    spelling: str
    info: FieldInfo
    plot_names: tuple[str, ...] = ()

    @property
    def published(self) -> str:
        """Block and spelling, for messages."""
        return f"{self.block}: {self.spelling}" if self.block else self.spelling


_BLOCKS = {
    "background": "background-subtraction",
    "sky": "sky-subtraction",
    "continuum": "detect-continuum",
    "stack": "",
    "cosmic_rays": "",
    "extraction": "",
    "combination": "",
    "flat": "",
    "arc": "",
}
"""Block of a section's settings where it is not the section's own name; empty where they stand at the top."""
_UNDERSCORED = {"", "sky", "response"}
"""Sections whose settings the reference pipeline spells with underscores."""
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
    "arc": "arc",
}
"""Nested blocks by normalised name → section of the settings; a section is known under its own name as well."""

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
    # release 0.19
    "no_stack",
    "max_unsampled_trace_fraction",
    "faint_order_trace",
    "faint_order_min_detection_fraction",
    "faint_order_max_scatter_px",
    "faint_order_max_anchor_scatter_px",
    "faint_order_bin_count",
    "faint_order_min_bin_snr",
    "same_source_max_join_arcsec",
    "slit_illumination",
    "object_wing_correction",
    "object_wing_min_leak_sigma",
    "sky_tuning",
    "bin_width_nm",
    "knot_spacing_nm",
    "smoothing_penalty",
    "clip_sigma_low",
    "clip_sigma_high",
    "min_bin_samples",
    "telluric_regions",
    "telluric_wing_max_nm",
    "telluric_wing_ref_nm",
    "telluric_wing_threshold",
    "stellar_lines",
    "line_half_width_nm",
    "selfcal_bands",
    "clip_frac_max",
    "max_gap_nm_max",
    "selfcal_res_max",
}
"""Keys of the reference pipeline, normalised, that the methods here have no use for."""


def normalised(name: object) -> str:
    """A key as it is compared: lower case, underscores for hyphens and blanks."""
    return str(name).strip().lower().replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=16)
def leaves(model: type[ReductionSettings] = StareSettings) -> tuple[Leaf, ...]:
    """Every setting of a recipe, in the order in which files list them: its own switches, those that every recipe has, the algorithms'."""
    own: list[Leaf] = []
    shared: list[Leaf] = []
    sections: list[Leaf] = []
    for name, info in model.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            sections += [_leaf(model, name, field, inner) for field, inner in section.model_fields.items()]
        else:
            (shared if name in ReductionSettings.model_fields else own).append(_leaf(model, "", name, info))
    return (*own, *shared, *sections)


@lru_cache(maxsize=16)
def leaf_by_name(model: type[ReductionSettings] = StareSettings) -> dict[str, Leaf]:
    """Settings of a recipe by normalised name; names are unique over all sections."""
    return {leaf.field: leaf for leaf in leaves(model)}


@lru_cache(maxsize=16)
def sections_by_name(model: type[ReductionSettings] = StareSettings) -> dict[str, str]:
    """Nested blocks of a recipe by normalised name."""
    sections = {leaf.section for leaf in leaves(model) if leaf.section}
    return {section: section for section in sections} | {name: section for name, section in BLOCK_SECTIONS.items() if section in sections}


def _leaf(model: type[ReductionSettings], section: str, field: str, info: FieldInfo) -> Leaf:
    hyphenated = section not in _UNDERSCORED or field in _HYPHENATED_FIELDS
    return Leaf(
        section=section,
        field=field,
        block=_BLOCKS.get(section, section.replace("_", "-")),
        spelling=field.replace("_", "-") if hyphenated else field,
        info=info,
        plot_names=model.plot_names,
    )
