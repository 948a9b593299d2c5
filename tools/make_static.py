"""Pack the static calibration tables into the package.

Run ``python tools/make_static.py FOLDER [CALIBRATIONS]`` with the folder that holds the source tables (ECSV and FITS), and the one that
holds the arc-line tables; it writes ``src/soxspipe/instruments/static/*.npz``.  The same input gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits  # noqa: TID251  # a tool beside the package
from astropy.table import Table

from soxspipe.numerics.air import air_to_vacuum

TARGET = Path(__file__).resolve().parents[1] / "src/soxspipe/instruments/static"
FORMATS = {
    "soxs_nir": "spectral_format_nir",
    "soxs_vis": "spectral_format_vis",
    "xsh_uvb": "xsh/spectral_format_uvb",
    "xsh_vis": "xsh/spectral_format_vis",
    "xsh_nir": "xsh/spectral_format_nir",
}
VIS_DELETED_NM = (657.765628, 658.461292, 659.346205)
NIR_BIAS_NM2 = 1.546
"""The source's near-infrared wavelengths are this divided by the wavelength too long (nm); measured against laboratory values."""
PINHOLES = {"xsh_uvb": "xsh/pinhole_geometry_uvb", "xsh_vis": "xsh/pinhole_geometry_vis", "xsh_nir": "xsh/pinhole_geometry_nir"}

INFRARED_IN_AIR_FROM_NM = {
    "CS_HD009051": 984.7,
    "CS_HD031128": 1006.8,
    "CS_HD111980": 1012.1,
    "CS_HD185975": 1012.4,
    "CS_HD200654": 1012.3,
    "CS_HD205905": 1012.4,
}
"""Where the stellar model takes over in these CALSPEC composites.  Their headers say vacuum; the model's part is in air: after the
conversion its hydrogen lines stood 78 to 95 km/s blueward of those of the optical part (tools/standard_velocities.py), which is the
difference between the two.  HD 160617, with another model, does not show it (+2 km/s); the others have no lines there to tell."""


def main(source: Path) -> None:
    """Write every archive."""
    TARGET.mkdir(parents=True, exist_ok=True)
    write("tables", {**spectral_formats(source), **extinction(source), **telluric(source), **sky_lines(source)})
    write("standards", standards(source))
    write("bad_pixels", bad_pixels(source))
    write("geometry", {**geometry_models(source), **pinholes(source)})
    if len(sys.argv) > 2:
        write("arc_lines", {**arc_lines(source, Path(sys.argv[2])), **xsh_arc_lines(source)})


