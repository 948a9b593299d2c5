"""Values as the recipe's FITS and ASCII products.

Each function lays out one product of the recipe page as HDUs or text; `write_fits` puts HDUs on the disk.  Counts are
electrons; FITS units know only ``ct``, which stands for one electron in every table here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.geometry import OrderPolynomial
from soxspipe.datamodel.provenance import Card
from soxspipe.datamodel.spectrum import EfficiencyCurve, FlatLevel, FluxedSpectrum, MergedSpectrum, OrderSpectrum, ResponseCurve
from soxspipe.datamodel.trace import ObjectTrace
from soxspipe.io.atomic import write_whole
from soxspipe.io.calibration_tables import BASIS_KEYWORD, RESPONSE_UNIT, UNBINNED
from soxspipe.io.fits_writer import Column, Hdu, Pixels, fits_chunks, table_hdu
from soxspipe.io.spectrum_text import spectrum_text
from soxspipe.numerics.air import air_to_vacuum

FLUX_UNIT = "erg s-1 cm-2 Angstrom-1"
AIR, VACUUM, QUALITY = (("TUCD", "em.wl;obs.atmos"),), (("TUCD", "em.wl"),), (("TUCD", "meta.code.qual"),)
COUNTS, COUNTS_ERROR = (("TUCD", "phot.count;em.wl"),), (("TUCD", "stat.error;phot.count;em.wl"),)
DENSITY, DENSITY_ERROR = (("TUCD", "phot.flux.density;em.wl"),), (("TUCD", "stat.error;phot.flux.density;em.wl"),)
VARIANCE, SNR, SKY = (("TUCD", "stat.variance;phot.count;em.wl"),), (("TUCD", "stat.snr"),), (("TUCD", "instr.skyLevel;phot.count"),)
ORDER, CORRELATION = (("TUCD", "instr.order"),), (("TUCD", "stat.correlation"),)
ORDERS_UCD = {
    "order": "instr.order", "band": "instr.order", "orderDetector": "instr.order",
    "xcoord_centre": "pos.cartesian.x;instr.det", "ycoord_centre": "pos.cartesian.y;instr.det",
    "xcoord": "pos.cartesian.x;instr.det", "ycoord": "pos.cartesian.y;instr.det",
    "wavelengthMean": "em.wl;obs.atmos", "waveVacuum": "em.wl", "pixelScaleNm": "instr.dispersion",
    "extractedFluxOptimal": "phot.count;em.wl", "extractedFluxBoxcar": "phot.count;em.wl", "extractedFluxBoxcarRobust": "phot.count;em.wl",
    "boxcarRestored": "phot.count;em.wl", "varianceSpectrum": "stat.variance;phot.count;em.wl", "snr": "stat.snr",
    "skyFlux": "instr.skyLevel;phot.count", "skyAperture": "instr.skyLevel;phot.count",
    "profileFraction": "arith.factor", "apertureFraction": "arith.factor", "meanFlat": "instr.calib", "quality": "meta.code.qual",
}  # fmt: skip
"""What the columns of ``EXTRACTED_ORDERS`` are, in words of the Virtual Observatory (UCD1+)."""
COUNTS_NOTE: Card = ("COMMENT", "In column units ct stands for one electron.", "")


def write_fits(path: Path, hdus: Sequence[Hdu]) -> Path:
    """Write HDUs as one FITS file, whole or not at all.

    Raises
    ------
    ProductError
        If the file could not be written.
    """
    return write_whole(path, fits_chunks(hdus))


def image_hdus(cards: tuple[Card, ...], electrons: Pixels, flags: Pixels, error: Pixels, *, remark: str = "") -> tuple[Hdu, ...]:
    """An image product: HDUs FLUX, QUAL and ERRS (1 sigma), each of shape (ny, nx)."""
    return (
        Hdu(name="FLUX", cards=(*cards, ("BUNIT", "electron", remark)), data=_of_type(electrons, np.float32)),
        Hdu(
            name="QUAL",
            data=_of_type(flags, np.uint8),
            cards=(("COMMENT", "0 is good; bits as in the documentation of PixelFlag", ""),),
        ),
        Hdu(
            name="ERRS",
            data=_of_type(error, np.float32),
            cards=(("BUNIT", "electron", remark), ("UTYPE", "StdDevUncertainty", "")),
        ),
    )


def _of_type(image: Pixels, dtype: type[np.float32 | np.uint8]) -> Pixels:
    """The image as it is written; one that lies outside the memory is read row by row."""
    return image.astype(dtype, copy=False) if isinstance(image, np.ndarray) else image


def orders_hdus(cards: tuple[Card, ...], spectra: Sequence[OrderSpectrum], arm: Arm) -> tuple[Hdu, ...]:
    """``EXTRACTED_ORDERS``: one row per order and dispersion pixel; orders in the sequence given."""

    def joined(name: str, dtype: type = np.float64) -> FloatArray:
        return np.concatenate([getattr(spectrum, name) for spectrum in spectra]).astype(dtype)

    def repeated(values: Iterable[int | str]) -> IntArray:
        return np.repeat(np.array(list(values)), [spectrum.b_px.size for spectrum in spectra])

    a, b = arm.slit_axis, arm.dispersion_axis
    columns = [
        Column(
            name="order",
            values=repeated(disk_order(arm, s.order) for s in spectra),
            comment="number in the order table, unless release 0.17 is wanted",
        ),
        Column(name=f"{a}coord_centre", values=joined("a_px"), unit="pix", comment="trace"),
        Column(name=f"{b}coord", values=joined("b_px", np.int64), unit="pix", comment="along dispersion, from 0"),
        Column(name="wavelengthMean", values=joined("wavelength_nm"), unit="nm", comment="at the trace, air"),
        Column(name="pixelScaleNm", values=joined("pixel_scale_nm"), unit="nm pix-1"),
        Column(name="varianceSpectrum", values=joined("variance"), unit="ct2", comment="of the optimal sum"),
        Column(name="snr", values=joined("snr")),
        Column(name="extractedFluxOptimal", values=joined("flux"), unit="ct", comment="electrons per native pixel"),
        Column(name="extractedFluxBoxcar", values=joined("boxcar"), unit="ct", comment="all pixels of the aperture"),
        Column(name="extractedFluxBoxcarRobust", values=joined("boxcar_robust"), unit="ct", comment="good pixels of the aperture"),
        Column(name="skyFlux", values=joined("sky"), unit="ct pix-1", comment="mean of the aperture"),
        Column(name="band", values=repeated(s.label for s in spectra), comment="band or order number"),
        Column(name="orderDetector", values=repeated(s.order for s in spectra), comment="number in the order table"),
        Column(name="boxcarRestored", values=joined("boxcar_restored"), unit="ct", comment="masked pixels from the profile"),
        Column(name="skyAperture", values=joined("sky_aperture"), unit="ct", comment="sum over the aperture"),
        Column(name="profileFraction", values=joined("profile_fraction"), comment="of the profile on good pixels"),
        Column(name="apertureFraction", values=joined("aperture_fraction"), comment="of the light in the aperture"),
        Column(name="meanFlat", values=joined("mean_flat"), comment="profile-weighted flat"),
        Column(name="quality", values=joined("quality", np.int32), comment="0 is good; bits as in SpectrumFlag"),
        Column(name="waveVacuum", values=air_to_vacuum(joined("wavelength_nm")), unit="nm", comment="wavelengthMean in vacuum"),
    ]
    return (
        Hdu(cards=(*cards, COUNTS_NOTE)),
        table_hdu("ORDERS", [replace(column, extra=(("TUCD", ORDERS_UCD[column.name]),)) for column in columns]),
        *(_order_hdu(spectrum) for spectrum in spectra),
    )


def _order_hdu(spectrum: OrderSpectrum) -> Hdu:
    """One order alone, wavelengths ascending: what readers of single spectra take."""
    with np.errstate(invalid="ignore"):
        error = np.sqrt(spectrum.variance)
    columns = [
        Column(name="WAVE", values=spectrum.wavelength_nm.astype(np.float64), unit="nm", comment="air", extra=AIR),
        Column(name="FLUX_COUNTS", values=spectrum.flux.astype(np.float64), unit="ct", comment="electrons per native pixel", extra=COUNTS),
        Column(name="FLUX_COUNTS_ERR", values=error.astype(np.float64), unit="ct", comment="1 sigma", extra=COUNTS_ERROR),
        Column(name="QUAL", values=spectrum.quality.astype(np.int32), comment="0 is good; bits as in SpectrumFlag", extra=QUALITY),
    ]
    return table_hdu(f"ORDER_{spectrum.label}", columns)


def merged_hdus(cards: tuple[Card, ...], merged: MergedSpectrum, arm: Arm, *, limits: bool) -> tuple[Hdu, ...]:
    """``EXTRACTED_MERGED``: one row per step of the grid; `limits` adds 3-sigma upper limits for a frame without an object."""
    columns = merged_columns(merged)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(merged.variance.astype(np.float64))
    columns.append(Column(name="FLUX_COUNTS_ERR", values=error, unit="ct", comment="1 sigma", extra=COUNTS_ERROR))
    columns += [
        Column(
            name=f"CORR_LAG{k}",
            values=row.astype(np.float32),
            comment=f"correlation of the errors of samples i and i+{k}",
            extra=CORRELATION,
        )
        for k, row in enumerate(merged.correlation, start=1)
    ]
    columns += [
        Column(name="QUAL", values=merged.quality.astype(np.int32), comment="0 is good; bits as in SpectrumFlag", extra=QUALITY),
        Column(
            name="ORDER",
            values=_disk_orders(arm, merged.order),
            comment="order of most weight, numbered as in EXTRACTED_ORDERS",
            extra=ORDER,
        ),
    ]
    if limits:
        columns.append(Column(name="LIMIT_3SIGMA", values=3.0 * error, unit="ct", comment="no object was found", extra=COUNTS_ERROR))
    columns.append(in_vacuum(merged.wavelength_nm))
    return Hdu(cards=(*cards, COUNTS_NOTE)), table_hdu("MERGED", columns)


def in_vacuum(wavelength_nm: FloatArray) -> Column:
    """Column ``WAVE_VAC``."""
    return Column(name="WAVE_VAC", values=air_to_vacuum(np.round(wavelength_nm, 2)), unit="nm", comment="WAVE in vacuum", extra=VACUUM)


def merged_columns(merged: MergedSpectrum) -> list[Column]:
    """The six columns that every reader of the merged spectrum knows."""
    return [
        Column(name="WAVE", values=np.round(merged.wavelength_nm, 2), unit="nm", comment="air", extra=AIR),
        Column(
            name="FLUX_COUNTS",
            values=np.round(merged.flux.astype(np.float64), 3),
            unit="ct",
            comment="electrons per native pixel",
            extra=COUNTS,
        ),
        Column(name="VARIANCE", values=merged.variance.astype(np.float32), unit="ct2", extra=VARIANCE),
        Column(name="SKY_COUNTS", values=merged.sky.astype(np.float32), unit="ct pix-1", extra=SKY),
        Column(name="SNR", values=np.round(merged.snr.astype(np.float64), 2), extra=SNR),
        Column(name="FLUX_DENSITY_COUNTS", values=np.round(merged.density.astype(np.float64), 3), unit="ct nm-1", extra=COUNTS),
    ]


def merged_ascii(merged: MergedSpectrum) -> bytes:
    """The merged spectrum as text: a line of names, then values; WAVE in Angstrom, FLUX_DENSITY_COUNTS per nm."""
    columns = merged_columns(merged)
    head = " ".join(column.name for column in columns)
    values = np.stack([np.asarray(column.values, dtype=np.float64) for column in columns], axis=1)
    values[:, 0] *= 10.0
    line = "%.2f %.3f %.7g %.7g %.2f %.3f\n"
    return (head + "\n" + line * len(values) % tuple(values.ravel().tolist())).encode("ascii")


def fluxed_hdus(cards: tuple[Card, ...], fluxed: FluxedSpectrum, *, limits: bool) -> tuple[Hdu, ...]:
    """``FLUXCAL``: the flux-calibrated spectrum with errors and quality."""
    return Hdu(cards=cards), table_hdu("FLUXCAL", fluxed_columns(fluxed, limits=limits))


def fluxed_columns(fluxed: FluxedSpectrum, *, limits: bool) -> list[Column]:
    """Of ``FLUXCAL``; with upper limits where no object was found."""
    columns = [
        Column(name="WAVE", values=np.round(fluxed.wavelength_nm, 2), unit="nm", comment="air", extra=AIR),
        Column(name="FLUX_CALIBRATED", values=fluxed.flux.astype(np.float64), unit=FLUX_UNIT, extra=DENSITY),
        Column(name="FLUX_CALIBRATED_ERR", values=fluxed.error.astype(np.float64), unit=FLUX_UNIT, comment="1 sigma", extra=DENSITY_ERROR),
        Column(name="QUAL", values=fluxed.quality.astype(np.int32), comment="0 is good; bits as in SpectrumFlag", extra=QUALITY),
    ]
    if limits:
        columns.append(
            Column(
                name="LIMIT_3SIGMA",
                values=3.0 * fluxed.error.astype(np.float64),
                unit=FLUX_UNIT,
                comment="no object was found",
                extra=DENSITY_ERROR,
            )
        )
    columns.append(in_vacuum(fluxed.wavelength_nm))
    return columns


def fluxed_ascii(fluxed: FluxedSpectrum, about: Mapping[str, object]) -> bytes:
    """The flux-calibrated spectrum as text that `numpy.loadtxt` reads as it is; `about` is for its header."""
    return spectrum_text(fluxed.wavelength_nm, fluxed.flux, fluxed.error, fluxed.quality, about=about)


def efficiency_hdus(cards: tuple[Card, ...], efficiency: EfficiencyCurve, arm: Arm) -> tuple[Hdu, ...]:
    """``EFFICIENCY``: as observed, slit and atmosphere included, and with the atmosphere's extinction removed."""
    columns = [
        Column(name="WAVE", values=np.round(efficiency.wavelength_nm, 2), unit="nm", comment="air"),
        Column(name="EFFICIENCY", values=efficiency.efficiency.astype(np.float64), comment="slit and atmosphere included"),
        Column(name="EFFICIENCY_NO_EXTINCTION", values=efficiency.above_atmosphere.astype(np.float64), comment="extinction removed"),
        Column(name="ORDER", values=_disk_orders(arm, efficiency.order), comment="numbered as in EXTRACTED_ORDERS"),
    ]
    return Hdu(cards=cards), table_hdu("EFFICIENCY", columns)


