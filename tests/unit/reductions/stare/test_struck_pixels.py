"""Cosmic rays belong to the exposure that they struck."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.reductions.stare.struck_pixels import struck_pixels

DETECTOR = Detector(science_columns=(0, 4), science_rows=(0, 3), gain_e_per_adu=2.0, read_noise_e=5.0)


def run(n: int, groups: tuple[int, ...] = ()) -> SimpleNamespace:
    """Exposures of 100 ADU; the second has a hit at (1, 2), which the stack left out; (0, 0) is flagged in the mean."""
    adu = [np.full((3, 4), 100.0) for _ in range(n)]
    counts = np.full((3, 4), n, np.uint8)
    if n > 1:
        adu[1][1, 2], counts[1, 2] = 900.0, n - 1
    flags = np.zeros((3, 4), np.uint8)
    flags[0, 0] = PixelFlag.COSMIC_RAY
    flags[2, 3] = PixelFlag.OUTLIER
    stacked = Frame(
        electrons=np.full((3, 4), 200.0), variance=np.full((3, 4), 25.0 / n), flags=flags, exptime_s=1.0, n_exposures=n, counts=counts
    )
    raw = [SimpleNamespace(adu=image, name=f"{k}.fits") for k, image in enumerate(adu)]
    records = [SimpleNamespace(group=group) for group in groups]
    result = SimpleNamespace(stacked=stacked, sky_subtracted=stacked, exposures=records)
    return SimpleNamespace(inputs=SimpleNamespace(raw=raw, detector=DETECTOR), result=result)


def places(found) -> dict[str, list[tuple[int, int]]]:
    return {one.raw.name: [tuple(map(int, place)) for place in np.argwhere(one.struck)] for one in found}


def test_a_single_exposure_has_what_the_image_shows() -> None:
    assert places(struck_pixels(run(1))) == {"0.fits": [(0, 0)]}


def test_a_hit_that_the_stack_left_out_belongs_to_its_exposure() -> None:
    assert places(struck_pixels(run(3))) == {"0.fits": [(0, 0)], "1.fits": [(0, 0), (1, 2)], "2.fits": [(0, 0)]}


def test_exposures_solved_on_their_own_have_none() -> None:
    assert list(places(struck_pixels(run(3, groups=(0, 0, 1))))) == ["0.fits", "1.fits"]
