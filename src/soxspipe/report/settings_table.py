"""Settings used, beside their defaults and meanings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.provenance import Provenance
from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.load import load_settings
from soxspipe.settings.published_names import Leaf, leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting: published name, value, default of this arm, meaning, and whether the value is not the default."""

    name: str
    value: str
    default: str
    description: str
    changed: bool


def settings_rows(settings: ReductionSettings | None, arm: Arm, provenance: Provenance) -> tuple[SettingRow, ...]:
    """Every setting of a recipe beside its default for an arm, those that are not at their default first.

    Parameters
    ----------
    settings : ReductionSettings or None
        As used; without them the parameters of `provenance` are listed, of which no defaults are known.
    arm : Arm
        Facts.
    provenance : Provenance
        Names the recipe.

    Returns
    -------
    tuple of SettingRow
    """
    if settings is None:
        parameters = provenance.parameters
        return tuple(SettingRow(name=name, value=_text(value), default="", description="", changed=False) for name, value in parameters)
    model = type(settings)
    defaults = load_settings(None, instrument=arm.instrument, recipe=provenance.recipe, arm=arm.name, model=model).settings
    rows = [_row(leaf, settings, defaults) for leaf in leaves(model)]
    return tuple(sorted(rows, key=lambda row: not row.changed))


def _row(leaf: Leaf, used: ReductionSettings, defaults: ReductionSettings) -> SettingRow:
    value, default = _value(used, leaf), _value(defaults, leaf)
    return SettingRow(
        name=leaf.published, value=_text(value), default=_text(default), description=leaf.info.description or "", changed=value != default
    )  # fmt: skip


def _value(settings: ReductionSettings, leaf: Leaf) -> object:
    return getattr(getattr(settings, leaf.section) if leaf.section else settings, leaf.field)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == {}:
        return "–"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(entry)}" for name, entry in value.items())
    if isinstance(value, tuple):
        return " to ".join(_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
