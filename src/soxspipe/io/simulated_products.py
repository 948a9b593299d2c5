"""Products of a reduction, read back to be held against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from soxspipe.errors import InputError, MissingInputError
from soxspipe.simulate.score import Extracted, Products


def read_products(folder: Path) -> Products:
    """Read what a reduction wrote, wherever below `folder` it lies.

    Raises
    ------
    MissingInputError
        If no product is there.
    InputError
        If the folder holds the products of more than one reduction.
    """
    if not folder.is_dir():
        raise MissingInputError(f"there is no folder {folder}")
    orders = _find(folder, "_EXTRACTED_ORDERS.fits")
    sky = _find(folder, "_SKYSUB.fits")
    paths = {name: _find(folder, f"_{name}.fits") for name in ("EXTRACTED_MERGED", "FLUXCAL", "EFFICIENCY")}
    if orders is None and sky is None and not any(paths.values()):
        raise MissingInputError(f"no products below {folder}")
    image, flagged = _read_image(sky) if sky else (None, None)
    unflattened = _find(folder, "_EXTRACTED_ORDERS_NOTFLAT.fits")
    return Products(
        orders=_read_extracted(orders) if orders else None,
        orders_unflattened=_read_extracted(unflattened) if unflattened else None,
        sky_subtracted=image,
        flagged=flagged,
        merged=_read_columns(paths["EXTRACTED_MERGED"]),
        fluxed=_read_columns(paths["FLUXCAL"]),
        efficiency=_read_columns(paths["EFFICIENCY"]),
    )


def _find(folder: Path, ending: str) -> Path | None:
    found = sorted(folder.rglob(f"*{ending}"))
    if len(found) > 1:
        raise InputError(f"{len(found)} files below {folder} end in {ending}; name the folder of one reduction")
    return found[0] if found else None


def _read_columns(path: Path | None) -> dict[str, NDArray[Any]]:
    if path is None:
        return {}
    with fits.open(path) as hdus:
        table = hdus[1]
        return {name: _native(table.data[name]) for name in table.columns.names}


def _read_extracted(path: Path) -> Extracted:
    columns = _read_columns(path)
    trace = next(name for name in columns if name.endswith("coord_centre"))
    along = next(name for name in columns if name.endswith("coord"))
    names = {
        "b_px": along,
        "a_px": trace,
        "wavelength_nm": "wavelengthMean",
        "flux": "extractedFluxOptimal",
        "variance": "varianceSpectrum",
        "boxcar": "extractedFluxBoxcar",
    }
    return Extracted(**{field: columns[name].astype(np.float64) for field, name in names.items()})


def _read_image(path: Path) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    with fits.open(path) as hdus:
        image = _native(hdus[0].data).astype(np.float64)
        flagged = _native(hdus["QUAL"].data) > 0 if "QUAL" in hdus else np.zeros(image.shape, dtype=bool)
    return image, flagged


def _native(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="))
