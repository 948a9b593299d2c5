"""Order table, dispersion table, dispersion image and spectral format → one `Geometry`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.orders.dispersion import drop_misplaced, make_dispersion_map, measure_inconsistency
from soxspipe.datamodel.arrays import Image, IntArray
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.geometry import DispersionMap, DispersionPolynomial, Geometry, OrderTable, SpectralFormat
from soxspipe.datamodel.stored_frame import StoredMap
from soxspipe.errors import InputError
from soxspipe.io.calibration_tables import read_dispersion_table, read_order_table
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.frames import block_average, read_map_planes
from soxspipe.io.geometry_checks import missing_wavelengths, require_one_place
from soxspipe.io.kept import CALIBRATIONS
from soxspipe.io.static import read_spectral_format
from soxspipe.io.stored import Storing, store

LARGEST_INCONSISTENCY_PX = 0.1
"""Image and table that differ by more are taken for different solutions; no measurement is recorded."""
FURTHEST_PIXEL_PX = 2.0
"""A pixel that far from where the table has it was not solved; no measurement is recorded."""
LONGEST_NM = 1e4
"""Beyond any wavelength of these instruments: such pixels are not solved."""
MOST_ORDERS = 1000
"""Beyond any order number: such pixels are not solved."""
LEAST_PIXELS = 100
"""An order with fewer solved pixels is not usable."""
LONGEST_ARCSEC = 100.0
"""Beyond any slit: such pixels are not solved."""
ROWS_AT_ONCE = 64
"""Rows in one piece, so that intermediate images stay small."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeometryFiles:
    """The files that say where light falls."""

    order_table: ClassifiedFile
    dispersion_table: ClassifiedFile
    dispersion_image: ClassifiedFile | None = None


def read_geometry(files: GeometryFiles, detector: Detector) -> tuple[Geometry, tuple[str, ...]]:
    """Read where light falls.

    Parameters
    ----------
    files : GeometryFiles
        The image is optional.
    detector : Detector
        With the binning of the exposures.

    Returns
    -------
    geometry : Geometry
    warnings : tuple of str
        One sentence each.

    Raises
    ------
    InputError
        If a table or the image cannot be used.
    """
    paths = [file.path for file in (files.order_table, files.dispersion_table, files.dispersion_image) if file is not None]
    arm = files.order_table.facts.arm
    how = ("geometry", len(paths), arm.instrument, arm.name, detector.shape, detector.binning)
    return CALIBRATIONS.get(paths, how, lambda: _read_geometry(files, detector))


def _read_geometry(files: GeometryFiles, detector: Detector) -> tuple[Geometry, tuple[str, ...]]:
    facts = files.order_table.facts
    order_table = read_order_table(files.order_table)
    x, y = read_dispersion_table(files.dispersion_table)
    spectral_format = read_spectral_format(facts.arm.instrument, facts.arm.name)
    _require_known_orders(files.order_table, order_table, spectral_format)
    require_one_place(files.order_table.path.name, files.dispersion_table.path.name, order_table, (x, y), spectral_format, facts.arm)
    dispersion_map, warnings = _dispersion_map(files, detector, x, y, order_table, spectral_format)
    gaps = missing_wavelengths(_seen(dispersion_map), order_table, spectral_format, facts.arm, detector.binning)
    geometry = Geometry(
        arm=facts.arm,
        binning=detector.binning,
        order_table=order_table,
        dispersion_map=dispersion_map,
        spectral_format=spectral_format,
    )
    return geometry, (*warnings, *gaps)


def _seen(stored: StoredMap) -> DispersionMap:
    """A map in temporary files as it is looked at."""
    return DispersionMap(wavelength_nm=stored.wavelength_nm, slit_arcsec=stored.slit_arcsec, order=stored.order, x=stored.x, y=stored.y)


def _stored(mapped: DispersionMap) -> StoredMap:
    """A map in temporary files."""
    return StoredMap(stored=(store(mapped.wavelength_nm), store(mapped.slit_arcsec), store(mapped.order)), x=mapped.x, y=mapped.y)


def _require_known_orders(file: ClassifiedFile, table: OrderTable, spectral_format: SpectralFormat) -> None:
    known = {entry.order for entry in spectral_format.orders}
    common = known & set(table.orders)
    if not common:
        raise InputError(
            f"{file.path}: column order lists {', '.join(map(str, table.orders))}, none of which is an order of arm {file.arm} "
            f"({min(known)} to {max(known)})"
        )
    width = max(file.facts.detector.shape)
    centres = [float(table.centre(order, np.array([0.5 * (table.b_min[order] + table.b_max[order])]))[0]) for order in sorted(common)]
    if not any(0 <= centre <= width for centre in centres):
        raise InputError(
            f"{file.path}: the coefficients cent_... put every order off the detector (order {min(common)} at {centres[0]:.4g} px)"
        )


