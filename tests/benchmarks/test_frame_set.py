"""Edits of a set and of its truth, on one order of twelve columns whose values are worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from frame_set import FrameSet

from soxspipe.simulate.simulation import Truth

ROWS, COLUMNS = np.mgrid[:6, :20].astype(np.float64)
"""Of the frame; the order's columns are 5 to 16, half an arcsec each."""


@pytest.fixture
def frames(tmp_path: Path) -> FrameSet:
    """An order whose column 9 is bad and whose column 16 is cut by the slit's end; 100 e- each in columns 8 and 10.

    Wavelengths in the truth's image are rounded to 512 nm, as those of stored sets may be; the map has them exactly.
    """
    order = np.where((COLUMNS >= 5) & (COLUMNS <= 16), 1.0, 0.0)
    flat = order * np.select([COLUMNS == 9, COLUMNS == 16], [0.5, 1.0], 2.0)
    wavelength = 500 + 0.1 * ROWS + 0.03 * (COLUMNS - 10.5)
    path = tmp_path / "disp_image.fits"
    images = [fits.PrimaryHDU(wavelength), fits.ImageHDU(0.5 * (COLUMNS - 10.5), name="SLIT"), fits.ImageHDU(order, name="ORDER")]
    images[0].header["EXTNAME"] = "WAVELENGTH"
    fits.HDUList(images).writeto(path)
    n = ROWS.shape[0]
    table = {"ORDER": np.ones(n), "DISP_PIX": np.arange(n), "TRACE": np.full(n, 9.0), "WAVE": 499.955 + 0.1 * np.arange(n)}
    light = {"OBJ_E": np.full(n, 200.0), "OBJ_FLAT": np.full(n, 100.0), "SNR_IDEAL": np.full(n, 10.0)}
    truth = Truth(
        header={"ARM": "VIS", "DISPAX": "y", "NFRAMES": 1},
        orders={**table, **light},
        source={},
        images={
            "OBJECT": np.where((COLUMNS == 8) | (COLUMNS == 10), 100.0, 0.0),
            "FLAT": flat,
            "ORDER": order,
            "WAVE": np.full(order.shape, 512.0),
            "SLIT": np.round(0.5 * (COLUMNS - 10.5)),
        },
    )
    return FrameSet(folder=tmp_path, entries=[(path, "DISP_IMAGE_VIS")], truth=truth)


def test_a_target_along_the_slit_has_the_wavelengths_of_the_map(frames: FrameSet) -> None:
    before = np.array(frames.truth.orders["WAVE"])
    frames.move_trace(arcsec=3.0)
    assert frames.px_per_arcsec(1) == pytest.approx(2.0)
    np.testing.assert_allclose(frames.truth.orders["TRACE"], 15.0)
    np.testing.assert_allclose(frames.truth.orders["WAVE"] - before, 6 * 0.03, atol=1e-9)


@pytest.mark.parametrize(
    ("arcsec", "electrons", "flattened"),
    [
        (0.5, 125.0, 100.0),  # column 9 shows a quarter of its light, and so does its flat
        (3.0, 150.0, 75.0),  # column 16 lets half of its light through
        (4.5, 0.0, 0.0),  # beyond the end
    ],
)
def test_light_that_is_moved_is_what_comes_through_between_the_ends(
    frames: FrameSet, arcsec: float, electrons: float, flattened: float
) -> None:
    frames.retarget(frames.moved_across(frames.image("OBJECT"), arcsec))
    np.testing.assert_allclose(frames.truth.orders["OBJ_E"], electrons)
    np.testing.assert_allclose(frames.truth.orders["OBJ_FLAT"], flattened)
