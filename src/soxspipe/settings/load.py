"""Settings as the user gives them → `StareSettings`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from os import PathLike
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin, overload

from pydantic import ValidationError

from soxspipe.errors import SettingsError
from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.published_names import BLOCK_SECTIONS, UNUSED, Leaf, leaf_by_name, normalised, sections_by_name
from soxspipe.settings.stare import StareSettings
from soxspipe.settings.yaml_text import parse_yaml, read_yaml, require_reasonable

SettingsSource: TypeAlias = Mapping[Any, Any] | str | PathLike[str] | ReductionSettings | Literal[False] | None

_ARMS = ("uvb", "vis", "nir")
_INSTRUMENTS = {"soxs": "soxs", "xshooter": "xsh", "xsh": "xsh"}


Chosen = TypeVar("Chosen", bound=ReductionSettings)
STANDARD = "-std"
"""Ending of the name under which a recipe treats standard stars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings(Generic[Chosen]):
    """Settings, what to warn the user of, and the names that were read but have no use here."""

    settings: Chosen
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@overload
def load_settings(source: SettingsSource, *, instrument: str, recipe: str, arm: str) -> LoadedSettings[StareSettings]: ...
@overload
def load_settings(source: SettingsSource, *, instrument: str, recipe: str, arm: str, model: type[Chosen]) -> LoadedSettings[Chosen]: ...
def load_settings(
    source: SettingsSource, *, instrument: str, recipe: str, arm: str, model: type[ReductionSettings] = StareSettings
) -> LoadedSettings[Any]:
    """Lay the user's settings over the defaults of an instrument, recipe and arm.

    Parameters
    ----------
    source : mapping, path, settings, False or None
        The reference pipeline's settings file or its content, or a flat mapping of published names; hyphens and underscores are alike.
        False and None mean the defaults; an instance of the model is taken as it is.
    instrument : str
        ``SOXS`` or ``XSHOOTER``.
    recipe : str
        Block of the file that counts, for example ``soxs-stare``; a file without a block for standards (``soxs-stare-std``) gives the
        block without ``-std`` to both.
    arm : str
        Arm whose sub-block counts.
    model : type
        Class of the recipe's settings; the defaults that depend on the arm stand in the YAML file beside its module.

    Returns
    -------
    LoadedSettings

    Raises
    ------
    SettingsError
        If the file cannot be read, or a value has the wrong type or lies outside its range.
    """
    if isinstance(source, ReductionSettings):
        if not isinstance(source, model):
            raise SettingsError(f"the settings are {type(source).__name__}, {model.__name__} are needed for {recipe}")
        return LoadedSettings(settings=source)
    chosen = _packaged(model, _INSTRUMENTS[instrument.lower()], recipe, arm.lower())
    if source is None or source is False:
        return LoadedSettings(settings=_build(model, chosen))
    content = _mapping(source)
    user = _Reader(model, arm.lower(), f"settings file {source}: " if isinstance(source, str | PathLike) else "")
    try:
        user.read_file(content, recipe)
    except SettingsError as error:
        raise SettingsError(f"{user.origin}{error}") from error
    return LoadedSettings(settings=_build(model, chosen | user.values), warnings=tuple(user.warnings), unused=tuple(user.unused))


def allowed(leaf: Leaf) -> str:
    """What a setting may be, in words."""
    annotation = leaf.info.annotation
    if annotation is bool:
        return "true or false"
    if leaf.field == "plots":
        return f"a mapping of names to true or false; names are {', '.join(leaf.plot_names)}"
    if get_origin(annotation) is Literal:
        return " or ".join(map(repr, get_args(annotation)))
    if "Mapping" in str(annotation):
        return "a mapping of metric names to [low, high]"
    if "tuple[int, int]" in str(annotation):
        return "a whole number from 0 to 9, or two [x, y]"
    if annotation is str:
        return "digits, or empty"
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
def _packaged(model: type[ReductionSettings], instrument: str, recipe: str, arm: str) -> dict[tuple[str, str], Any]:
    """Defaults shipped with the package for one instrument, recipe and arm: those that differ from the ones in the classes."""
    package, _, module = model.__module__.rpartition(".")
    file = resources.files(package).joinpath(f"{module}.yaml")
    content = parse_yaml(file.read_text(encoding="utf-8"), "packaged defaults").get(instrument, {}) if file.is_file() else {}
    reader = _Reader(model, arm)
    reader.read_block(content.get(recipe) or content.get(recipe.removesuffix(STANDARD)) or {})
    return reader.values


def _build(model: type[Chosen], values: Mapping[tuple[str, str], Any]) -> Chosen:
    content: dict[str, Any] = {}
    for (section, field), value in values.items():
        (content.setdefault(section, {}) if section else content)[field] = value
    return model.model_validate(content)


class _Reader:
    """Collects values by (section, field) from a nested mapping; later ones win."""

    def __init__(self, model: type[ReductionSettings], arm: str, origin: str = "") -> None:
        self.model = model
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
        plain = recipe.removesuffix(STANDARD)
        used = {"soxs_response", normalised(plain), normalised(plain + STANDARD)}
        self.unused += [str(key) for key in content if normalised(key).startswith("soxs_") and normalised(key) not in used]
        block = blocks.get(normalised(recipe))
        if block is None:
            block = blocks.get(normalised(recipe.removesuffix(STANDARD)))
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
        leaf = leaf_by_name(self.model).get(name)
        sections = sections_by_name(self.model)
        if name in UNUSED or (leaf is None and name in BLOCK_SECTIONS and name not in sections):
            self.unused.append(str(key))
        elif leaf is not None:
            self._read_leaf(leaf, value)
        elif name in sections:
            if value is not None:
                self.read_block(_as_mapping(value, str(key)))
        else:
            self.warnings.append(f"{self.origin}setting {str(key)[:60]!r} is not known and has no effect{_suggestion(self.model, name)}")

    def _read_leaf(self, leaf: Leaf, value: Any) -> None:
        if value is None and "None" not in str(leaf.info.annotation):
            return
        self.values[leaf.section, leaf.field] = _checked(self.model, leaf, value)


def _as_mapping(value: Any, key: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"setting {key[:60]!r} is {str(value)[:40]!r}, a block of key: value pairs is needed")
    return value


def _suggestion(model: type[ReductionSettings], name: str) -> str:
    known = {known: leaf.published for known, leaf in leaf_by_name(model).items()}
    nearest = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.6)
    return f"; did you mean {known[nearest[0]]!r}?" if nearest else ""


def _checked(whole: type[ReductionSettings], leaf: Leaf, value: Any) -> Any:
    """The value with the type of the field, or a `SettingsError` that names it."""
    if leaf.info.annotation is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if get_origin(leaf.info.annotation) is Literal and isinstance(value, float):
        value = f"{value:g}"  # YAML takes a release such as 0.19 for a number
    if isinstance(value, Mapping) and "Mapping" in str(leaf.info.annotation):
        value = dict(_switches(leaf, value) if leaf.field == "plots" else _ranges(leaf, value))
    model: Any = whole if not leaf.section else whole.model_fields[leaf.section].annotation
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
        if plot not in leaf.plot_names:
            nearest = difflib.get_close_matches(plot[:80], leaf.plot_names, n=1, cutoff=0.5)
            known = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(leaf.plot_names)}"
            raise SettingsError(f"setting '{leaf.published}': there is no plot {str(name)[:40]!r}; {known}")
        if not isinstance(switch, bool):
            raise SettingsError(f"setting '{leaf.published}: {str(name)[:40]}' is {_shown(switch)}, true or false is needed")
        yield plot, switch


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
