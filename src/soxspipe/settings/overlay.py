"""Single settings laid over those that the user gives as a file or mapping."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from soxspipe.errors import SettingsError
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.yaml_text import read_yaml


def overlaid(source: SettingsSource, values: Mapping[str, Any]) -> SettingsSource:
    """Settings with some values on top; as they are if there are none.

    Raises
    ------
    SettingsError
        If the file cannot be read, or the settings are values of a class already, over which nothing can be laid.
    """
    if not values:
        return source
    if source is None or source is False:
        return dict(values)
    if isinstance(source, str | PathLike):
        return _over(read_yaml(source), values)
    if isinstance(source, Mapping):
        return _over(source, values)
    raise SettingsError(f"settings of class {type(source).__name__} cannot be changed by an option; give them as a mapping or a file")


def _over(content: Mapping[Any, Any], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Values in every block of a recipe, where they win over what stands there, and outside of blocks."""
    blocks = {
        key: {**value, **values} if isinstance(value, Mapping) and str(key).lower().replace("_", "-").startswith("soxs-") else value
        for key, value in content.items()
    }
    return {**blocks, **values}


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
