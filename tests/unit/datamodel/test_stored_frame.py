"""Frames and maps in temporary files show what those in memory do."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.results import make_geometry

from soxspipe.datamodel.arrays import Image
from soxspipe.datamodel.calibrations import DarkLaw, Masters, StoredLaw
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.stored_frame import StoredMap
from soxspipe.io.stored import store, store_frame

FRAME = Frame(
    electrons=np.arange(12.0, dtype=np.float32).reshape(3, 4), variance=np.full((3, 4), 2.0, np.float32),
    flags=np.eye(3, 4, dtype=np.uint8), exptime_s=30.0,
)  # fmt: skip


def rows(image: Image) -> Image:
    """The last two rows."""
    return image[1:]


def test_a_stored_frame_shows_its_pixels_and_they_cannot_be_changed() -> None:
    stored = store_frame(FRAME)
    for name in ("electrons", "variance", "flags"):
        assert np.array_equal(getattr(stored, name), getattr(FRAME, name))
        with pytest.raises(ValueError, match="read-only"):
            getattr(stored, name)[0, 0] = 1


def test_masters_are_cut_the_same_from_files_and_from_memory() -> None:
    law = DarkLaw(level=FRAME.electrons, rate=FRAME.variance)
    held = Masters(dark=FRAME, dark_law=law).cutout(rows)
    kept = Masters(dark=store_frame(FRAME), dark_law=StoredLaw(stored=(store(law.level), store(law.rate)))).cutout(rows)
    assert held.dark is not None
    assert kept.dark is not None
    assert held.dark_law is not None
    assert kept.dark_law is not None
    for name in ("electrons", "variance", "flags"):
        assert np.array_equal(getattr(kept.dark, name), getattr(held.dark, name))
    assert kept.dark.exptime_s == 30.0
    assert np.array_equal(kept.dark_law.electrons(7.0), held.dark_law.electrons(7.0))


def test_a_stored_map_is_the_map() -> None:
    mapped = make_geometry("NIR").dispersion_map
    stored = StoredMap(stored=(store(mapped.wavelength_nm), store(mapped.slit_arcsec), store(mapped.order)), x=mapped.x)
    assert stored.shape == mapped.shape
    for name in ("wavelength_nm", "slit_arcsec", "order"):
        assert np.array_equal(getattr(stored, name), getattr(mapped, name), equal_nan=True)
    assert stored.x is mapped.x


def test_a_mean_of_exposures_is_kept_in_single_precision_with_what_was_counted() -> None:
    mean = Frame(
        electrons=np.full((3, 4), 0.1), variance=np.broadcast_to(np.float64(0.3), (3, 4)), flags=np.zeros((3, 4), np.uint8),
        exptime_s=30.0, n_exposures=3, integrations=2.0, counts=np.full((3, 4), 3, np.uint8),
    )  # fmt: skip
    stored = store_frame(mean)
    assert stored.electrons.dtype == stored.variance.dtype == np.float32
    assert not any(stored.variance.strides)
    part = stored.cutout(rows)
    assert (part.n_exposures, part.integrations, part.shape) == (3, 2.0, (2, 4))
    assert part.counts is not None
    assert part.counts.tolist() == [[3] * 4] * 2


def test_a_frame_kept_in_double_precision_is_the_frame_and_may_be_flagged_further() -> None:
    tenths = np.full((3, 4), 0.1)
    mean = Frame(electrons=tenths, variance=2.0 * tenths, flags=np.zeros((3, 4), np.uint8), exptime_s=30.0)
    stored = store_frame(mean, np.float64)
    where = np.eye(3, 4, dtype=bool)
    flagged = stored.flagged(where, PixelFlag.BAD)
    part, wanted = flagged.cutout(rows), mean.flagged(where, PixelFlag.BAD).cutout(rows)
    for name in ("electrons", "variance", "flags"):
        assert np.array_equal(getattr(part, name), getattr(wanted, name))
    assert not stored.flags.any(), "the frame that was there before is unchanged"
