"""Settings as the user gives them → `StareSettings`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from os import PathLike
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from soxspipe.errors import SettingsError
from soxspipe.settings.names import BLOCK_SECTIONS, RECIPES, UNUSED, Leaf, leaf_by_name, normalised
from soxspipe.settings.stare import PLOTS, StareSettings
from soxspipe.settings.yaml_text import parse_yaml, read_yaml, require_reasonable

SettingsSource: TypeAlias = Mapping[Any, Any] | str | PathLike[str] | StareSettings | Literal[False] | None

_ARMS = ("uvb", "vis", "nir")
_INSTRUMENTS = {"soxs": "soxs", "xshooter": "xsh", "xsh": "xsh"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, what to warn the user of, and the names that were read but have no use here."""

    settings: StareSettings
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def load_settings(source: SettingsSource, *, instrument: str, recipe: str, arm: str) -> LoadedSettings:
    """Lay the user's settings over the defaults of an instrument, recipe and arm.

    Parameters
    ----------
    source : mapping, path, StareSettings, False or None
        The reference pipeline's settings file or its content, or a flat mapping of published names; hyphens and underscores are alike.
        False and None mean the defaults; a `StareSettings` is taken as it is.
    instrument : str
        ``SOXS`` or ``XSHOOTER``.
    recipe : {'soxs-stare', 'soxs-stare-std'}
        Block of the file that counts; a file without a ``soxs-stare-std`` block gives its ``soxs-stare`` block to both.
    arm : str
        Arm whose sub-block counts.

    Returns
    -------
    LoadedSettings

    Raises
    ------
    SettingsError
        If the file cannot be read, or a value has the wrong type or lies outside its range.
    """
    if isinstance(source, StareSettings):
        return LoadedSettings(settings=source)
    chosen = _packaged(_INSTRUMENTS[instrument.lower()], recipe, arm.lower())
    if source is None or source is False:
        return LoadedSettings(settings=_build(chosen))
    content = _mapping(source)
    user = _Reader(arm.lower(), f"settings file {source}: " if isinstance(source, str | PathLike) else "")
    try:
        user.read_file(content, recipe)
    except SettingsError as error:
        raise SettingsError(f"{user.origin}{error}") from error
    return LoadedSettings(settings=_build(chosen | user.values), warnings=tuple(user.warnings), unused=tuple(user.unused))


def allowed(leaf: Leaf) -> str:
    """What a setting may be, in words."""
    annotation = leaf.info.annotation
    if annotation is bool:
        return "true or false"
    if leaf.field == "plots":
        return f"a mapping of names to true or false; names are {', '.join(PLOTS)}"
    if "Mapping" in str(annotation):
        return "a mapping of metric names to [low, high]"
    noun = "a whole number" if annotation is int else "a number"
    return f"{noun}{_range(leaf)}" + (", or empty" if "None" in str(annotation) else "")


def _range(leaf: Leaf) -> str:
    """Limits of a number in words, with a leading blank; empty without limits."""
    limits: dict[str, Any] = {}
    for constraint in leaf.info.metadata:
        for kind in ("ge", "gt", "le", "lt"):
            if hasattr(constraint, kind):
                limits[kind] = getattr(constraint, kind)
    low = f"from {limits['ge']:g}" if "ge" in limits else f"above {limits['gt']:g}" if "gt" in limits else ""
    high = f"to {limits['le']:g}" if "le" in limits else f"below {limits['lt']:g}" if "lt" in limits else ""
    if not high:
        return f" {low} up" if low.startswith("from") else f" {low}" if low else ""
    return f" {low} {'to' if high.startswith('to') else 'and'} {high.removeprefix('to ')}" if low else f" {high}"


def _mapping(source: Mapping[Any, Any] | str | PathLike[str]) -> Mapping[Any, Any]:
    if isinstance(source, Mapping):
        require_reasonable(dict(source), "settings")
        return source
    if isinstance(source, str | PathLike):
        return read_yaml(source)
    raise SettingsError(f"settings are given as a mapping or the path of a YAML file, not as {type(source).__name__}")


@lru_cache(maxsize=16)
def _packaged(instrument: str, recipe: str, arm: str) -> dict[tuple[str, str], Any]:
    """Defaults shipped with the package for one instrument, recipe and arm."""
    text = resources.files(__package__).joinpath("defaults.yaml").read_text(encoding="utf-8")
    block = parse_yaml(text, "packaged defaults")[instrument]
    reader = _Reader(arm)
    reader.read_block(block.get(recipe) or block["soxs-stare"])
    return reader.values