def response_hdus(cards: tuple[Card, ...], response: ResponseCurve, unbinned: FloatArray) -> tuple[Hdu, ...]:
    """``RESP``: the polynomial that readers of release 0.17 use, the sampled curve and the bins it was fitted to, the table of release 0.19.

    The polynomial gives 1e-17 erg cm-2 s-1 A-1 per electron per second and native pixel, highest power first, in nm; the last table
    1e-17 erg cm-2 A-1 per electron and unbinned pixel.

    Parameters
    ----------
    cards : tuple of Card
        The product's header.
    response : ResponseCurve
        What to write.
    unbinned : ndarray, shape of ``response.response``
        The curve of `unbinned_response`.
    """
    coefficients = np.asarray(response.polynomial, dtype=np.float64)
    polynomial = [Column(name="polyOrder", values=np.array([coefficients.size - 1], dtype=np.int64), comment="degree")]
    polynomial += [Column(name=f"c{i}", values=np.array([c])) for i, c in enumerate(coefficients)]
    unit = "erg cm-2 Angstrom-1 ct-1"
    sampled = [
        Column(name="WAVE", values=np.asarray(response.wavelength_nm, dtype=np.float64), unit="nm", comment="air"),
        Column(name="RESPONSE", values=np.asarray(response.response, dtype=np.float64), unit=unit),
        Column(name="RESPONSE_ERR", values=np.asarray(response.error, dtype=np.float64), unit=unit, comment="1 sigma"),
    ]
    bins = [
        Column(name="WAVE", values=np.asarray(response.bins_nm, dtype=np.float64), unit="nm", comment="air"),
        Column(name="RESPONSE", values=np.asarray(response.bins_value, dtype=np.float64), unit=unit, comment="measured"),
        Column(name="RESPONSE_ERR", values=np.asarray(response.bins_error, dtype=np.float64), unit=unit),
        Column(name="USED", values=np.asarray(response.bins_used, dtype=bool), comment="kept by the fit"),
    ]
    tables = [table_hdu("RESPONSE_SAMPLED", sampled, response_cards(response)), table_hdu("RESPONSE_BINS", bins)]
    if response.flat_level is not None:
        tables.append(flat_level_hdu(response.flat_level))
    tables.append(table_hdu("RESPONSE", _unbinned_columns(response.wavelength_nm, unbinned)))
    return Hdu(cards=(*cards, (BASIS_KEYWORD, UNBINNED, "what the table RESPONSE counts in"))), table_hdu("", polynomial), *tables


