"""Which values go into which metric."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from soxspipe.datamodel.flags import PixelFlag
from soxspipe.reductions.stare.metrics import bad_pixels


def test_pixels_that_the_edge_of_the_slit_lights_in_part_are_no_defects() -> None:
    flags = np.full((2, 5), np.uint8(PixelFlag.BAD))
    flags[1] = 0
    partly_lit = np.zeros((2, 5), dtype=bool)
    partly_lit[0, :3] = True
    for mask, expected in ((None, 5), (partly_lit, 2)):
        context = SimpleNamespace(
            result=SimpleNamespace(sky_subtracted=SimpleNamespace(flags=flags)), inputs=SimpleNamespace(partly_lit=mask)
        )
        number, share = bad_pixels(context)  # type: ignore[arg-type]  # all of a context that the metric looks at
        assert number.value == expected
        assert share.value == expected / 10
