"""Images in temporary files give the pixels that were put there."""

from __future__ import annotations

import gc
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

from soxspipe.algorithms.frames.prepare import expose, prepare
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.stored_image import StoredImage
from soxspipe.instruments.registry import detector
from soxspipe.io.stored import Storing, store

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.fixture
def turned() -> Detector:
    """A detector whose frames are turned and trimmed."""
    return detector("SOXS", "NIR", binning=(1, 1), gain_e_per_adu=2.0, read_noise_e=5.0)


def test_pixels_are_those_that_were_put_there() -> None:
    stored = store(PIXELS)
    assert isinstance(stored, StoredImage)
    assert (stored.shape, stored.dtype, stored.ndim) == ((3, 4), np.dtype(np.uint16), 2)
    assert np.array_equal(np.asarray(stored), PIXELS)
    assert np.array_equal(stored[1:, ::2], PIXELS[1:, ::2])
    assert stored[np.array([0, 2]), np.array([3, 0])].tolist() == [3, 8]


def test_what_is_read_is_a_copy() -> None:
    stored = store(PIXELS)
    stored[:1][0, 0] = 99
    assert stored[0, 0] == 0


def test_an_image_seen_through_a_view() -> None:
    stored = store(PIXELS)
    assert isinstance(stored, StoredImage)
    seen = stored.through(lambda image: np.rot90(image)[1:])
    assert seen.shape == (3, 3)
    assert np.array_equal(np.asarray(seen), np.rot90(PIXELS)[1:])


def test_an_exposure_out_of_a_file_is_that_out_of_memory(turned: Detector) -> None:
    adu = np.random.default_rng(1).poisson(1000.0, (2048, 2048)).astype(np.float32)
    adu[700, 700] = np.nan
    seen, bad = Observation(arm="NIR", kind="OBJECT", exptime_s=60.0), np.zeros(turned.shape, dtype=bool)
    held, stored = (RawFrame(adu=image, observation=seen, name="raw") for image in (adu, store(adu)))
    expected, found = prepare(held, turned, bad), prepare(stored, turned, bad)
    assert np.array_equal(found.electrons, expected.electrons)
    assert np.array_equal(found.flags, expected.flags)
    with pytest.raises(ValueError, match="does not hold the science area"):
        expose(RawFrame(adu=store(adu[:100]), observation=seen), turned, bad)


def test_the_file_goes_with_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    opened = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **how: files.append(opened(**how)) or files[-1])
    stored = store(PIXELS)
    assert not files[0].closed
    del stored
    gc.collect()
    assert files[0].closed


def test_without_room_for_a_file_the_image_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert np.array_equal(store(PIXELS).look(), PIXELS)


def test_what_a_full_disk_has_taken_is_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        """Takes two rows and a byte, and no more."""

        def write(self, rows: memoryview, /) -> int:
            room = 2 * PIXELS[0].nbytes + 1 - self.tell()
            if room <= 0:
                raise OSError(28, "No space left on device")
            return super().write(rows[:room])

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    storing = Storing(4, PIXELS.dtype)
    for row in PIXELS:
        storing.add(row[None])
    assert np.array_equal(storing.stored().look(), PIXELS)
