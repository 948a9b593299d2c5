"""Image files → frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image
from soxspipe.datamodel.calibrations import StoredLaw
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.stored_frame import AnyFrame, StoredFrame
from soxspipe.datamodel.stored_image import StoredImage, seen
from soxspipe.errors import InputError
from soxspipe.io.classify import ClassifiedFile, Kind
from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.fits_pixels import ROWS_AT_ONCE, image_rows, image_shape, read_image
from soxspipe.io.fits_units import Hdu
from soxspipe.io.headers import number_of, read_observation, text_of
from soxspipe.io.kept import CALIBRATIONS
from soxspipe.io.stored import Storing, store_image

LEAST_USABLE = 0.01
"""Share of an image's pixels without which it is none."""
ADU = ("adu", "dn")
"""BUNIT of a master that still has to be multiplied by the gain, in lower case."""
ELECTRONS = ("", "electron", "electrons", "e-", "e", "ct", "count", "counts")
LARGEST = 1e12
"""Pixel values beyond this are not a measurement; they count as not finite."""


def read_raw(file: ClassifiedFile, detector: Detector, *, stored: bool = False) -> RawFrame:
    """Read one exposure, in ADU as it was written; arguments and errors as for `raw_of`."""
    return raw_of(open_fits(file.path), file, detector, stored=stored)


def raw_of(opened: FitsFile, file: ClassifiedFile, detector: Detector, *, stored: bool = False) -> RawFrame:
    """Read one exposure of a file that is open already.

    Parameters
    ----------
    opened : FitsFile
        The file.
    file : ClassifiedFile
        The exposure.
    detector : Detector
        With the binning of the exposure; says how large the raw frame must be.
    stored : bool
        Keep the pixels in a temporary file, of which the parts asked for are read.

    Raises
    ------
    InputError
        If the file cannot be read, has been prepared already, or does not hold the science area.
    """
    hdu = _first_image(opened)
    if "SXSPRE" in file.header and len(opened.images) > 1:
        raise InputError(f"{file.path}: SXSPRE is set, the frame was prepared before; the raw frame is needed")
    kept = store_image(opened, hdu, None) if stored else read_image(opened, hdu, None)
    adu = seen(kept)
    rows, columns = adu.shape if detector.quarter_turns % 2 == 0 else adu.shape[::-1]
    if rows < detector.row_slice.stop or columns < detector.column_slice.stop:
        raise InputError(
            f"{file.path}: NAXIS1 x NAXIS2 is {adu.shape[1]} x {adu.shape[0]}, too small to hold the science area "
            f"(columns to {detector.column_slice.stop}, rows to {detector.row_slice.stop}{_turned(detector)}) "
            f"at binning {detector.binning[0]} x {detector.binning[1]}"
        )
    _require_whole(file, detector, (rows, columns))
    _require_usable(file, detector, adu)
    if adu.dtype.kind == "f" and not (adu.min() >= -LARGEST and adu.max() <= LARGEST):
        kept = np.where(np.abs(adu) <= LARGEST, adu, np.nan)
    observation = read_observation(file.header, file.instrument, file.facts, str(file.path))
    return RawFrame(adu=kept, observation=observation, name=file.path.name)


def read_master(file: ClassifiedFile, shape: tuple[int, int], gain_e_per_adu: float) -> StoredFrame:
    """Read a master bias, dark or flat: FLUX, and QUAL and ERRS if they are there.

    Parameters
    ----------
    file : ClassifiedFile
        The calibration.
    shape : tuple of int
        Rows and columns that it must have.
    gain_e_per_adu : float
        By which a master bias or dark whose BUNIT is ADU is multiplied.

    Returns
    -------
    StoredFrame
        float32; pixels that are not finite are 0 and flagged.

    Raises
    ------
    InputError
        If a plane is missing, has another shape, the unit (BUNIT) is neither electrons nor ADU, or a dark's exposure time is unknown.
    """
    how = ("master", file.kind, shape, gain_e_per_adu)
    return CALIBRATIONS.get([file.path], how, lambda: _read_master(file, shape, gain_e_per_adu))


