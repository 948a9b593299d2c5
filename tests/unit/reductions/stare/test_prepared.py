"""What is said of full wells is what is done with them."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.remark import Remark
from soxspipe.reductions.stare.prepared import WORTH_SAYING_HALF_PX, WORTH_SAYING_PX, half_full_words, saturation_words, too_many_full
from support.orders import make_geometry


@pytest.mark.parametrize(
    ("full", "many", "words"),
    [(WORTH_SAYING_PX - 1, False, ()), (WORTH_SAYING_PX, False, ("flagged SATURATED",)), (400, True, ("wavelengths on which they lie",))],
)
def test_full_wells_and_bad_pixels_beside_them(full: int, many: bool, words: tuple[str, ...]) -> None:
    """An order of 400 rows has some 18 000 pixels on the slit."""
    geometry = make_geometry(numbers=(11,), n_b=400, spacing=60)
    windows = cut_orders(geometry)
    flags = np.zeros(geometry.dispersion_map.order.shape, np.uint8)
    on_slit = windows[0].index[windows[0].inside]
    assert 10_000 < on_slit.size < 40_000
    flags.reshape(-1)[on_slit[:full]] = PixelFlag.SATURATED
    flags.reshape(-1)[on_slit[-10:]] = PixelFlag.SATURATED | PixelFlag.BAD
    assert too_many_full(flags, windows) is many
    said = saturation_words(flags, windows, 52_000.0, without_full=many)
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))
    assert all(f"{full} pixels" in line and "52000 ADU" in line for line in said)


def test_wells_that_are_half_full_are_a_remark_on_the_exposure_that_has_most() -> None:
    assert half_full_words(["a.fits", "b.fits"], [WORTH_SAYING_HALF_PX - 1, 0]) == ()
    (said,) = half_full_words(["a.fits", "b.fits"], [WORTH_SAYING_HALF_PX, 2 * WORTH_SAYING_HALF_PX])
    assert isinstance(said, Remark)
    assert said.startswith("b.fits: 10000 pixels hold more than half of a full well")
