"""Reference of a scene's fields, for the documentation and the command line."""

from __future__ import annotations

from typing import Any

from soxspipe.simulate.scene import Scene


def reference_rows() -> list[tuple[str, str, str, str]]:
    """Key, default, allowed values and meaning of every field, for the documentation and the command line."""
    properties = Scene.model_json_schema()["properties"]
    return [(key, _shown(entry.get("default")), _allowed(entry), entry["description"]) for key, entry in properties.items()]


def _shown(default: Any) -> str:
    return "-" if default is None or default in ("", {}) else ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def _allowed(entry: dict[str, Any]) -> str:
    """Values or bounds out of a JSON schema entry; optional fields have theirs in the first alternative."""
    one = next((option for option in entry.get("anyOf", []) if option.get("type") != "null"), entry)
    one = one.get("items", one) if one.get("type") == "array" and "prefixItems" not in one else one
    if one.get("type") == "object":
        return "numbers by order"
    if "enum" in one:
        return ", ".join(map(str, one["enum"]))
    low = one.get("minimum", one.get("exclusiveMinimum"))
    high = one.get("maximum", one.get("exclusiveMaximum"))
    if low is None and high is None:
        return {"boolean": "true, false", "string": "text"}.get(str(one.get("type")), _several(one))
    return f"{'>' if 'exclusiveMinimum' in one else '>='} {low:g}" if high is None else f"{low:g} to {high:g}"


def _several(entry: dict[str, Any]) -> str:
    """Words for a value that is a list."""
    if "prefixItems" not in entry:
        return "numbers" if entry.get("type") == "number" else "integers"
    return "two numbers" if entry["prefixItems"][0].get("type") == "number" else "two integers"