def _read_master(file: ClassifiedFile, shape: tuple[int, int], gain_e_per_adu: float) -> StoredFrame:
    opened = open_fits(file.path)
    flux, quality, errors = _planes(opened, ("FLUX", "QUAL", "ERRS"))
    if flux is None:
        raise InputError(f"{file.path}: holds no image, a {file.kind.value} is one")
    is_flat = file.kind is Kind.FLAT
    scale = np.float32(1.0 if is_flat else _electrons_per_unit(file, flux, gain_e_per_adu))
    planes = [
        _rows_of(opened, flux, shape, file.kind.value),
        _rows_of(opened, errors, shape, f"{file.kind.value}'s ERRS"),
        _rows_of(opened, quality, shape, f"{file.kind.value}'s QUAL", keep=True),
    ]
    stored = [Storing(shape[1], dtype) for dtype in (np.float32, np.float32, np.uint8)]
    usable = 0
    for level, sigma, defects in zip(*planes, strict=True):
        flags = (defects != 0) * np.uint8(PixelFlag.BAD)
        electrons, error = _without_gaps(level, flags), _without_gaps(sigma, flags)
        usable += int(np.count_nonzero((flags == 0) & (electrons > 0) if is_flat else flags == 0))
        for storing, rows in zip(stored, (electrons * scale, np.square(error * scale), flags), strict=True):
            storing.add(rows)
    _require_usable_master(file, usable, shape)
    electrons_of, variance_of, flags_of = (storing.stored() for storing in stored)
    return StoredFrame(stored=(electrons_of, variance_of, flags_of), exptime_s=_exposure_time(file))


def _require_usable_master(file: ClassifiedFile, usable: int, shape: tuple[int, int]) -> None:
    """Raise if hardly a pixel of a master can be used."""
    size = shape[0] * shape[1]
    if usable < LEAST_USABLE * size:
        above = " and above 0" if file.kind is Kind.FLAT else ""
        raise InputError(
            f"{file.path}: {usable} of {size} pixels are usable (FLUX and ERRS finite{above}, QUAL 0), "
            f"a {file.kind.value} with {LEAST_USABLE:.0%} of them is needed"
        )


def _rows_of(opened: FitsFile, hdu: Hdu | None, shape: tuple[int, int], what: str, *, keep: bool = False) -> Iterator[NDArray[Any]]:
    """Rows of a plane, `ROWS_AT_ONCE` at a time, in single precision or (`keep`) as they are; zeros where there is no such plane."""
    if hdu is not None and (found := image_shape(opened, hdu)) != shape:
        raise InputError(_wrong_shape(opened.path, what, found, shape))
    rest: NDArray[Any] = np.empty((0, shape[1]))
    pieces = iter(()) if hdu is None else image_rows(opened, hdu, None if keep else np.float32)
    for start in range(0, shape[0], ROWS_AT_ONCE):
        number = min(ROWS_AT_ONCE, shape[0] - start)
        if hdu is None:
            yield np.zeros((number, shape[1]), np.float32)
            continue
        rest = rest if len(rest) else next(pieces)
        yield rest[:number]
        rest = rest[number:]


def read_dark_law(file: ClassifiedFile, shape: tuple[int, int], gain_e_per_adu: float) -> StoredLaw | None:
    """Level and rate of a master dark that holds them in the HDUs LEVEL and RATE; None of one that does not.

    Raises
    ------
    InputError
        If one of them has another shape than the frame.
    """
    return CALIBRATIONS.get([file.path], ("dark law", shape, gain_e_per_adu), lambda: _read_dark_law(file, shape, gain_e_per_adu))


def _read_dark_law(file: ClassifiedFile, shape: tuple[int, int], gain_e_per_adu: float) -> StoredLaw | None:
    opened = open_fits(file.path)
    planes = {hdu.name: hdu for hdu in opened.images if hdu.name in ("LEVEL", "RATE")}
    if len(planes) < 2:
        return None
    scale = np.float32(_electrons_per_unit(file, planes["LEVEL"], gain_e_per_adu))
    stored = Storing(shape[1], np.float32), Storing(shape[1], np.float32)
    images = [_rows_of(opened, planes[name], shape, f"master dark's {name}") for name in ("LEVEL", "RATE")]
    for both in zip(*images, strict=True):
        sound = np.isfinite(both[0]) & np.isfinite(both[1])
        for storing, rows in zip(stored, both, strict=True):
            storing.add(np.where(sound, rows, np.float32(0)) * scale)
    return StoredLaw(stored=(stored[0].stored(), stored[1].stored()))


