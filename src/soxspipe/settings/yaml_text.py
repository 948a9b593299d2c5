"""YAML text → plain values, with limits that no honest settings file meets."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any

from soxspipe.errors import SettingsError
from soxspipe.regular_files import open_regular

MAX_BYTES = 1 << 20
"""Hundreds of times a settings file of the reference."""
MAX_NODES = 20_000
"""Many times a settings file of the reference; ends one that grows when it is read."""
MAX_DEPTH = 12
"""Settings are nested five deep."""
MAX_ALIASES = 16
"""Anchors that refer to anchors grow without bounds ("billion laughs")."""


def read_yaml(path: str | PathLike[str]) -> dict[Any, Any]:
    """Read a YAML settings file.

    Raises
    ------
    SettingsError
        If it cannot be read, is not UTF-8 YAML, holds anything but a mapping, or is unreasonably large or deep.
    """
    try:
        with open_regular(path) as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SettingsError(f"settings file {path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(content) > MAX_BYTES:
        raise SettingsError(f"settings file {path}: is larger than {MAX_BYTES >> 20} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"settings file {path}: is not UTF-8 text (byte {error.start})") from error
    return parse_yaml(text, f"settings file {path}")


def parse_yaml(text: str, name: str) -> dict[Any, Any]:
    """Parse YAML text that holds a mapping; `name` says in messages where it came from.

    Raises
    ------
    SettingsError
        As `read_yaml`.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both are safe: tags make no objects
    try:
        _require_small(yaml.parse(text, Loader=loader), name)
        value = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = str(getattr(error, "problem", None) or error)
        if "nesting depth" in problem:  # newer parsers have a limit of their own, far beyond ours
            problem = f"is nested deeper than {MAX_DEPTH} levels"
        raise SettingsError(f"{name}: {where}{problem}".replace("\n", " ")[:300]) from error
    except SettingsError:
        raise
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        raise SettingsError(f"{name}: a value cannot be read as what its tag says ({str(error)[:100]})") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError(f"{name}: holds {type(value).__name__} at its top, key: value pairs are needed")
    require_reasonable(value, name)
    return value


def _require_small(events: Iterable[Any], name: str) -> None:
    """Raise, before anything is built, if the text nests deeply or refers to anchors often."""
    depth = aliases = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        aliases += kind == "AliasEvent"
        if depth > MAX_DEPTH + 2:
            raise SettingsError(f"{name}: is nested deeper than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise SettingsError(f"{name}: refers more than {MAX_ALIASES} times to anchors")


def require_reasonable(value: Any, name: str) -> None:
    """Raise if a structure, aliases followed, is deeper or larger than settings are."""
    pending, seen = [(value, 0)], 0
    while pending:
        node, depth = pending.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise SettingsError(f"{name}: is nested deeper than {MAX_DEPTH} levels or has more than {MAX_NODES} entries")
        if isinstance(node, dict):
            pending += [(child, depth + 1) for child in node.values()]
        elif isinstance(node, list | tuple):
            pending += [(child, depth + 1) for child in node]
