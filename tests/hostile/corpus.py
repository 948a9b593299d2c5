"""The whole corpus."""

from __future__ import annotations

from hostile import files, headers, images, sofs, tables, tiles, yamls
from hostile.case import Case

CASES: tuple[Case, ...] = (
    *files.cases(),
    *headers.cases(),
    *images.cases(),
    *sofs.cases(),
    *tables.cases(),
    *tiles.cases(),
    *yamls.cases(),
)
