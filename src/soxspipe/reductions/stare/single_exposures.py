"""Every exposure of a set on its own."""

from __future__ import annotations

from dataclasses import replace

from soxspipe.io.headers import header_cards
from soxspipe.reductions.select import Selected
from soxspipe.reductions.stare.context import StareGathered
from soxspipe.reductions.stare.ranges import is_standard


def split_exposures(gathered: StareGathered) -> tuple[StareGathered, ...]:
    """What is reduced: the set, or with `stack_before_extraction` off each exposure, whose products end in ``_F1``, ``_F2``, ...

    A standard is also reduced as a set, and that first: its response serves others.
    """
    raw = gathered.inputs.raw
    if gathered.settings.stack_before_extraction or len(raw) < 2:
        return (gathered,)
    singles = tuple(_single(gathered, number) for number in range(len(raw)))
    return (gathered, *singles) if is_standard(gathered.recipe) else singles


def _single(gathered: StareGathered, number: int) -> StareGathered:
    file, raw = gathered.files.exposures[number], gathered.inputs.raw[number]
    files = dict(gathered.files.files)
    files[next(iter(files))] = (file,)
    return replace(
        gathered,
        inputs=replace(gathered.inputs, raw=(raw,), observation=raw.observation),
        sof_name=f"{gathered.sof_name}_F{number + 1}",
        header=header_cards(file.header),
        files=Selected(files=files, warnings=gathered.files.warnings),
    )
