"""Links of the pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Words, and the file that they lead to."""

    text: str
    href: str