def _unbinned_columns(wavelength_nm: FloatArray, unbinned: FloatArray) -> list[Column]:
    """The table of release 0.19: a response that is above 0 wherever it says something."""
    return [
        Column(name="WAVE", values=np.asarray(wavelength_nm, dtype=np.float64), unit="nm", comment="air"),
        Column(
            name="RESPONSE",
            values=np.asarray(unbinned, dtype=np.float64) / RESPONSE_UNIT,
            unit="10**-17 erg Angstrom-1 ct-1 cm-2",
            comment="per electron per unbinned pixel",
        ),
    ]


def flat_level_hdu(flat: FlatLevel) -> Hdu:
    """``FLAT_LEVEL``: mean flat over the slit along every order, numbered as in the order table."""
    columns = [
        Column(name="ORDER", values=np.asarray(flat.order, dtype=np.int64), comment="numbered as in the order table"),
        Column(name="WAVE", values=np.asarray(flat.wavelength_nm, dtype=np.float64), unit="nm", comment="air"),
        Column(name="LEVEL", values=np.asarray(flat.level, dtype=np.float64), comment="mean flat over the slit"),
    ]
    return table_hdu("FLAT_LEVEL", columns)


def response_cards(response: ResponseCurve) -> tuple[Card, ...]:
    """What a response holds for, as keywords of its sampled HDU."""
    return (
        ("SOXS RESP STAR", response.star, "standard star"),
        ("SOXS RESP AIRMASS", response.airmass, "mean air mass of the standard"),
        ("SOXS RESP SEEING", response.seeing_arcsec, "[arcsec] FWHM of the standard's profile"),
        ("SOXS RESP SLITANG", response.slit_angle_deg, "[deg] between the standard's slit and the zenith"),
        ("SOXS RESP FLATMD5", response.flat_md5, "MD5 of the flat it holds for"),
        ("SOXS RESP BINX", response.binning[0], "binning along x"),
        ("SOXS RESP BINY", response.binning[1], "binning along y"),
        ("SOXS RESP EXTREM", response.extinction_removed, "count rates are corrected for extinction first"),
        ("SOXS RESP SLITEND", response.over_end, "the standard stood over the slit's end"),
        ("SOXS RESP WMIN", response.valid_nm[0], "[nm] measured from"),
        ("SOXS RESP WMAX", response.valid_nm[1], "[nm] measured to"),
    )


