"""Our geometry products read by the reference: ``PYTHON benchmarks/reference_reads.py DISP_TAB ORDER_TAB [MAP]``.

PYTHON is that of an environment (3.12) in which a release of the reference is installed as `soxspipe`; ours must not be on its path.  Its own
functions read the tables; what they give is held against the polynomials evaluated here in extended precision.
"""

from __future__ import annotations

import argparse
import logging
from importlib.metadata import version

import numpy as np
import pandas as pd
from astropy.io import fits
from soxspipe.commonutils.dispersion_map_to_pixel_arrays import dispersion_map_to_pixel_arrays
from soxspipe.commonutils.toolkit import twoD_disp_map_image_to_dataframe, unpack_order_table

LOG = logging.getLogger("reference_reads")
SLIT_LENGTH_ARCSEC = 12.0


def polynomial(row: fits.FITS_record, names: list[str], prefix: str, *values: np.ndarray) -> np.ndarray:
    """Sum of coefficients ``<prefix><i><j>..`` times powers of `values`, extended precision."""
    total = np.zeros(np.shape(values[0]), dtype=np.longdouble)
    for name in names:
        digits = name.removeprefix(prefix)
        if name.startswith(prefix) and digits.isdigit() and len(digits) == len(values) and np.isfinite(row[name]):
            term = np.longdouble(row[name])
            for digit, value in zip(digits, values, strict=True):
                term = term * np.asarray(value, dtype=np.longdouble) ** int(digit)
            total += term
    return total


def dispersion(path: str) -> str:
    """Largest distance in pixels between the reference's reading of a dispersion table and the polynomials, on the detector."""
    with fits.open(path) as hdus:
        grid = hdus["SOLUTION_ERROR"].data
        order, wave, slit = (np.asarray(grid[name]).astype(float) for name in ("ORDER", "WAVE", "SLIT"))
        rows, names = hdus[1].data, hdus[1].columns.names
        true = {str(row["axis"]).strip(): polynomial(row, names, "c", order, wave, slit) for row in rows}
    given = pd.DataFrame({"order": order, "wavelength": wave, "slit_position": slit})
    read = dispersion_map_to_pixel_arrays(log=LOG, dispersionMapPath=path, orderPixelTable=given, removeOffDetectorLocation=False)
    apart = [float(np.abs(read[f"fit_{axis}"].to_numpy() - true[axis]).max()) for axis in "xy"]
    return f"dispersion table: {len(read)} places, largest distance {apart[0]:.1e} (x), {apart[1]:.1e} px (y)"


def orders(path: str) -> str:
    """The same of an order table: centres, and edges where it has them."""
    answer = unpack_order_table(log=LOG, orderTablePath=path)
    pixels = answer[1]
    with fits.open(path) as hdus:
        row, names = hdus[1].data[0], hdus[1].columns.names
        b = "y" if "degy_cent" in names else "x"
        a = "x" if b == "y" else "y"
        found = []
        for prefix, column in (("cent_", f"{a}coord_centre"), ("edgelow_c", f"{a}coord_edgelow"), ("edgeup_c", f"{a}coord_edgeup")):
            if column in pixels and any(name.startswith(prefix) for name in names):
                own = polynomial(row, names, prefix, pixels["order"].to_numpy(float), pixels[f"{b}coord"].to_numpy(float))
                found.append(f"{column} {float(np.abs(pixels[column].to_numpy() - own).max()):.1e}")
    return f"order table: {len(pixels)} places, largest distance {', '.join(found)} px"


def image(path: str) -> str:
    """Whether the map is read whole: every pixel of an order, with its values."""
    with fits.open(path) as hdus:
        wave, slit, order = (hdus[name].data.astype(np.float32) for name in ("WAVELENGTH", "SLIT", "ORDER"))
        axis = "x" if wave.shape[0] == wave.shape[1] else "y"
    read, _ = twoD_disp_map_image_to_dataframe(log=LOG, slit_length=SLIT_LENGTH_ARCSEC, twoDMapPath=path, dispAxis=axis)
    inside = np.isfinite(wave) & np.isfinite(order) & (np.abs(slit) < SLIT_LENGTH_ARCSEC / 2)
    same = np.array_equal(np.sort(read["wavelength"].to_numpy(np.float32)), np.sort(wave[inside]))
    return f"map: {len(read)} of {int(inside.sum())} pixels, wavelengths {'the same' if same else 'not the same'}"


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dispersion_table")
    parser.add_argument("order_table")
    parser.add_argument("map", nargs="?")
    given = parser.parse_args()
    print(f"reference {version('soxspipe')}")
    print(dispersion(given.dispersion_table))
    print(orders(given.order_table))
    if given.map:
        print(image(given.map))


if __name__ == "__main__":
    main()
