"""Whether all pinholes of the mask are seen, and no others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.solve_arc import ArcSolution

BRIGHT_SIGMA = 25.0
"""Lines with images this significant show a pinhole if it is there."""
SEEN_SIGMA = 6.0
"""Highest of a few pixels: noise alone reaches 6 sigma less than once in an image."""
SEEN, NOT_SEEN = 0.5, 0.3
"""Share of an order's bright lines that show a pinhole that is there, and one that is not (0.77 or more, and 0, on real frames)."""
LEAST_LINES = 3
"""The share of an order says nothing with one or two lines, either of which may be blended."""
TAIL = 0.1
"""Of the typical pinhole: less than a dim one sends, more than the wing of a bright neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskCheck:
    """Share of bright lines that show light at the places of the mask in one order.

    Attributes
    ----------
    order : int
        Order number.
    share : tuple of float
        For every pinhole, the place beyond the first and that beyond the last included: n + 2 numbers.
    """

    order: int
    share: tuple[float, ...]

    @property
    def displaced(self) -> int:
        """+1 or -1 if the pattern lies one pinhole towards larger or smaller slit positions than the mask, else 0."""
        if self.share[-1] >= SEEN and self.share[1] <= NOT_SEEN:
            return 1
        return -1 if self.share[0] >= SEEN and self.share[-2] <= NOT_SEEN else 0

    @property
    def unseen(self) -> tuple[int, ...]:
        """Pinholes of the mask that are not seen, by index, where the pattern is in its place."""
        if self.displaced:
            return ()
        return tuple(index for index, share in enumerate(self.share[1:-1]) if share <= NOT_SEEN)


def check_mask(image: ArcImage, solution: ArcSolution) -> tuple[MaskCheck, ...]:
    """Look for light at the places of all pinholes, and one beyond either end, in every order that has bright lines."""
    slit = solution.slit_arcsec
    spacing = float(np.median(np.diff(slit)))
    places = np.concatenate([[slit[0] - spacing], slit, [slit[-1] + spacing]])
    strong = (solution.judged.state == ImageState.GOOD) & (solution.pinholes.significance.reshape(solution.shape) > BRIGHT_SIGMA)
    bright = strong.sum(axis=1) >= solution.shape[1] // 2
    checks = []
    for number in np.unique(solution.lines.order[bright]):
        here = bright & (solution.lines.order == number)
        if here.sum() < LEAST_LINES:
            continue
        x, y = solution.fit.pixels(solution.lines.order[here][:, None], solution.lines.wavelength_nm[here][:, None], places[None, :])
        significance = image.significance(x.ravel(), y.ravel(), 2)[:, 1:-1, 1:-1].max(axis=(1, 2)).reshape(x.shape)
        typical = np.median(significance[:, 1:-1], axis=1, keepdims=True)  # the wing of a bright end pinhole is not a pinhole
        inside = (x > 2) & (x < image.shape[1] - 3) & (y > 2) & (y < image.shape[0] - 3)
        seen = (significance > np.maximum(SEEN_SIGMA, TAIL * typical)) & inside
        share = seen.sum(axis=0) / np.maximum(inside.sum(axis=0), 1)
        checks.append(MaskCheck(order=int(number), share=tuple(float(value) for value in share)))
    return tuple(checks)
