"""What an exposure left on the detector for the next one, and what to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from soxspipe.algorithms.frames.persistence import Afterglow, Persistence, measure_persistence
from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.algorithms.frames.read_noise import far_from_orders, unlit_pixels
from soxspipe.reductions.stare.inputs import StareInputs

WITH_PERSISTENCE = "NIR"
"""The arm whose pixels keep charge; a CCD is clocked empty."""
SURE_SIGMA = 5.0
"""Few pixels are struck by cosmic rays, and not all of what they leave is normal noise."""
WORTH_SAYING = 0.002
"""Of the charge: less would change no flux by as much as a calibration is good to."""


def measure_afterglow(exposures: Sequence[RawExposure], inputs: StareInputs) -> tuple[Persistence | None, ...]:
    """Share of the exposure before that each exposure shows again; None of the first one in time, of a CCD, and where too little is seen."""
    found: list[Persistence | None] = [None] * len(exposures)
    if inputs.arm.name != WITH_PERSISTENCE or len(exposures) < 2:
        return tuple(found)
    unlit = unlit_pixels(far_from_orders(inputs.geometry), inputs.masters.flat, every_row=1)
    for before, after in pairwise(inputs.by_time(range(len(exposures)))):
        found[after] = measure_persistence(exposures[before], exposures[after], inputs.masters, unlit)
    return tuple(found)


def without_afterglow(
    exposures: Sequence[RawExposure], found: Sequence[Persistence | None], inputs: StareInputs
) -> tuple[RawExposure, ...]:
    """The exposures, each without what it shows of the one before it; untouched where that is not significant."""
    cleaned = list(exposures)
    for before, after in pairwise(inputs.by_time(range(len(exposures)))):
        one = found[after]
        if one is not None and (share := significant_share(one)):
            glow = Afterglow(share=share, before=exposures[before], masters=inputs.masters)
            cleaned[after] = replace(exposures[after], afterglow=glow)
    return tuple(cleaned)


def significant_share(found: Persistence) -> float:
    """The share that is kept; 0 where it may be noise."""
    return found.share if found.share > SURE_SIGMA * found.error else 0.0


def afterglow_words(names: Sequence[str], found: Sequence[Persistence | None]) -> Iterator[str]:
    """One sentence on the exposure that holds most of the one before it."""
    seen = [(significant_share(one), name, one) for name, one in zip(names, found, strict=True) if one is not None]
    share, name, worst = max(seen, key=lambda one: one[0], default=(0.0, "", None))
    if worst is not None and share > WORTH_SAYING:
        yield (
            f"{name}: {100 * share:.1f} +- {100 * worst.error:.1f} % of the charge of the exposure before it is seen again, as pixels show "
            "that cosmic rays struck; it was taken off. What was on the detector before the first exposure is not known"
        )
