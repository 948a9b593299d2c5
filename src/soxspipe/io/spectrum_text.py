"""Spectra as text, for people, `numpy.loadtxt` and servers that take wavelength, flux and error as the first three columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soxspipe import __version__
from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.io.fits_writer import printable

UNIT = "erg s-1 cm-2 Angstrom-1"


def spectrum_text(
    wavelength_nm: FloatArray,
    flux: FloatArray,
    error: FloatArray,
    quality: IntArray,
    *,
    about: Mapping[str, object],
    medium: str = "air",
    frame: str = "topocentric",
) -> bytes:
    """Lines of wavelength (Angstrom), flux, error and quality below a header of ``#`` lines.

    Parameters
    ----------
    wavelength_nm, flux, error, quality : ndarray, shape (n,)
        The spectrum; erg s-1 cm-2 A-1.
    about : mapping of str to value
        What the header says first, such as target and date; what is empty is left out.
    medium, frame : str
        Of the wavelengths.
    """
    known = {name: printable(str(value)) for name, value in about.items() if value not in (None, "")}
    known |= {
        "wavelength": f"Angstrom, {medium}, {frame}",
        "flux, error": UNIT + " (error: 1 sigma)",
        "quality": "0 is good",
        "program": f"soxs-stare {__version__}",
    }
    head = "".join(f"# {name}: {value}\n" for name, value in known.items()) + "# WAVE FLUX ERR QUAL\n"
    rows = np.column_stack([np.asarray(wavelength_nm) * 10.0, flux, error, quality])
    line = "%.3f %.6e %.6e %d\n"
    return (head + line * len(rows) % tuple(rows.ravel().tolist())).encode("ascii", "replace")
