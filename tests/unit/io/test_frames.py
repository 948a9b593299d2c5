"""Image files to frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.algorithms.frames.prepare import prepare
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.errors import InputError
from soxspipe.instruments.registry import detector, find_instrument
from soxspipe.io.classify import ClassifiedFile, classify
from soxspipe.io.fits import read_header
from soxspipe.io.frames import block_average, read_map_planes, read_master, read_off_frame, read_raw
from support import inputs as kits

SHAPE = (6, 8)
VIS = kits.raw_header("SOXS", "VIS", binning=(2, 2))


def classified(path: Path) -> ClassifiedFile:
    file = classify(path, read_header(path))
    assert file is not None
    return file


def write_images(path: Path, category: str, images: dict[str, np.ndarray], **cards: object) -> ClassifiedFile:
    """A calibration of named planes."""
    header = kits.make_header(kits.product_cards(VIS | cards, category, "IMAGE"))
    hdus = [fits.PrimaryHDU(header=header)] if not images else []
    for name, data in images.items():
        hdus.append(fits.ImageHDU(data, name=name) if hdus else fits.PrimaryHDU(data, header))
        if name:
            hdus[-1].header["EXTNAME"] = name
    fits.HDUList(hdus).writeto(path)
    return classified(path)


def test_master_with_three_planes(tmp_path: Path) -> None:
    path = kits.write_master(tmp_path / "bias.fits", VIS, "MASTER_BIAS", "VIS", SHAPE, 300.0)
    frame = read_master(classified(path), SHAPE, 1.0)
    assert np.all(frame.electrons == 300.0)
    assert np.all(frame.variance == 4.0)
    assert frame.flags[1, 2] == PixelFlag.BAD
    assert np.count_nonzero(frame.flags) == 1
    assert frame.exptime_s == 100.0


def test_master_without_errors_and_quality(tmp_path: Path) -> None:
    path = kits.write_master(tmp_path / "bias.fits", VIS, "MASTER_BIAS", "VIS", SHAPE, 300.0, planes=1)
    frame = read_master(classified(path), SHAPE, 1.0)
    assert not frame.variance.any()
    assert not frame.flags.any()


def test_planes_are_found_by_name_whatever_their_place(tmp_path: Path) -> None:
    file = write_images(
        tmp_path / "flat.fits",
        "MASTER_FLAT_VIS",
        {"ERRS": np.full(SHAPE, 3.0), "FLUX": np.full(SHAPE, 7.0), "QUAL": np.eye(*SHAPE, dtype=np.uint8)},
    )
    frame = read_master(file, SHAPE, 1.0)
    assert (frame.electrons[0, 0], frame.variance[0, 0], frame.flags[0, 0], frame.flags[0, 1]) == (7.0, 9.0, 1, 0)


def test_pixels_that_are_not_numbers_are_zero_and_flagged(tmp_path: Path) -> None:
    flux, errors = np.ones(SHAPE, np.float32), np.ones(SHAPE, np.float32)
    flux[0, 0], flux[0, 1], errors[0, 2] = np.nan, np.inf, np.nan
    frame = read_master(write_images(tmp_path / "flat.fits", "MASTER_FLAT_VIS", {"FLUX": flux, "ERRS": errors}), SHAPE, 1.0)
    assert frame.flags[0, :4].tolist() == [PixelFlag.NOT_FINITE] * 3 + [0]
    assert np.isfinite(frame.electrons).all()
    assert np.isfinite(frame.variance).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({}, "holds no image, a master flat is one"),
        ({"FLUX": np.ones((6, 9))}, "the master flat has NAXIS1 x NAXIS2 9 x 6, 8 x 6 is needed"),
        ({"FLUX": np.ones(SHAPE), "QUAL": np.ones((3, 3), np.uint8)}, "the master flat's QUAL has NAXIS1 x NAXIS2 3 x 3"),
        ({"FLUX": np.ones(SHAPE), "ERRS": np.ones((2, 6, 8))}, "NAXIS is 3, an image with 2 axes"),
    ],
)
def test_wrong_planes_are_named(tmp_path: Path, images: dict[str, np.ndarray], message: str) -> None:
    file = write_images(tmp_path / "flat.fits", "MASTER_FLAT_VIS", images)
    with pytest.raises(InputError, match=rf"flat\.fits: .*{message}"):
        read_master(file, SHAPE, 1.0)


def test_a_dark_needs_its_exposure_time_and_a_bias_does_not(tmp_path: Path) -> None:
    dark = write_images(tmp_path / "dark.fits", "MASTER_DARK_VIS", {"FLUX": np.ones(SHAPE)}, EXPTIME=0.0)
    with pytest.raises(InputError, match=r"dark\.fits: EXPTIME is '0\.0', a dark needs a time above 0 s"):
        read_master(dark, SHAPE, 1.0)
    bias = write_images(tmp_path / "bias.fits", "MASTER_BIAS_VIS", {"FLUX": np.ones(SHAPE)}, EXPTIME=0.0)
    assert read_master(bias, SHAPE, 1.0).exptime_s == 0.0


@pytest.mark.parametrize(
    ("instrument", "arm", "binning"), [("SOXS", "VIS", (2, 2)), ("XSHOOTER", "NIR", (1, 1)), ("XSHOOTER", "UVB", (2, 2))]
)
def test_raw_frame_and_off_frame_agree_on_the_science_area(tmp_path: Path, instrument: str, arm: str, binning: tuple[int, int]) -> None:
    facts = find_instrument(instrument).arms[arm]
    cards = kits.raw_header(instrument, arm, binning=binning)
    used = detector(instrument, arm, binning=binning)
    raw = read_raw(classified(kits.write_raw(tmp_path / "raw.fits", cards, facts, binning)), used)
    off = classified(kits.write_raw(tmp_path / "off.fits", cards | {"ESO DPR TECH": "IMAGE"}, facts, binning))
    frame = read_off_frame(off, used, None)
    assert frame.shape == used.shape
    prepared = prepare(raw, used, np.zeros(used.shape, dtype=bool))
    np.testing.assert_allclose(frame.electrons, prepared.electrons, rtol=1e-6)
    assert raw.name == "raw.fits"


def test_photon_noise_of_an_off_frame_leaves_the_bias_out(tmp_path: Path) -> None:
    facts, used = find_instrument("SOXS").arms["VIS"], detector("SOXS", "VIS", binning=(2, 2))
    off = classified(kits.write_raw(tmp_path / "off.fits", VIS | {"ESO DPR TECH": "IMAGE"}, facts, (2, 2)))
    path = kits.write_master(tmp_path / "bias.fits", VIS, "MASTER_BIAS", "VIS", used.shape, 390.0)
    frame = read_off_frame(off, used, read_master(classified(path), used.shape, 1.0))
    np.testing.assert_allclose(frame.variance, np.maximum(frame.electrons - 390.0, 0) + 3.8**2, rtol=1e-5)


def test_small_raw_frame_names_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "raw.fits"
    fits.PrimaryHDU(np.zeros((100, 100), np.uint16), kits.make_header(VIS)).writeto(path)
    with pytest.raises(
        InputError, match=r"raw\.fits: NAXIS1 x NAXIS2 is 100 x 100, too small .*columns to 429, rows to 2048\) at binning 2 x 2"
    ):
        read_raw(classified(path), detector("SOXS", "VIS", binning=(2, 2)))


@pytest.mark.parametrize(("rows", "columns", "fits_it"), [(2048, 2048, True), (2047, 2048, False), (2048, 2049, False), (2044, 2052, True)])
def test_a_frame_with_lines_that_the_detector_has_not(tmp_path: Path, rows: int, columns: int, fits_it: bool) -> None:
    path = tmp_path / "raw.fits"
    adu = np.random.default_rng(1).integers(300, 400, (rows, columns)).astype(np.uint16)
    fits.PrimaryHDU(adu, kits.make_header(kits.raw_header("SOXS", "NIR"))).writeto(path)
    if fits_it:
        assert read_raw(classified(path), detector("SOXS", "NIR")).adu.shape == (rows, columns)
    else:
        with pytest.raises(InputError, match=rf"raw\.fits: has {rows} rows and {columns} columns, 2048 of each are read out"):
            read_raw(classified(path), detector("SOXS", "NIR"))


def test_prepared_frame_is_not_raw(tmp_path: Path) -> None:
    header = kits.make_header(VIS | {"SXSPRE": "2023-02-25"})
    fits.HDUList([fits.PrimaryHDU(np.ones(SHAPE), header), fits.ImageHDU(np.ones(SHAPE))]).writeto(tmp_path / "raw.fits")
    with pytest.raises(InputError, match="SXSPRE is set"):
        read_raw(classified(tmp_path / "raw.fits"), detector("SOXS", "VIS", binning=(2, 2)))


def test_frame_without_pixels(tmp_path: Path) -> None:
    fits.PrimaryHDU(header=kits.make_header(VIS)).writeto(tmp_path / "raw.fits")
    with pytest.raises(InputError, match="holds no image"):
        read_raw(classified(tmp_path / "raw.fits"), detector("SOXS", "VIS", binning=(2, 2)))


def test_map_planes_need_all_three(tmp_path: Path) -> None:
    file = write_images(tmp_path / "map.fits", "DISP_IMAGE_VIS", {"WAVELENGTH": np.ones(SHAPE), "ORDER": np.ones(SHAPE)})
    with pytest.raises(InputError, match=r"map\.fits: has no HDU SLIT"):
        read_map_planes(file, [SHAPE])


def test_map_planes_by_place_when_unnamed(tmp_path: Path) -> None:
    file = write_images(tmp_path / "map.fits", "DISP_IMAGE_VIS", {"": np.ones(SHAPE)})
    with fits.open(tmp_path / "map.fits", mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.full(SHAPE, 2.0)))
        hdus.append(fits.ImageHDU(np.full(SHAPE, 3.0)))
    assert [plane[0, 0] for plane in read_map_planes(file, [SHAPE])] == [1.0, 2.0, 3.0]


def test_block_average_drops_blocks_with_a_pixel_that_does_not_count() -> None:
    image = np.arange(16.0).reshape(4, 4)
    use = np.ones((4, 4), dtype=bool)
    use[0, 0] = False
    np.testing.assert_array_equal(block_average(image, (2, 1), use), [[np.nan, 2.5], [4.5, 6.5], [8.5, 10.5], [12.5, 14.5]])
    np.testing.assert_array_equal(block_average(image, (2, 2), use), [[np.nan, 4.5], [10.5, 12.5]])


@pytest.mark.parametrize(
    ("category", "planes"),
    [
        ("MASTER_FLAT_VIS", {"FLUX": np.zeros(SHAPE)}),
        ("MASTER_BIAS_VIS", {"FLUX": np.full(SHAPE, np.nan)}),
        ("MASTER_BIAS_VIS", {"FLUX": np.ones(SHAPE), "QUAL": np.ones(SHAPE, np.uint8)}),
        ("MASTER_BIAS_VIS", {"FLUX": np.ones(SHAPE), "ERRS": np.full(SHAPE, np.inf)}),
    ],
)
def test_a_master_without_usable_pixels_is_refused(tmp_path: Path, category: str, planes: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=rf"master\.fits: 0 of {SHAPE[0] * SHAPE[1]} pixels are usable"):
        read_master(write_images(tmp_path / "master.fits", category, planes), SHAPE, 1.0)
