"""Acceptance standards with the tables that release 0.17.4 of the reference made: ``python benchmarks/reference_maps.py ACCEPTANCE CASCADE OUT``.

Its spatial solution and order table were made of the lamps in CASCADE, another geometry.  Both are moved by the smooth difference of the two
geometries, so that the reference's own errors stay as they are, and take the place of the delivered tables of ACCEPTANCE; there is no
dispersion image.  Then ``python accept.py --cases OUT --only VIS_std NIR_std`` gives every figure.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

EVERY = 23
"""Pixel of the maps that takes part in fits; a prime, so that all columns come up."""
SMOOTH = (2, 2, 1)
"""Degrees in order, wavelength and slit of what two alignments of one spectrograph differ by: fits to 0.07 px."""
FULL = (5, 5, 2)
"""Degrees with which a true map is fitted: to 0.0005 px."""
HALF_SLIT_ARCSEC = 5.8
PLANES = ("WAVE", "SLIT", "ORDER")


class Places:
    """Order, wavelength and slit position of pixels, and the pixels, shape (n,) each."""

    def __init__(self, planes: Mapping[str, np.ndarray]) -> None:
        wave, slit, order = (planes[name].astype(float) for name in PLANES)
        inside = np.isfinite(wave) & (wave > 0) & (np.abs(slit) < HALF_SLIT_ARCSEC) & (order > 0)
        self.y, self.x = (index[::EVERY] for index in np.nonzero(inside))
        self.values = [plane[self.y, self.x] for plane in (order, wave, slit)]


def design(values: Sequence[np.ndarray], scale: Sequence[float], degrees: Sequence[int]) -> np.ndarray:
    """Products of powers, shape (n, terms)."""
    return np.polynomial.polynomial.polyvander3d(*(value / size for value, size in zip(values, scale, strict=True)), degrees)


def difference(here: Places, there: Places, axis: str) -> np.ndarray:
    """Coefficients of the smooth difference in pixels between two geometries, shape SMOOTH + 1."""
    scale = [float(np.abs(value).max()) for value in there.values]
    basis = design(there.values, scale, FULL)
    at = {}
    for name, places in (("here", here), ("there", there)):
        fitted, *_ = np.linalg.lstsq(design(places.values, scale, FULL), getattr(places, axis).astype(float), rcond=1e-13)
        at[name] = basis @ fitted
    smooth, *_ = np.linalg.lstsq(design(there.values, scale, SMOOTH), at["here"] - at["there"], rcond=1e-13)
    sizes = np.ones(1)
    for size, degree in zip(scale, SMOOTH, strict=True):
        sizes = np.multiply.outer(sizes, size ** np.arange(degree + 1))
    return smooth.reshape([degree + 1 for degree in SMOOTH]) / sizes[0]


def move_solution(path: Path, here: Places, there: Places) -> fits.HDUList:
    """The spatial solution with that difference added."""
    solution = fits.open(path)
    for row in solution[1].data:
        moved = difference(here, there, row["axis"].strip())
        for place, value in np.ndenumerate(moved):
            name = "c" + "".join(map(str, place))
            row[name] = row[name] + value
    return solution


def move_orders(path: Path, here: Mapping[str, np.ndarray], centres: np.ndarray, dispersion_axis: str) -> fits.HDUList:
    """The order table with centres and edges moved along the slit by the median difference at slit centre."""
    shifts = []
    for order in np.unique(centres["ORDER"]):
        true = centres[centres["ORDER"] == order]
        for b, centre in zip(true["DISP_PIX"][100::300], true["CENTRE"][100::300], strict=True):
            slit, of = (here[name][b] if dispersion_axis == "y" else here[name][:, b] for name in ("SLIT", "ORDER"))
            lit = np.flatnonzero((of == order) & np.isfinite(slit))
            if lit.size > 20:
                ascending = lit[np.argsort(slit[lit])]
                shifts.append(np.interp(0.0, slit[ascending], ascending) - centre)
    table = fits.open(path)
    for name in ("cent_00", "edgelow_c00", "edgeup_c00"):
        table[1].data[name] += np.median(shifts)
    return table


def write_case(acceptance: Path, cascade: Path, out: Path, arm: str) -> None:
    """A folder as `accept.py` reads it."""
    source, case = acceptance / f"{arm}_std", out / f"{arm}_std"
    shutil.rmtree(case, ignore_errors=True)
    case.mkdir(parents=True)
    with fits.open(source / f"disp_image_{arm}.fits.gz") as hdus, fits.open(cascade / arm / "truth_cal.fits") as truth:
        here = {name: hdus[number].data for number, name in enumerate(PLANES)}
        places = Places(here), Places({name: truth[name].data for name in PLANES})
        made = cascade / arm / "reference_0.17.4"
        tables = {
            "disp_table": move_solution(next(made.glob("*SPAT_SOLUTION*")), *places),
            "order_table": move_orders(next(made.glob("*OLOC*")), here, truth["CENTRES"].data, truth[0].header["DISPAX"]),
        }
    for name, table in tables.items():
        with gzip.open(case / f"{name}_{arm}.fits.gz", "wb") as file:
            table.writeto(file)
    for path in source.glob("*.gz"):
        if not path.name.startswith((*tables, "disp_image")):
            (case / path.name).symlink_to(path.resolve())
    (sof,) = source.glob("*.sof")
    (case / sof.name).write_text("".join(line for line in sof.read_text().splitlines(keepends=True) if "disp_image" not in line))


def main() -> None:
    """Write both cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("acceptance", "cascade", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    for arm in ("VIS", "NIR"):
        write_case(given.acceptance, given.cascade, given.out, arm)


if __name__ == "__main__":
    main()