def trace_hdus(cards: tuple[Card, ...], trace: ObjectTrace, arm: Arm, centre: OrderPolynomial, sigma: OrderPolynomial) -> tuple[Hdu, ...]:
    """``OBJTRACE``: the trace as polynomials in order and dispersion pixel of the binned frame, and the range of each order."""
    a, b = arm.slit_axis, arm.dispersion_axis
    polynomials = trace_columns(b, centre, sigma)
    traces = [trace.orders[order] for order in sorted(trace.orders)]
    ranges = [
        Column(name="order", values=np.array([float(t.order) for t in traces]), comment="number in the order table"),
        Column(name=f"{b}min", values=np.array([t.b_px.min() for t in traces], dtype=np.int64), unit="pix"),
        Column(name=f"{b}max", values=np.array([t.b_px.max() for t in traces], dtype=np.int64), unit="pix"),
        Column(name=f"{a}min", values=np.array([t.a_px.min() for t in traces], dtype=np.float64), unit="pix"),
        Column(name=f"{a}max", values=np.array([t.a_px.max() for t in traces], dtype=np.float64), unit="pix"),
    ]
    sources = [
        Column(
            name="SLIT",
            values=np.array([s.slit_arcsec for s in trace.sources], dtype=np.float64),
            unit="arcsec",
            comment="from slit centre",
        ),
        Column(name="FWHM", values=np.array([s.fwhm_arcsec for s in trace.sources], dtype=np.float64), unit="arcsec"),
        Column(name="SIGNIFICANCE", values=np.array([s.significance for s in trace.sources], dtype=np.float64)),
        Column(name="RELATIVE_FLUX", values=np.array([s.relative_flux for s in trace.sources], dtype=np.float64)),
    ]
    return Hdu(cards=cards), table_hdu("", polynomials), table_hdu("", ranges), table_hdu("SOURCES", sources)


