"""`ReductionSettings` → text and lists: for files to edit, for the record beside the products, for header cards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.load import allowed, load_settings
from soxspipe.settings.published_names import RECIPES, Leaf, leaves
from soxspipe.settings.stare import StareSettings

STARE: Mapping[str, type[ReductionSettings]] = dict.fromkeys(RECIPES, StareSettings)
_ARMS = {"SOXS": ("VIS", "NIR"), "XSHOOTER": ("UVB", "VIS", "NIR")}


def dump_settings(settings: ReductionSettings, *, recipe: str, arm: str) -> str:
    """YAML text of the settings that were used; reading it back for the same recipe and arm gives the same settings."""
    lines = [f"{recipe}:", f"  {arm.lower()}:"]
    lines += _block(settings, leaves(type(settings)), indent=4, comments=False)
    return "\n".join(lines) + "\n"


def default_yaml(instrument: str, recipes: Mapping[str, type[ReductionSettings]] = STARE) -> str:
    """YAML text of every default with description, type and range, ready to edit.

    Parameters
    ----------
    instrument : str
        ``SOXS`` or ``XSHOOTER``.
    recipes : mapping of str to type
        Classes of settings by the name of the recipe.
    """
    lines = [
        f"# Settings for {instrument}.  Delete what you do not want to change.",
        "# Settings at the top of a block hold for every arm; those under an arm hold for it alone.",
        "",
    ]
    for recipe, model in recipes.items():
        by_arm = {
            arm: load_settings(None, instrument=instrument, recipe=recipe, arm=arm, model=model).settings for arm in _ARMS[instrument]
        }
        first, *others = by_arm.values()
        common = [leaf for leaf in leaves(model) if all(_value(other, leaf) == _value(first, leaf) for other in others)]
        differing = [leaf for leaf in leaves(model) if leaf not in common]
        lines += [f"{recipe}:", *_block(first, common, indent=2, comments=True)]
        for arm, settings in by_arm.items():
            lines += [f"  {arm.lower()}:", *_block(settings, differing, indent=4, comments=True)] if differing else []
        lines.append("")
    return "\n".join(lines)


def parameters(settings: ReductionSettings) -> tuple[tuple[str, str | int | float | bool | None], ...]:
    """Published name and value of every setting, in the order of the settings file; mappings (QC ranges, single plots) left out."""
    values = ((leaf.spelling, _value(settings, leaf)) for leaf in leaves(type(settings)))
    return tuple((name, _listed(value)) for name, value in values if not isinstance(value, Mapping))


def _listed(value: Any) -> Any:
    """A list as header cards and tables have it."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _value(settings: ReductionSettings, leaf: Leaf) -> Any:
    return getattr(getattr(settings, leaf.section) if leaf.section else settings, leaf.field)


def _block(settings: ReductionSettings, chosen: tuple[Leaf, ...] | list[Leaf], *, indent: int, comments: bool) -> Iterator[str]:
    """Lines of the settings `chosen`, nested blocks after what stands at the top."""
    blocks = list(dict.fromkeys(leaf.block for leaf in chosen))
    for block in sorted(blocks, key=bool):
        margin = " " * indent
        if block:
            yield f"{margin}{block}:"
            margin += "  "
        for leaf in chosen:
            if leaf.block == block:
                if comments:
                    yield f"{margin}# {leaf.info.description} ({allowed(leaf)})"
                yield f"{margin}{leaf.spelling}: {_scalar(_value(settings, leaf))}"


def _scalar(value: Any) -> str:
    """A value in YAML flow style (JSON is YAML; null is left empty)."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return json.dumps(value)
