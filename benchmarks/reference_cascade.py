"""A raw standard reduced with the reference's tables and with our own: ``python benchmarks/reference_cascade.py CASCADE [--arms VIS NIR]``.

CASCADE holds raw calibration frames, a raw standard and the tables that release 0.17.4 made of them.  Masters are made of the frames by our recipes
in both cases, with the tables of each.  Our own map is right to 0.005 px and stands for the truth: what is printed is the flux over that with
our own tables, the scatter between the two in units of the error, and signal-to-noise over that with our own tables, that scatter counted.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from end_to_end import of_kind

from soxspipe.recipes import (
    soxs_disp_solution,
    soxs_mbias,
    soxs_mdark,
    soxs_mflat,
    soxs_order_centres,
    soxs_spatial_solution,
    soxs_stare,
)

LOG = logging.getLogger("reference_cascade")
SMOOTH_SAMPLES = 101
"""Of the ratio of two fluxes, whose slow part is bias and whose rest is scatter."""
LEAST_SNR = 5.0
"""Fainter samples tell nothing of a bias of per cents."""


class Cascade:
    """Raw frames of one arm, and a folder for what is made of them."""

    def __init__(self, source: Path, arm: str, place: Path) -> None:
        self.source, self.arm, self.place = source / arm, arm, place

    def raw(self, *stems: str) -> list[Path]:
        """Raw frames whose names begin so."""
        return [path for stem in stems for path in sorted(self.source.glob(f"{self.arm}_{stem}*.fits.fz"))]

    def run(self, recipe: type, name: str, *files: Sequence[Path]) -> Path:
        """Folder of the products of a recipe."""
        output = self.place / name
        paths = [str(path) for some in files for path in some]
        recipe(LOG, settings={"workspace-root-dir": str(output), "make-plots": False}, inputFrames=paths, overwrite=True).produce_product()
        return output

    def pedestal(self) -> list[Path]:
        """Master bias, or master dark of the standard's exposure time."""
        if self.arm == "VIS":
            return of_kind(self.run(soxs_mbias, "mbias", self.raw("bias")), "MASTER_BIAS")
        return of_kind(self.run(soxs_mdark, "mdark", self.raw("dark60")), "MASTER_DARK")

    def flat(self, name: str, centres: Sequence[Path], pedestal: Sequence[Path]) -> Path:
        """Folder of master flat and order table."""
        return self.run(soxs_mflat, name, self.raw("flat"), centres, pedestal if self.arm == "VIS" else ())

    def own(self, pedestal: Sequence[Path]) -> list[Path]:
        """Flat and tables as our recipes make them."""
        first = of_kind(self.run(soxs_disp_solution, "disp", self.raw("arc1"), pedestal), "DISP_TAB")
        centres = of_kind(self.run(soxs_order_centres, "centres", self.raw("pinflat"), first, pedestal), "ORDER_TAB")
        flat = self.flat("flat_own", centres, pedestal)
        spatial = self.run(soxs_spatial_solution, "spatial", self.raw("arc9"), first, of_kind(flat, "ORDER_TAB"), pedestal)
        return [*of_kind(flat, "MASTER_FLAT"), *of_kind(flat, "ORDER_TAB"), *of_kind(spatial, "DISP_TAB"), *of_kind(spatial, "DISP_IMAGE")]

    def reference(self, pedestal: Sequence[Path]) -> list[Path]:
        """The reference's order table and spatial solution, and a flat made with its order centres."""
        tables = {
            name: sorted((self.source / "reference_0.17.4").glob(f"*_{name}_*")) for name in ("ORDER_CENTRES", "OLOC", "SPAT_SOLUTION")
        }
        flat = self.flat("flat_reference", tables["ORDER_CENTRES"], pedestal)
        return [*of_kind(flat, "MASTER_FLAT"), *tables["OLOC"], *tables["SPAT_SOLUTION"]]

    def orders(self, name: str, pedestal: Sequence[Path], calibrations: Sequence[Path]) -> Table:
        """Extracted orders of the standard."""
        standard = sorted(self.source.glob("raw_*_std_*.fits.fz"))
        folder = self.run(soxs_stare, name, standard, pedestal, calibrations)
        (path,) = folder.rglob("*_EXTRACTED_ORDERS.fits")
        return Table.read(path, hdu=1)


def compare(own: Table, other: Table, order: int) -> dict[str, float]:
    """Bias (%), scatter (sigma) and signal-to-noise of one order against those with our own tables, at the same dispersion pixels."""
    along = next(name for name in own.colnames if name in {"xcoord", "ycoord"} and f"{name}_centre" not in own.colnames)
    one, two = ({round(float(row[along])): row for row in table[table["orderDetector"] == order]} for table in (own, other))
    rows = sorted(set(one) & set(two))
    flux, error, quality = (
        np.array([[float(table[row][name]) for row in rows] for table in (one, two)])
        for name in ("extractedFluxOptimal", "varianceSpectrum", "quality")
    )
    error = np.sqrt(error)
    use = np.all(((quality.astype(int) & 32) == 0) & np.isfinite(flux) & (error > 0), axis=0)
    use &= flux[0] > LEAST_SNR * np.where(error[0] > 0, error[0], np.inf)
    flux, error = flux[:, use], error[:, use]
    ratio = flux[1] / flux[0]
    slow = np.array([np.median(ratio[max(k - SMOOTH_SAMPLES // 2, 0) : k + SMOOTH_SAMPLES // 2 + 1]) for k in range(ratio.size)])
    scatter = float(1.4826 * np.median(np.abs((flux[1] - slow * flux[0]) / error[1])))
    claimed = float(np.median((flux[1] / error[1]) / (flux[0] / error[0])))
    return {
        "samples": float(use.sum()),
        "bias": float(100.0 * (np.median(ratio) - 1.0)),
        "worst": float(100.0 * np.abs(slow - 1.0).max()),
        "scatter": scatter,
        "snr": claimed / float(np.hypot(1.0, scatter)),
    }


def main() -> None:
    """Print a table of the orders of each arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cascade", type=Path)
    parser.add_argument("--arms", nargs="+", default=["VIS", "NIR"])
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for arm in given.arms:
        with tempfile.TemporaryDirectory() as place:
            cascade = Cascade(given.cascade, arm, Path(place))
            pedestal = cascade.pedestal()
            own = cascade.orders("own", pedestal, cascade.own(pedestal))
            other = cascade.orders("reference", pedestal, cascade.reference(pedestal))
        print(
            f"\n{arm}\n\n| order | samples | bias, % | worst over 101 samples, % | scatter, sigma | S/N over that with our own tables |\n|---|---|---|---|---|---|"
        )
        for order in np.unique(own["orderDetector"]):
            found = compare(own, other, int(order))
            print("| {} | {:.0f} | {:+.2f} | {:.2f} | {:.2f} | {:.3f} |".format(order, *found.values()), flush=True)


if __name__ == "__main__":
    main()