def _build(values: Mapping[tuple[str, str], Any]) -> StareSettings:
    content: dict[str, Any] = {}
    for (section, field), value in values.items():
        (content.setdefault(section, {}) if section else content)[field] = value
    return StareSettings.model_validate(content)


class _Reader:
    """Collects values by (section, field) from a nested mapping; later ones win."""

    def __init__(self, arm: str, origin: str = "") -> None:
        self.arm = arm
        self.origin = origin
        self.values: dict[tuple[str, str], Any] = {}
        self.warnings: list[str] = []
        self.unused: list[str] = []

    def read_file(self, content: Mapping[Any, Any], recipe: str) -> None:
        """General keys first, then the recipe's block, then its arm's sub-block."""
        blocks = {normalised(key): value for key, value in content.items()}
        general = {
            key: value for key, value in content.items() if not normalised(key).startswith("soxs_") or normalised(key) == "soxs_response"
        }
        self.read_block(general)
        self.unused += [str(key) for key in content if normalised(key).startswith("soxs_") and normalised(key) not in _USED_BLOCKS]
        block = blocks.get(normalised(recipe))
        if block is None:
            block = blocks.get(normalised(RECIPES[0]))
        if block is not None:
            self.read_block(_as_mapping(block, recipe))

    def read_block(self, block: Mapping[Any, Any]) -> None:
        """Keys of a block, then those of the arm's sub-block over them."""
        for key, value in block.items():
            if normalised(key) not in _ARMS:
                self._read_key(key, value)
        for key, value in block.items():
            if normalised(key) == self.arm and value is not None:
                self.read_block(_as_mapping(value, str(key)))

    def _read_key(self, key: Any, value: Any) -> None:
        name = normalised(key)
        leaf = leaf_by_name().get(name)
        if name in UNUSED:
            self.unused.append(str(key))
        elif leaf is not None:
            self._read_leaf(leaf, value)
        elif name in BLOCK_SECTIONS:
            if value is not None:
                self.read_block(_as_mapping(value, str(key)))
        else:
            self.warnings.append(f"{self.origin}setting {str(key)[:60]!r} is not known and has no effect{_suggestion(name)}")

    def _read_leaf(self, leaf: Leaf, value: Any) -> None:
        if value is None and "None" not in str(leaf.info.annotation):
            return
        self.values[leaf.section, leaf.field] = _checked(leaf, value)


_USED_BLOCKS = {"soxs_response", *(normalised(recipe) for recipe in RECIPES)}


def _as_mapping(value: Any, key: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"setting {key[:60]!r} is {str(value)[:40]!r}, a block of key: value pairs is needed")
    return value


def _suggestion(name: str) -> str:
    known = {known: leaf.published for known, leaf in leaf_by_name().items()}
    nearest = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.6)
    return f"; did you mean {known[nearest[0]]!r}?" if nearest else ""


def _checked(leaf: Leaf, value: Any) -> Any:
    """The value with the type of the field, or a `SettingsError` that names it."""
    if leaf.info.annotation is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Mapping) and "Mapping" in str(leaf.info.annotation):
        value = dict(_switches(leaf, value) if leaf.field == "plots" else _ranges(leaf, value))
    model: Any = StareSettings if not leaf.section else StareSettings.model_fields[leaf.section].annotation
    try:
        checked = model.model_validate({leaf.field: value}, strict=True)
    except ValidationError as error:
        raise SettingsError(f"setting {leaf.published!r} is {_shown(value)}, {allowed(leaf)} is needed") from error
    return getattr(checked, leaf.field)


def _ranges(leaf: Leaf, value: Mapping[Any, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    for name, limits in value.items():
        numbers = list(limits) if isinstance(limits, list | tuple) else []
        if len(numbers) != 2 or not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            raise SettingsError(f"setting '{leaf.published}: {str(name)[:40]}' is {_shown(limits)}, [low, high] is needed")
        yield str(name), (float(numbers[0]), float(numbers[1]))


def _switches(leaf: Leaf, value: Mapping[Any, Any]) -> Iterator[tuple[str, bool]]:
    for name, switch in value.items():
        plot = normalised(name)
        if plot not in PLOTS:
            nearest = difflib.get_close_matches(plot[:80], PLOTS, n=1, cutoff=0.5)
            known = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(PLOTS)}"
            raise SettingsError(f"setting '{leaf.published}': there is no plot {str(name)[:40]!r}; {known}")
        if not isinstance(switch, bool):
            raise SettingsError(f"setting '{leaf.published}: {str(name)[:40]}' is {_shown(switch)}, true or false is needed")
        yield plot, switch


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
