"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def first_and_more(names: Sequence[str]) -> str:
    """The first of some names, at least one, and how many more there are: `raw_0.fits and 2 more`."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
