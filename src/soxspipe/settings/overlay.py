"""Single settings laid over those that the user gives as a file or mapping."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from soxspipe.errors import SettingsError
from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.published_names import normalised
from soxspipe.settings.yaml_text import read_yaml


def overlaid(source: SettingsSource, values: Mapping[str, Any]) -> SettingsSource:
    """Settings with some values on top, which win over those in any block; as they are if there are none.

    Raises
    ------
    SettingsError
        If the file cannot be read, or the settings are values of a class already, over which nothing can be laid.
    """
    if not values:
        return source
    if source is None or source is False:
        return dict(values)
    if isinstance(source, ReductionSettings):
        raise SettingsError(f"settings of class {type(source).__name__} cannot be changed by an option; give them as a mapping or a file")
    content = source if isinstance(source, Mapping) else read_yaml(source)
    names = {normalised(name) for name in values}
    kept = {key: _without(block, names) if normalised(key).startswith("soxs_") else block for key, block in content.items()}
    return {**_without(kept, names, deep=False), **values}


def _without(content: Any, names: Set[str], *, deep: bool = True) -> Any:
    """A block, and those in it, without some keys; anything but a block as it is."""
    if not isinstance(content, Mapping):
        return content
    return {key: _without(value, names) if deep else value for key, value in content.items() if normalised(key) not in names}


def poly_digits(orders: Any, number: int) -> dict[str, Any]:
    """The setting that degrees given as digits mean; empty without digits.

    Raises
    ------
    TypeError
        If they are not that many digits.
    """
    if orders is False or orders is None or orders == "":
        return {}
    text = str(orders)
    if isinstance(orders, bool) or not (text.isascii() and text.isdigit() and len(text) == number):
        raise TypeError(f"polynomial orders are {number} digits, one for each degree; found {orders!r}")
    return {"poly": text}