def _dispersion_map(
    files: GeometryFiles,
    detector: Detector,
    x: DispersionPolynomial,
    y: DispersionPolynomial,
    order_table: OrderTable,
    limits: SpectralFormat,
) -> tuple[StoredMap, tuple[str, ...]]:
    """The image if it agrees with the table, else the table evaluated."""
    file, ranges = files.dispersion_image, {entry.order: entry.full_nm for entry in limits.orders}
    depends_on_slit = x.coefficients.shape[2] > 1 or y.coefficients.shape[2] > 1
    if file is not None:
        stored = _from_image(file, detector, x, y, tuple(ranges))
        from_image = _seen(stored)
        miss = measure_inconsistency(from_image, ranges, detector.binning) if depends_on_slit else 0.0
        if miss <= LARGEST_INCONSISTENCY_PX:
            sound, warnings = _without_misplaced(file, from_image, ranges, detector.binning) if depends_on_slit else (from_image, ())
            return stored if sound is from_image else _stored(sound), warnings
        _require_solved(file, from_image)
        reason = (
            f"{file.path.name} differs from {files.dispersion_table.path.name} by {miss:.2f} px"
            if np.isfinite(miss)
            else f"{file.path.name} has no pixel of the orders that {files.dispersion_table.path.name} describes"
        )
    else:
        reason = "no dispersion image is given"
    try:
        made = make_dispersion_map(
            x, y, order_table, limits,
            shape=detector.shape, binning=detector.binning, slit_length_arcsec=files.order_table.facts.arm.slit_length_arcsec,
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"{files.dispersion_table.path}: {reason}, and {error}") from error
    _require_every_order(files.dispersion_table, made, reason)
    return _stored(made), (f"{reason}; the dispersion table is evaluated instead",)


def _without_misplaced(
    file: ClassifiedFile, from_image: DispersionMap, ranges: Mapping[int, tuple[float, float]], binning: tuple[int, int]
) -> tuple[DispersionMap, tuple[str, ...]]:
    """The map without single pixels that say something else than the dispersion table, and a warning if there are any."""
    sound, count = drop_misplaced(from_image, ranges, binning, FURTHEST_PIXEL_PX)
    if not count:
        return from_image, ()
    return sound, (
        f"{count} pixels of {file.path.name} are more than {FURTHEST_PIXEL_PX:.0f} px from where the dispersion table has them; "
        "they are left out",
    )


def _from_image(
    file: ClassifiedFile, detector: Detector, x: DispersionPolynomial, y: DispersionPolynomial, known: tuple[int, ...]
) -> StoredMap:
    """Map from the image's planes, averaged over the binning where the image is unbinned; orders not known are left out."""
    planes = read_map_planes(file, (file.facts.detector.shape, detector.shape))
    bx, by = (1, 1) if planes[0].shape == detector.shape else detector.binning
    shape = (planes[0].shape[0] // by, planes[0].shape[1] // bx)
    kind = np.float32 if (bx, by) == (1, 1) else np.float64  # as the file has it, or averages
    wavelength, slit, order = Storing(shape[1], kind), Storing(shape[1], kind), Storing(shape[1], np.int16)
    for start in range(0, shape[0], ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, shape[0])
        here = slice(start * by, stop * by)
        solved = _solved(planes[0][here], planes[1][here], planes[2][here], (bx, by), known)
        for storing, rows in zip((wavelength, slit, order), solved, strict=True):
            storing.add(rows)
    return StoredMap(stored=(wavelength.stored(), slit.stored(), order.stored()), x=x, y=y)


def _solved(
    wavelength: Image, slit: Image, number: Image, binning: tuple[int, int], known: tuple[int, ...]
) -> tuple[Image, Image, IntArray]:
    """Wavelength and slit position, NaN where unsolved, and order number, 0 outside orders, averaged over the binning."""
    with np.errstate(invalid="ignore"):
        in_order = (number > 0) & (number < MOST_ORDERS) & (number == np.rint(number))
        solved = in_order & (wavelength > 0) & (wavelength < LONGEST_NM) & (slit > -LONGEST_ARCSEC) & (slit < LONGEST_ARCSEC)
    if binning != (1, 1):
        wavelength, slit = (block_average(plane, binning, solved) for plane in (wavelength, slit))
        number = block_average(number, binning, in_order)
        in_order = number == np.rint(number)  # False where the blocks hold two orders, or pixels of none
        solved = np.isfinite(wavelength) & in_order
    order = np.where(in_order, number, 0).astype(np.int16)
    strange = np.ones(MOST_ORDERS, dtype=bool)
    strange[[0, *known]] = False
    if np.any(other := strange[order]):
        order[other], solved = 0, solved & ~other
    return np.where(solved, wavelength, np.nan), np.where(solved, slit, np.nan), order


def _require_every_order(file: ClassifiedFile, made: DispersionMap, reason: str) -> None:
    """Raise if the dispersion table gives hardly a pixel of an order a wavelength."""
    solved = made.order[np.isfinite(made.wavelength_nm)]
    found = dict(zip(*(part.tolist() for part in np.unique(solved, return_counts=True)), strict=True))
    for order in np.unique(made.order[made.order > 0]).tolist():
        if found.get(order, 0) < LEAST_PIXELS:
            raise InputError(
                f"{file.path}: {reason}, and the coefficients of the table give {found.get(order, 0)} pixels of order {order} a wavelength"
            )


def _require_solved(file: ClassifiedFile, dispersion_map: DispersionMap) -> None:
    if not np.any(np.isfinite(dispersion_map.wavelength_nm)):
        raise InputError(
            f"{file.path}: no pixel has a WAVELENGTH above 0 nm, a SLIT position and an ORDER, a dispersion image with solved pixels is needed"
        )
