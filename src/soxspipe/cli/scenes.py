"""Scenes of the simulator on the command line: every key of a scene file is an option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from soxspipe.errors import SettingsError
from soxspipe.io.simulated_facts import AnyScene, make_scene_of, read_scene_of
from soxspipe.simulate.scene import Scene


def scene_of(words: Sequence[str]) -> Scene:
    """The scene of an observation; see `scene_of_kind`."""
    return scene_of_kind(Scene, words)


def scene_of_kind(kind: type[AnyScene], words: Sequence[str]) -> AnyScene:
    """The scene of a file (or the default one) with options over it.

    Parameters
    ----------
    kind : type
        `Scene`, or a kind of it with more keys.
    words : sequence of str
        A scene file first, if there is one; then ``--key value`` or ``--key=value``, where values are YAML.

    Raises
    ------
    SettingsError
        If an option has no value, or the scene does not allow it.
    """
    has_file = bool(words) and not words[0].startswith("--")
    chosen = _pairs(words[1:] if has_file else words)
    return read_scene_of(kind, Path(words[0]), chosen) if has_file else make_scene_of(kind, chosen)


def keys_text(kind: type[BaseModel] = Scene) -> str:
    """Every key with its default and meaning."""
    width = max(map(len, kind.model_fields))
    lines = []
    for name, info in kind.model_fields.items():
        default = "" if info.default is None else f" [{_shown(info.default)}]"
        lines.append(f"{name.ljust(width)}  {info.description}{default}")
    return "\n".join(lines)


def _pairs(options: Sequence[str]) -> dict[str, Any]:
    from soxspipe.settings.yaml_text import parse_yaml

    chosen: dict[str, Any] = {}
    words = iter(options)
    for word in words:
        if not word.startswith("--"):
            raise SettingsError(f"{word!r} is not an option; keys of the scene are given as --key value")
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = next(words, "")
        if not value:
            raise SettingsError(f"option --{key} needs a value")
        chosen[key.replace("-", "_")] = parse_yaml(f"value: {value}", f"option --{key}")["value"]
    return chosen


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
