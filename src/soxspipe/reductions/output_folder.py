"""Where products go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from soxspipe.errors import SettingsError
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.published_names import normalised
from soxspipe.settings.yaml_text import read_yaml


def output_folder(chosen: str | os.PathLike[str] | None, settings: SettingsSource) -> Path:
    """Folder for products: the one chosen, else ``workspace-root-dir`` of the settings, else the working directory.

    Raises
    ------
    SettingsError
        If it cannot be the name of a folder.
    """
    named = os.fspath(chosen or _workspace(settings) or ".")
    if "\0" in named:
        raise SettingsError(f"the folder for products is {named[:60]!r}, which is not a name of a folder")
    return Path(os.path.abspath(os.path.expanduser(named)))


def _workspace(settings: SettingsSource) -> str:
    content = read_yaml(settings) if isinstance(settings, str | os.PathLike) else settings
    if not isinstance(content, Mapping):
        return ""
    value = next((value for key, value in content.items() if normalised(key) == "workspace_root_dir"), None)
    return value if isinstance(value, str) else ""