def _electrons_per_unit(file: ClassifiedFile, hdu: Hdu, gain_e_per_adu: float) -> float:
    """1 for electrons, the gain for ADU, by the image's BUNIT or else the file's."""
    unit = text_of(hdu.header, "BUNIT") or text_of(file.header, "BUNIT")
    if unit.lower() in ADU:
        return gain_e_per_adu
    if unit.lower() not in ELECTRONS:
        raise InputError(f"{file.path}: BUNIT is {unit!r}, electron or adu is needed")
    return 1.0


def lacks_unit(file: ClassifiedFile) -> bool:
    """Whether a master does not say (BUNIT) what its values are; they are taken for electrons."""
    opened = open_fits(file.path)
    return not any(text_of(header, "BUNIT") for header in (file.header, *(hdu.header for hdu in opened.images)))


def read_bad_pixel_map(file: ClassifiedFile, shape: tuple[int, int]) -> FlagArray:
    """Read a bad-pixel map with its reasons (`BadPixel` bits), uint8.

    Raises
    ------
    InputError
        If it holds no image, or one of another shape.
    """
    opened = open_fits(file.path)
    plane = _plane(opened, _first_image(opened), shape, "bad-pixel map", keep=True)
    return np.clip(np.nan_to_num(plane), 0, 255).astype(np.uint8)


def read_off_frame(file: ClassifiedFile, detector: Detector, bias: AnyFrame | None) -> Frame:
    """Read a raw off-frame in the place of a master dark."""
    return as_dark(read_raw(file, detector), detector, bias)


def as_dark(raw: RawFrame, detector: Detector, bias: AnyFrame | None) -> Frame:
    """A raw frame as a master dark: electrons with read noise and the photon noise of what it holds above the bias."""
    turned = np.rot90(seen(raw.adu), detector.quarter_turns)
    electrons = turned[detector.row_slice, detector.column_slice].astype(np.float32) * np.float32(detector.gain_e_per_adu)
    flags = np.zeros(electrons.shape, np.uint8)
    electrons = _without_gaps(electrons, flags)
    light = electrons if bias is None else electrons - bias.electrons
    variance = (np.maximum(light, 0).astype(np.float32) + np.float32(detector.read_noise_e**2)) / np.float32(raw.observation.integrations)
    return Frame(electrons=electrons, variance=variance, flags=flags, exptime_s=raw.observation.exptime_s)


def read_map_planes(file: ClassifiedFile, shapes: Sequence[tuple[int, int]]) -> tuple[StoredImage, StoredImage, StoredImage]:
    """Wavelength, slit position and order planes of a dispersion image, float32, as they stand in the file.

    Parameters
    ----------
    file : ClassifiedFile
        The dispersion image.
    shapes : sequence of tuple of int
        Shapes that it may have; the first is the one to ask for.

    Raises
    ------
    InputError
        If a plane is missing or has none of the shapes.
    """
    opened = open_fits(file.path)
    planes = _planes(opened, ("WAVELENGTH", "SLIT", "ORDER"))
    names = ("WAVELENGTH", "SLIT", "ORDER")
    images: list[StoredImage] = []
    for name, hdu in zip(names, planes, strict=True):
        if hdu is None:
            raise InputError(f"{file.path}: has no HDU {name}, a dispersion image holds WAVELENGTH, SLIT and ORDER")
        image = store_image(opened, hdu)
        expected = images[0].shape if images else shapes[0]
        if image.shape != expected if images else image.shape not in shapes:
            raise InputError(_wrong_shape(file.path, f"dispersion image's {name}", image.shape, expected))
        images.append(image)
    return images[0], images[1], images[2]


def block_average(image: FloatArray, binning: tuple[int, int], use: BoolImage) -> FloatArray:
    """Mean over blocks of (x, y) `binning` pixels; NaN where any pixel of the block is not in `use`."""
    bx, by = binning
    rows, columns = image.shape[0] // by, image.shape[1] // bx
    masked = np.where(use, image, np.nan)[: rows * by, : columns * bx]
    return masked.reshape(rows, by, columns, bx).mean(axis=(1, 3), dtype=np.float64)