def write(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Write one archive, members sorted by name."""
    path = TARGET / f"{name}.npz"
    np.savez_compressed(path, **{key: arrays[key] for key in sorted(arrays)})
    print(f"{path.name}: {len(arrays)} members, {path.stat().st_size} bytes")


def read(source: Path, name: str) -> Table:
    """Read one ECSV table."""
    return Table.read(source / f"{name}.ecsv", format="ascii.ecsv")


def spectral_formats(source: Path) -> dict[str, np.ndarray]:
    """Order, full limits and clean limits; where a table has no clean limits the full ones stand in."""
    arrays = {}
    for key, file in FORMATS.items():
        table = read(source, file)
        clean = ("wl_clean_min", "wl_clean_max") if "wl_clean_min" in table.colnames else ("wl_min", "wl_max")
        columns = ["order", "wl_min", "wl_max", *clean]
        arrays[f"format/{key}"] = np.array([[float(row[c]) for c in columns] for row in table])
    return arrays


def extinction(source: Path) -> dict[str, np.ndarray]:
    """Wavelength (nm) and magnitudes per air mass, one row each."""
    arrays = {}
    for site in ("lasilla", "paranal"):
        table = read(source, f"extinction_{site}")
        arrays[f"extinction/{site}"] = np.array([table["wavelength"], table["extinction"]], dtype=float)
    return arrays


def telluric(source: Path) -> dict[str, np.ndarray]:
    """Band limits and whether a response avoids them; model transmission in the near infrared."""
    bands, model = read(source, "telluric_bands"), read(source, "telluric_transmission_nir")
    return {
        "telluric/bands": np.array([bands["wl_min"], bands["wl_max"], bands["mask_response"]], dtype=float),
        "telluric/names": np.array(bands["name"], dtype="U"),
        "telluric/transmission": np.array([model["wavelength_air"], model["transmission"]], dtype=float),
    }


def sky_lines(source: Path) -> dict[str, np.ndarray]:
    """One row per blend: centroid (nm, air), flux, isolated; and every single line: wavelength, flux."""
    arrays = {}
    for arm in ("nir", "vis"):
        table = read(source, f"skylines_{arm}")
        _, first = np.unique(table["group"], return_index=True)
        blends = table[np.sort(first)]
        arrays[f"skylines/{arm}"] = np.array([blends["group_wavelength_air"], blends["group_flux"], blends["isolated"]], dtype=float)
        arrays[f"skylines/{arm}_single"] = np.array([table["wavelength_air"], table["flux"]], dtype=float)
    return arrays


def standards(source: Path) -> dict[str, np.ndarray]:
    """Index of the stars, and wavelength and flux of each."""
    table = read(source, "standards_index")
    arrays = {
        "index/name": np.array([str(name) for name in table["name"]]),
        "index/alias": np.array([str(alias) for alias in table["alias"]]),
        "index/position": np.array([[sexagesimal(row["ra"]) * 15, sexagesimal(row["dec"])] for row in table]),
        "index/range": np.array([table["wl_min"], table["wl_max"]], dtype=float),
    }
    for row in table:
        with fits.open(source / row["file"]) as hdus:
            data = hdus[row["extname"]].data
            arrays[f"wavelength/{row['name']}"] = np.round(in_air(str(row["name"]), np.asarray(data["WAVELENGTH"], dtype=float)), 5)
            arrays[f"flux/{row['name']}"] = np.asarray(data["FLUX"], dtype=np.float32)
    return arrays


def in_air(name: str, wavelength_nm: np.ndarray) -> np.ndarray:
    """Undo the conversion of what was in air already."""
    start = INFRARED_IN_AIR_FROM_NM.get(name, np.inf)
    return np.where(wavelength_nm >= start, air_to_vacuum(wavelength_nm), wavelength_nm)


def sexagesimal(text: str) -> float:
    """``"-30:13:06.6"`` to -30.2185."""
    sign = -1.0 if text.strip().startswith("-") else 1.0
    parts = [abs(float(part)) for part in text.split(":")]
    return sign * sum(part / 60.0**power for power, part in enumerate(parts))


def bad_pixels(source: Path) -> dict[str, np.ndarray]:
    """Shape and flat indices of the bad pixels of each map."""
    arrays = {}
    for prefix, file in (("SOXS", "badpix.fits"), ("XSH", "xsh/badpix.fits")):
        with fits.open(source / file) as hdus:
            for hdu in hdus[1:]:
                arrays[f"shape/{prefix}_{hdu.name}"] = np.array(hdu.data.shape)
                arrays[f"bad/{prefix}_{hdu.name}"] = np.flatnonzero(hdu.data).astype(np.int32)
    return arrays


def geometry_models(source: Path) -> dict[str, np.ndarray]:
    """Polynomial optical geometry of SOXS; the formulas stand in the folder's README."""
    nir, vis = read(source, "geometry_model_nir"), read(source, "geometry_model_vis")
    return {
        "model/soxs_nir": np.array([[float(row[c]) for c in ("i", "j", "k", "cx", "cy")] for row in nir]),
        "model/soxs_vis": np.array([[float(row[c]) for c in ("order", "i", "k", "cx", "cy")] for row in vis]),
        "model/soxs_vis_scale": np.array([[int(n), vis.meta["W0"][n], vis.meta["WS"][n]] for n in vis.meta["W0"]], dtype=float),
    }


def pinholes(source: Path) -> dict[str, np.ndarray]:
    """X-shooter pinhole positions: order, wavelength, slit position (arcsec), x, y."""
    columns = ("order", "wavelength", "slit_position", "x", "y")
    return {f"pinholes/{key}": np.array([read(source, file)[c] for c in columns], dtype=np.float64) for key, file in PINHOLES.items()}


def arc_lines(source: Path, calibrations: Path) -> dict[str, np.ndarray]:
    """Wavelengths (nm, air, laboratory) of the lamps' lines, their ions, whether their identification is in doubt, and the pinhole mask of SOXS."""
    arrays = {}
    mask = read(calibrations, "pinhole_mask")
    for arm in ("nir", "vis"):
        table = read(calibrations, f"predicted_lines_{arm}")
        table = table[table["order"] > 9] if arm == "nir" else table  # order 9 is off the science range
        stored = np.array(table["wavelength"], dtype=float)
        wavelength = stored - NIR_BIAS_NM2 / stored if arm == "nir" else stored
        ion = np.array([str(name) if arm == "nir" else "ThAr" for name in table["ion"]])
        if arm == "nir":  # ionised and unidentified lines: mostly wrong identifications
            doubtful = np.array([name.endswith("II") or name == "UNK" for name in ion])
        else:  # taken out of the list by release 0.19.0
            doubtful = np.array([np.min(np.abs(np.array(VIS_DELETED_NM) - value)) < 1e-5 for value in wavelength])
        _, first = np.unique(np.round(wavelength, 5), return_index=True)
        arrays[f"wavelength/soxs_{arm}"], arrays[f"ion/soxs_{arm}"] = np.round(wavelength[first], 6), ion[first]
        arrays[f"doubtful/soxs_{arm}"] = doubtful[first]
        arrays[f"expected/soxs_{arm}"] = np.array([table["order"], np.round(wavelength, 6)], dtype=float)
        arrays[f"mask/soxs_{arm}"] = np.array(mask["slit_position"][mask["arm"] == arm.upper()], dtype=float)
    atlas = read(calibrations, "arclines_thar_uves")
    arrays["atlas/thar"] = np.array([atlas["wavelength_air"], atlas["log_intensity"]], dtype=float)
    return arrays


def xsh_arc_lines(source: Path) -> dict[str, np.ndarray]:
    """The same of X-shooter, and its geometry as a surface in order x wavelength, order and slit, fitted to the predicted positions."""
    arrays = {}
    for key, file in PINHOLES.items():
        table = read(source, file)
        wavelength = np.unique(np.round(np.array(table["wavelength"], dtype=float), 5))
        arrays[f"wavelength/{key}"] = wavelength
        arrays[f"ion/{key}"] = np.full(wavelength.size, "UNK" if key == "xsh_nir" else "ThAr")
        arrays[f"doubtful/{key}"] = np.zeros(wavelength.size, dtype=bool)
        arrays[f"expected/{key}"] = np.unique(np.array([table["order"], np.round(table["wavelength"], 5)], dtype=float), axis=1)
        arrays[f"mask/{key}"] = np.unique(np.round(np.array(table["slit_position"], dtype=float), 5))
        order, product = (np.array(table["order"], dtype=float), np.array(table["order"] * table["wavelength"], dtype=float))
        scales = [np.median(product), np.ptp(product) / 2, np.mean(np.unique(order)), np.ptp(order) / 2]
        u, q = (product - scales[0]) / scales[1], (order - scales[2]) / scales[3]
        s = np.array(table["slit_position"], dtype=float) / 6.0
        terms = [(i, j, k) for i in range(7) for j in range(6) for k in range(3) if i + j <= 6 and not (k == 2 and i + j > 3)]
        design = np.stack([u**i * q**j * s**k for i, j, k in terms], axis=1)
        fits_xy = [np.linalg.lstsq(design, np.array(table[axis], dtype=float), rcond=None)[0] for axis in ("x", "y")]
        arrays[f"surface/{key}"] = np.column_stack([np.array(terms, dtype=float), *fits_xy])
        arrays[f"scales/{key}"] = np.array(scales)
    return arrays


if __name__ == "__main__":
    main(Path(sys.argv[1]))
