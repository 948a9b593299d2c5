"""Scenes of the simulator on the command line: every key of a scene file is an option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soxspipe.errors import SettingsError
from soxspipe.io.simulated_facts import make_scene, read_scene
from soxspipe.simulate.scene import Scene


def scene_of(words: Sequence[str]) -> Scene:
    """The scene of a file (or the default one) with options over it.

    Parameters
    ----------
    words : sequence of str
        A scene file first, if there is one; then ``--key value`` or ``--key=value``, where values are YAML.

    Raises
    ------
    SettingsError
        If an option has no value, or the scene does not allow it.
    """
    has_file = bool(words) and not words[0].startswith("--")
    chosen = _pairs(words[1:] if has_file else words)
    return read_scene(Path(words[0]), chosen) if has_file else make_scene(chosen)


def keys_text() -> str:
    """Every key with its default and meaning."""
    width = max(map(len, Scene.model_fields))
    lines = []
    for name, info in Scene.model_fields.items():
        default = "" if info.default is None else f" [{_shown(info.default)}]"
        lines.append(f"{name.ljust(width)}  {info.description}{default}")
    return "\n".join(lines)


def _pairs(options: Sequence[str]) -> dict[str, Any]:
    from soxspipe.settings.yaml_text import parse_yaml

    chosen: dict[str, Any] = {}
    words = iter(options)
    for word in words:
        if not word.startswith("--"):
            raise SettingsError(f"{word!r} is no option; keys of the scene are given as --key value")
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = next(words, "")
        if not value:
            raise SettingsError(f"option --{key} needs a value")
        chosen[key.replace("-", "_")] = parse_yaml(f"value: {value}", f"option --{key}")["value"]
    return chosen


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