def _require_whole(file: ClassifiedFile, detector: Detector, shape: tuple[int, int]) -> None:
    """Raise if a raw frame (rows, columns, turned) has lines that the detector has not, or not all of them: its pixels are not where they belong.

    An axis whose science range begins at 0 has no border, and ends with it; a detector that is read whole along one axis is so along both.
    """
    for found, used, what in zip(shape, (detector.row_slice, detector.column_slice), ("rows", "columns"), strict=True):
        if used.start == 0 and found != used.stop:
            raise InputError(
                f"{file.path}: has {found} {what}, {used.stop} are read out at this binning; its shape does not fit the detector"
            )
    if detector.whole_px in shape and set(shape) != {detector.whole_px}:
        raise InputError(
            f"{file.path}: has {shape[0]} rows and {shape[1]} columns, {detector.whole_px} of each are read out; its shape does not fit the "
            "detector"
        )


def _require_usable(file: ClassifiedFile, detector: Detector, adu: Image) -> None:
    """Raise if hardly a pixel holds a number between 0 and saturation, or all hold the same one."""
    some = adu[:: max(adu.shape[0] // 256, 1), :: max(adu.shape[1] // 256, 1)]
    limit = LARGEST if detector.saturation_adu is None else detector.saturation_adu
    with np.errstate(invalid="ignore"):  # of signalling NaN, which some bit patterns are
        usable = np.abs(some.astype(np.float64)) < limit  # False for NaN
    if np.count_nonzero(usable) < LEAST_USABLE * usable.size:
        raise InputError(f"{file.path}: {np.mean(usable):.1%} of the pixels hold a number below saturation, an exposed frame is needed")
    if some.min() == some.max() and adu.min() == adu.max():
        raise InputError(f"{file.path}: every pixel is {some.flat[0]:g}, an exposed frame is needed")


def _turned(detector: Detector) -> str:
    return f" after {detector.quarter_turns} quarter turns" if detector.quarter_turns else ""


def _first_image(opened: FitsFile) -> Hdu:
    if not opened.images:
        raise InputError(f"{opened.path}: holds no image (NAXIS is 0)")
    return opened.images[0]


def _planes(opened: FitsFile, names: tuple[str, ...]) -> tuple[Hdu | None, ...]:
    """Images by EXTNAME, or by place when no image carries the second name."""
    by_name = {hdu.name: hdu for hdu in opened.images}
    if any(name in by_name for name in names[1:]):
        first = by_name.get(names[0]) or next((hdu for hdu in opened.images if hdu.name not in names), None)
        return (first, *(by_name.get(name) for name in names[1:]))
    return tuple(opened.images[place] if place < len(opened.images) else None for place in range(len(names)))


def _plane(opened: FitsFile, hdu: Hdu, shape: tuple[int, int], what: str, *, keep: bool = False) -> Image:
    image = read_image(opened, hdu, None if keep else np.float32)
    if image.shape != shape:
        raise InputError(_wrong_shape(opened.path, what, image.shape, shape))
    return image


def _wrong_shape(path: object, what: str, found: tuple[int, ...], needed: tuple[int, ...]) -> str:
    return f"{path}: the {what} has NAXIS1 x NAXIS2 {found[1]} x {found[0]}, {needed[1]} x {needed[0]} is needed"


def _without_gaps(image: Image, flags: FlagArray) -> Image:
    """The image with 0 where it is not finite or absurdly large; those pixels are marked in `flags`, which is changed."""
    if image.min() >= -LARGEST and image.max() <= LARGEST:
        return image
    gaps = ~(np.abs(image) <= LARGEST)
    flags[gaps] |= np.uint8(PixelFlag.NOT_FINITE)
    return np.where(gaps, np.float32(0), image)


def _exposure_time(file: ClassifiedFile) -> float:
    keyword = file.instrument.keywords.exptime
    exptime = number_of(file.header, keyword)
    if file.kind is Kind.DARK and (exptime is None or exptime <= 0):
        raise InputError(f"{file.path}: {keyword} is {text_of(file.header, keyword)!r}, a dark needs a time above 0 s")
    return exptime if exptime is not None and exptime >= 0 else 0.0
