"""A spectrum in counts that waits for a response: what flux calibration needs of it, kept in ``EXTRACTED_MERGED`` to the last digit.

The columns that readers know are rounded there, and its header has the words of the archive; from the tables ``COUNTS`` and ``FLAT_LEVEL``
the flux comes out as the reduction itself would have made it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.provenance import Card
from soxspipe.datamodel.spectrum import CountsSpectrum, MergedSpectrum
from soxspipe.errors import InputError
from soxspipe.io.calibration_tables import read_flat_level
from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.fits_columns import read_table
from soxspipe.io.fits_header import Header
from soxspipe.io.fits_writer import Column, Hdu, table_hdu
from soxspipe.io.headers import number_of, text_of
from soxspipe.io.products import flat_level_hdu

TABLE = "COUNTS"
LAGS = 3
"""Columns ``CORR_LAG1`` to ``CORR_LAG3``."""


def counts_hdus(counts: CountsSpectrum) -> tuple[Hdu, ...]:
    """``COUNTS``: the spectrum in full precision, and in its header what else a response has to know; ``FLAT_LEVEL`` where a flat was used."""
    with np.errstate(invalid="ignore"):
        error = np.sqrt(counts.merged.variance)
    columns = [
        Column(name="WAVE", values=counts.merged.wavelength_nm.astype(np.float64), unit="nm", comment="air"),
        Column(name="FLUX", values=counts.merged.flux.astype(np.float64), unit="ct", comment="electrons per native pixel"),
        Column(name="ERR", values=error.astype(np.float64), unit="ct", comment="1 sigma"),
    ]
    level = () if counts.flat_level is None else (flat_level_hdu(counts.flat_level),)
    return table_hdu(TABLE, columns, _cards(counts)), *level


def _cards(counts: CountsSpectrum) -> tuple[Card, ...]:
    seen = counts.observation
    return (
        ("SOXS CNT KIND", seen.kind, "DPR TYPE"),
        ("SOXS CNT TARGET", seen.target, "target"),
        ("SOXS CNT DATE", seen.date_obs, "start of the first exposure"),
        ("SOXS CNT EXPTIME", seen.exptime_s, "[s] that the counts stand for"),
        ("SOXS CNT AIRMASS", seen.airmass, "mean"),
        ("SOXS CNT FWHM", counts.fwhm_arcsec, "[arcsec] of the object's profile"),
        ("SOXS CNT SLIT", seen.slit_name, "name of the slit"),
        ("SOXS CNT SLITW", seen.slit_width_arcsec, "[arcsec] its width"),
        ("SOXS CNT SLITANG", seen.slit_angle_deg, "[deg] between slit and zenith"),
        ("SOXS CNT BINX", seen.binning[0], "binning along x"),
        ("SOXS CNT BINY", seen.binning[1], "binning along y"),
        ("SOXS CNT FLATTED", counts.merged.flattened, "T: a flat was divided out"),
        ("SOXS CNT FLATMD5", counts.flat_md5, "MD5 of that flat"),
        ("SOXS CNT DOUBT", counts.in_doubt, "relative error of all fluxes: host and profile"),
        ("SOXS CNT STANDARD", counts.is_standard, "T: a flux standard"),
        ("SOXS CNT SLITLOSS", counts.correct_slit_loss, "T: fluxes are to be corrected for slit losses"),
    )


def read_counts(path: Path) -> CountsSpectrum:
    """Read the spectrum in counts of an ``EXTRACTED_MERGED`` product.

    Parameters
    ----------
    path : Path
        The product.

    Raises
    ------
    InputError
        If it is not such a product, or was made by a version that did not keep what a response needs.
    """
    opened = open_fits(path)
    tables = {unit.name: unit for unit in opened.tables}
    if "MERGED" not in tables:
        raise InputError(f"{path}: is not a spectrum in counts (..._EXTRACTED_MERGED.fits) of this program")
    if TABLE not in tables:
        raise InputError(
            f"{path}: has no table {TABLE}: it was reduced by an earlier version and cannot be calibrated without reducing it again"
        )
    header = tables[TABLE].header
    return CountsSpectrum(
        merged=_merged(opened, read_table(opened, tables["MERGED"]), read_table(opened, tables[TABLE]), header),
        observation=_observation(text_of(opened.header, "ESO SEQ ARM"), header, opened.path),
        fwhm_arcsec=_number(header, "FWHM", math.nan),
        flat_level=read_flat_level(opened),
        flat_md5=text_of(header, "SOXS CNT FLATMD5"),
        in_doubt=_number(header, "DOUBT", 0.0),
        is_standard=bool(header.get("SOXS CNT STANDARD", False)),
        correct_slit_loss=bool(header.get("SOXS CNT SLITLOSS", False)),
    )


def _merged(opened: FitsFile, known: dict[str, NDArray[Any]], exact: dict[str, NDArray[Any]], header: Header) -> MergedSpectrum:
    """The merged spectrum with flux and error as they were before they were rounded."""
    try:
        return MergedSpectrum(
            wavelength_nm=exact["WAVE"],
            flux=exact["FLUX"],
            variance=exact["ERR"] ** 2,  # whose root is the error again, to the last digit
            sky=known["SKY_COUNTS"].astype(np.float64),
            density=known["FLUX_DENSITY_COUNTS"],
            correlation=np.stack([known[f"CORR_LAG{k}"] for k in range(1, LAGS + 1)]).astype(np.float64),
            order=known["ORDER"].astype(np.int64),
            quality=known["QUAL"].astype(np.int64),
            joins=(),
            flattened=bool(header.get("SOXS CNT FLATTED", True)),
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{opened.path}: its tables MERGED and {TABLE} do not belong together ({error})") from error


def _observation(arm: str, header: Header, path: Path) -> Observation:
    exptime = number_of(header, "SOXS CNT EXPTIME")
    if exptime is None or exptime <= 0:
        raise InputError(f"{path}: SOXS CNT EXPTIME is not an exposure time")
    return Observation(
        arm=arm.upper(),
        kind=text_of(header, "SOXS CNT KIND"),
        target=text_of(header, "SOXS CNT TARGET"),
        date_obs=text_of(header, "SOXS CNT DATE"),
        exptime_s=exptime,
        airmass=number_of(header, "SOXS CNT AIRMASS"),
        slit_name=text_of(header, "SOXS CNT SLIT"),
        slit_width_arcsec=number_of(header, "SOXS CNT SLITW"),
        slit_angle_deg=number_of(header, "SOXS CNT SLITANG"),
        binning=(int(_number(header, "BINX", 1)), int(_number(header, "BINY", 1))),
    )


def _number(header: Header, name: str, default: float) -> float:
    value = number_of(header, f"SOXS CNT {name}")
    return default if value is None else value
