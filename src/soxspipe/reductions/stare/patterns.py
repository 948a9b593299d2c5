"""Which exposures have a read-out pattern taken off, and what to say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soxspipe.algorithms.frames.prepare import RawExposure
from soxspipe.algorithms.frames.read_noise import far_from_moved_orders, far_from_orders, unlit_pixels
from soxspipe.algorithms.frames.readout_pattern import measure_readout_pattern
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.remark import Remark
from soxspipe.numerics.packed import PackedMask
from soxspipe.reductions.names import first_and_more
from soxspipe.reductions.stare.inputs import StareInputs

WORTH_SAYING = 0.2
"""Of the read noise: a smaller pattern is within 2 % of the noise of a pixel."""


def without_pattern(exposures: Sequence[RawExposure], inputs: StareInputs) -> tuple[RawExposure, ...]:
    """The exposures, each with the pattern that its own unlit pixels show; untouched where they show none."""
    unlit = unlit_pixels(_unlit(inputs), inputs.masters.flat, every_row=1)
    return tuple(replace(exposure, pattern=measure_readout_pattern(exposure, inputs.masters, unlit)) for exposure in exposures)


def _unlit(inputs: StareInputs) -> PackedMask:
    """Pixels that tell the pattern.

    Where orders run along columns, a row holds one wavelength of each of them, so that light beside them would pass for a level of the row;
    there is room to stay away.  Where they run along rows there is not, and light beside them lies in no row alone.
    """
    return far_from_moved_orders(inputs.geometry) if inputs.arm.dispersion_axis == "y" else far_from_orders(inputs.geometry)


def without_noisy_rows(exposure: RawExposure) -> RawExposure:
    """The exposure with the rows flagged that are read with more noise than others: they do not tell what the read noise is."""
    if exposure.pattern is None or not exposure.pattern.excess.any():
        return exposure
    return replace(exposure, bad_pixels=exposure.bad_pixels | (exposure.pattern.excess > 0)[:, None])


def pattern_words(names: Sequence[str], patterns: Sequence[ReadoutPattern | None], read_noise_e: float) -> tuple[str, ...]:
    """What was taken off, and which rows have more noise, one sentence each; a remark where the pattern is small beside the read noise."""
    found = [(name, pattern) for name, pattern in zip(names, patterns, strict=True) if pattern is not None]
    taken = [(name, pattern) for name, pattern in found if pattern.size_e > 0]
    noisy = [(name, pattern) for name, pattern in found if pattern.excess.any()]
    steps = [(name, pattern) for name, pattern in found if pattern.unplaced_e > 0]
    return (
        *(_taken_off(taken, read_noise_e) if taken else ()),
        *(_noisy_rows(noisy, read_noise_e) if noisy else ()),
        *(_left_in(steps) if steps else ()),
    )


def _taken_off(found: Sequence[tuple[str, ReadoutPattern]], read_noise_e: float) -> tuple[str, ...]:
    columns, rows, error = (
        float(np.sqrt(np.mean(np.square(values))))
        for values in (
            [np.std(pattern.columns) for _, pattern in found],
            [np.std(pattern.rows) for _, pattern in found],
            [np.sqrt(pattern.variance) for _, pattern in found],
        )
    )
    parts = [f"{kind} of {size:.1f} e-" for kind, size in (("offsets of columns", columns), ("offsets of rows", rows)) if size > 0]
    said = f"{_who(found)}: {' and '.join(parts)} (rms), as unlit pixels show them, were taken off; {error:.1f} e- is added to the error"
    return (said if np.hypot(columns, rows) > WORTH_SAYING * read_noise_e else Remark(said),)


def _noisy_rows(found: Sequence[tuple[str, ReadoutPattern]], read_noise_e: float) -> tuple[str, ...]:
    number = max(int(np.count_nonzero(pattern.excess)) for _, pattern in found)
    most = max(float(np.sqrt(read_noise_e**2 + np.median(pattern.excess[pattern.excess > 0]))) for _, pattern in found)
    rows = "one row is" if number == 1 else f"{number} rows are"
    return (f"{_who(found)}: {rows} read with more noise than others, as unlit pixels show ({most:.1f} e-); their errors say so",)


def _left_in(found: Sequence[tuple[str, ReadoutPattern]]) -> tuple[str, ...]:
    size = max(pattern.unplaced_e for _, pattern in found)
    return (
        f"{_who(found)}: unlit pixels on both sides of an order show a step in level of {size:.1f} e- between columns, which is not the same in "
        "all rows or of which the order does not show the place; it was left in, and may pass for a host or bend the sky",
    )


def _who(found: Sequence[tuple[str, ReadoutPattern]]) -> str:
    return first_and_more([name for name, _ in found])