def disk_order(arm: Arm, order: int) -> int:
    """The number an order has in products."""
    return arm.disk_order.get(order, order)


def _disk_orders(arm: Arm, orders: IntArray) -> IntArray:
    present = np.unique(orders)
    numbers = np.array([disk_order(arm, int(order)) for order in present], dtype=np.int64)
    return numbers[np.searchsorted(present, orders)] if present.size else orders.astype(np.int64)


def trace_columns(axis: str, centre: OrderPolynomial, sigma: OrderPolynomial) -> list[Column]:
    """Centre and width of a trace, with the same degrees: the reference reads the coefficients of the width with the degrees of the centre."""
    shape = np.maximum(centre.coefficients.shape, sigma.coefficients.shape)
    return [
        *polynomial_columns("cent", axis, _with_degrees(centre, shape)),
        *polynomial_columns("std", axis, _with_degrees(sigma, shape)),
    ]


def _with_degrees(polynomial: OrderPolynomial, shape: IntArray) -> OrderPolynomial:
    """The same polynomial with more coefficients, which are 0."""
    missing = [(0, int(most - own)) for most, own in zip(shape, polynomial.coefficients.shape, strict=True)]
    return OrderPolynomial(coefficients=np.pad(polynomial.coefficients, missing))


def polynomial_columns(prefix: str, axis: str, polynomial: OrderPolynomial, *, stem: str = "") -> list[Column]:
    """Degrees and coefficients of a polynomial in order and dispersion pixel; `stem` is what coefficients' names start with if not ``<prefix>_``."""
    degree_n, degree_b = (n - 1 for n in polynomial.coefficients.shape)
    columns = [
        Column(name=f"degorder_{prefix}", values=np.array([degree_n], dtype=np.int64)),
        Column(name=f"deg{axis}_{prefix}", values=np.array([degree_b], dtype=np.int64)),
    ]
    for (i, j), coefficient in np.ndenumerate(polynomial.coefficients):
        columns.append(
            Column(name=f"{stem or prefix + '_'}{i}{j}", values=np.array([float(coefficient)]), unit="pix" if i == j == 0 else "")
        )
    return columns
