"""The rules of ESO's Science Data Products standard for one-dimensional spectra, checked on a file.

References
----------
.. [1] ESO Science Data Products Standard, ESO-044286, version 6, 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.fits_header import Header

PRIMARY = (
    "PRODCATG", "ORIGIN", "TELESCOP", "INSTRUME", "OBJECT", "RA", "DEC", "RADESYS", "MJD-OBS", "MJD-END", "EXPTIME", "TEXPTIME", "PROG_ID",
    "OBID1", "NCOMBINE", "OBSTECH", "FLUXCAL", "FLUXERR", "PROCSOFT", "REFERENC", "PROV1", "SPECSYS", "CONTNORM", "TOT_FLUX", "EXT_OBJ",
    "M_EPOCH", "WAVELMIN", "WAVELMAX", "SPEC_BIN", "SPEC_RES", "SNR", "DISPELEM", "CHECKSUM", "DATASUM",
)  # fmt: skip
EXTENSION = (
    "EXTNAME", "VOCLASS", "VOPUB", "TITLE", "OBJECT", "RA", "DEC", "APERTURE", "TELAPSE", "TMID", "SPEC_VAL", "SPEC_BW", "NELEM", "TDMIN1",
    "TDMAX1", "CHECKSUM", "DATASUM",
)  # fmt: skip
FORBIDDEN = ("BUNIT", "CRPIX1", "CRVAL1", "CDELT1", "CD1_1", "CTYPE1")
OF_A_COLUMN = ("TTYPE", "TFORM", "TUNIT", "TUCD", "TUTYP")
FIRST_COLUMNS = ("WAVE", "FLUX", "ERR")
LONGEST_NAME = 68


def broken_rules(path: Path) -> tuple[str, ...]:
    """Every rule of the standard that a file breaks, one sentence each; none if it is a science data product.

    Raises
    ------
    InputError
        If the file is no FITS file.
    """
    opened = open_fits(path)
    return (*_of_the_file(path, opened), *_of_the_header(opened.hdus[0].header), *_of_the_table(opened))


def _of_the_file(path: Path, opened: FitsFile) -> Iterator[str]:
    if len(path.name) > LONGEST_NAME:
        yield f"the file name has {len(path.name)} characters, at most {LONGEST_NAME} are allowed"
    if len(opened.hdus) != 2 or len(opened.tables) != 1:
        yield f"the file has {len(opened.hdus)} HDUs, a header and one table are needed"
    for number, hdu in enumerate(opened.hdus):
        for keyword in FORBIDDEN:
            if keyword in hdu.header:
                yield f"HDU {number} has {keyword}"


def _of_the_header(header: Header) -> Iterator[str]:
    if header.get("NAXIS") != 0:
        yield "the primary HDU holds data"
    for keyword in PRIMARY:
        if keyword not in header:
            yield f"the primary header has no {keyword}"
    if header.get("RADESYS") == "FK5" and header.get("EQUINOX") != 2000.0:
        yield "RADESYS is FK5, EQUINOX 2000 is needed"
    if header.get("FLUXCAL") == "UNCALIBRATED" and header.get("FLUXERR") != -1:
        yield "FLUXCAL is UNCALIBRATED, FLUXERR -1 is needed"


def _of_the_table(opened: FitsFile) -> Iterator[str]:
    if not opened.tables:
        return
    header = opened.tables[0].header
    if (header.get("NAXIS2"), header.get("PCOUNT"), header.get("GCOUNT")) != (1, 0, 1):
        yield "the table needs one row, and no heap"
    for keyword in EXTENSION:
        if keyword not in header:
            yield f"the table's header has no {keyword}"
    count = int(header.get("TFIELDS", 0))
    for number in range(1, count + 1):
        for keyword in OF_A_COLUMN:
            if f"{keyword}{number}" not in header:
                yield f"the table's header has no {keyword}{number}"
        if not str(header.get(f"TFORM{number}", "")).startswith(str(header.get("NELEM"))):
            yield f"column {number} does not have NELEM elements"
    if tuple(header.get(f"TTYPE{number}") for number in range(1, 4)) != FIRST_COLUMNS:
        yield f"the first columns are not {', '.join(FIRST_COLUMNS)}"
