"""Flux-calibrated spectra of ours, read back, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.provenance import Card, CardValue
from soxspipe.datamodel.spectrum import FluxedSpectrum, JoinedSpectrum
from soxspipe.datamodel.telluric import TelluricCorrection
from soxspipe.errors import InputError
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_columns import read_table
from soxspipe.io.fits_writer import Column, Hdu, table_hdu
from soxspipe.io.headers import header_cards, number_of, text_of
from soxspipe.io.product_headers import sorted_cards
from soxspipe.io.products import FLUX_UNIT, in_vacuum

COLUMNS = ("wave", "flux_calibrated", "flux_calibrated_err", "qual")
CORRECTED_COLUMNS = ("wave", "flux", "flux_err", "qual")
"""Of the plain spectrum, and of the one without telluric absorption."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectrumFile:
    """A flux-calibrated spectrum and what its header says.

    Attributes
    ----------
    path : Path
        Of the file.
    spectrum : FluxedSpectrum
        Air wavelengths.
    arm, target : str
        Of the spectrograph, and of the observation.
    airmass : float or None
        Mean.
    water_mm : float or None
        Precipitable water that the observatory measured.
    ra_deg, dec_deg : float or None
        Pointing.
    cards : tuple of Card
        The whole primary header.
    corrected : bool
        Whether the telluric absorption has been taken out.
    """

    path: Path
    spectrum: FluxedSpectrum
    arm: str
    target: str
    airmass: float | None
    water_mm: float | None
    ra_deg: float | None
    dec_deg: float | None
    cards: tuple[Card, ...]
    corrected: bool

    def card(self, keyword: str) -> CardValue:
        """Value of a card of the primary header; None if there is none."""
        return next((value for name, value, _ in self.cards if name == keyword), None)

    @property
    def mjd(self) -> float | None:
        """Modified Julian date of the start; None if the header has none."""
        value = self.card("MJD-OBS")
        return float(value) if isinstance(value, int | float) else None

    @property
    def pointing_deg(self) -> tuple[float, float] | None:
        """Right ascension and declination; None unless both are known."""
        return None if self.ra_deg is None or self.dec_deg is None else (self.ra_deg, self.dec_deg)


def read_fluxed(path: Path) -> SpectrumFile:
    """Read a FLUXCAL product, or a TELLURIC one, of which the corrected flux counts.

    Raises
    ------
    InputError
        If the file is not a flux-calibrated spectrum of this program, with wavelengths in air as observed.
    """
    opened = open_fits(path)
    if not opened.tables:
        raise InputError(f"{path}: holds no table; a flux-calibrated spectrum (..._FLUXCAL.fits) is needed")
    columns = {name.lower(): values for name, values in read_table(opened, opened.tables[0]).items()}
    corrected = opened.tables[0].name == "TELLURIC"
    wanted = CORRECTED_COLUMNS if corrected else COLUMNS
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing).upper()}; a flux-calibrated spectrum (..._FLUXCAL.fits) of this program is needed"
        )
    wave, flux, error, quality = (np.asarray(columns[name]) for name in wanted)
    if wave.ndim != 1 or wave.size < 100 or not np.all(np.diff(wave) > 0):
        raise InputError(f"{path}: its wavelengths do not ascend over at least 100 samples")
    header = read_header(path)
    require_as_observed(path, text_of(header, "SPECSYS"), text_of(header, "SOXS WAVE MEDIUM"))
    water = [
        number for number in (number_of(header, f"ESO TEL AMBI IWV {end}") for end in ("START", "END")) if number is not None and number > 0
    ]
    return SpectrumFile(
        path=path,
        spectrum=FluxedSpectrum(
            wavelength_nm=wave.astype(np.float64),
            flux=flux.astype(np.float64),
            error=error.astype(np.float64),
            quality=quality.astype(np.int64),
        ),
        arm=text_of(header, "ESO SEQ ARM").upper(),
        target=text_of(header, "OBJECT"),
        airmass=number_of(header, "AIRMASS"),
        water_mm=sum(water) / len(water) if water else None,
        ra_deg=number_of(header, "RA"),
        dec_deg=number_of(header, "DEC"),
        cards=header_cards(header),
        corrected=corrected,
    )


def require_as_observed(path: Path, frame: str, medium: str) -> None:
    """Refuse wavelengths that have been brought to another frame of reference or medium before; headers that do not say are ours of old.

    Raises
    ------
    InputError
        If they have.
    """
    if frame not in ("", "TOPOCENT") or medium not in ("", "air"):
        raise InputError(f"{path}: its wavelengths have been converted before ({frame}, {medium}); use the spectrum it was made from")


def full_cards(path: Path) -> tuple[Card, ...]:
    """Cards of a product's primary header; what was too long for its card is there in full, from the table ``LONG_VALUES``.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    opened = open_fits(path)
    long: dict[str, str] = {}
    for unit in (unit for unit in opened.tables if unit.name == "LONG_VALUES"):
        table = read_table(opened, unit)
        rows = zip(table["HDU"].tolist(), table["KEYWORD"].tolist(), table["VALUE"].tolist(), strict=True)
        long |= {str(keyword).strip(): str(value).rstrip() for number, keyword, value in rows if number == 0}
    return tuple((name, long.get(name, value), comment) for name, value, comment in header_cards(opened.header))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedTable:
    """A table of one of our calibrated spectra (FLUXCAL, TELLURIC, JOINED), and the cards of its file."""

    path: Path
    name: str
    columns: tuple[Column, ...]
    cards: tuple[Card, ...]

    def values(self, *names: str) -> NDArray[Any]:
        """The first column of one of these names.

        Raises
        ------
        InputError
            If there is none.
        """
        for column in self.columns:
            if column.name in names:
                return column.values
        raise InputError(
            f"{self.path}: has no column {' or '.join(names)}; a FLUXCAL, TELLURIC or JOINED spectrum of this program is needed"
        )

    def card(self, keyword: str) -> CardValue:
        """Value of a card; None if there is none."""
        return next((value for name, value, _ in self.cards if name == keyword), None)


def read_finished(path: Path) -> FinishedTable:
    """Read a FLUXCAL, TELLURIC or JOINED product with all its columns.

    Raises
    ------
    InputError
        If the file holds no table with wavelengths.
    """
    opened = open_fits(path)
    if not opened.tables:
        raise InputError(f"{path}: holds no table; a FLUXCAL, TELLURIC or JOINED spectrum of this program is needed")
    unit = opened.tables[0]
    columns = tuple(
        Column(name=name, values=values, unit=str(unit.header.get(f"TUNIT{place}", "")).strip())
        for place, (name, values) in enumerate(read_table(opened, unit).items(), start=1)
    )
    table = FinishedTable(path=path, name=unit.name, columns=columns, cards=header_cards(read_header(path)))
    table.values("WAVE")
    return table


def moved_hdus(table: FinishedTable, wavelength_nm: FloatArray, cards: Sequence[Card]) -> tuple[Hdu, ...]:
    """The same table at other wavelengths, said in the column and the header; `WAVE_VAC` of the observed ones goes."""
    replaced = {name for name, _, _ in cards}
    kept = [column for column in table.columns if column.name not in ("WAVE", "WAVE_VAC")]
    medium = "; ".join(str(value) for name, value, _ in cards if name in ("SOXS WAVE MEDIUM", "SPECSYS"))
    wave = Column(name="WAVE", values=wavelength_nm, unit="nm", comment=medium)
    header = [card for card in table.cards if card[0] not in replaced]
    return Hdu(cards=sorted_cards([*header, *cards])), table_hdu(table.name, [wave, *kept])


def telluric_hdus(file: SpectrumFile, correction: TelluricCorrection, expected: Sequence[str]) -> tuple[Hdu, ...]:
    """``TELLURIC``: transmission, its error, corrected flux, error and flags; the plain flux stands beside them."""
    spectrum = file.spectrum
    columns = [
        Column(name="WAVE", values=spectrum.wavelength_nm, unit="nm", comment="air"),
        Column(name="FLUX", values=correction.flux, unit=FLUX_UNIT, comment="telluric absorption taken out"),
        Column(name="FLUX_ERR", values=correction.error, unit=FLUX_UNIT, comment="1 sigma"),
        Column(name="TRANSMISSION", values=correction.transmission, comment="of the air above the target"),
        Column(name="TRANSMISSION_ERR", values=correction.transmission_error, comment="1 sigma"),
        Column(name="FLUX_PLAIN", values=spectrum.flux, unit=FLUX_UNIT, comment="as observed"),
        Column(name="FLUX_PLAIN_ERR", values=spectrum.error, unit=FLUX_UNIT, comment="1 sigma"),
        Column(name="QUAL", values=correction.quality.astype(np.int32), comment="0 is good; bits as in SpectrumFlag"),
        in_vacuum(spectrum.wavelength_nm),
    ]
    made: list[Card] = [
        ("SOXS TELL SHIFT", correction.shift_px, "[pix] lines against the standard's, merged samples"),
        ("SOXS TELL SHIFTERR", correction.shift_error_px, "[pix] 1 sigma"),
        ("SOXS TELL BLUR", correction.blur_px2, "[pix2] variance of line shape less standard's"),
        ("SOXS TELL CHI", correction.chi if np.isfinite(correction.chi) else None, "scatter about the model in errors"),
        ("SOXS TELL NSAT", int(correction.saturated.sum()), "samples too dark to correct"),
        *((f"SOXS TELL STD{i}", Path(name).name[-60:], "standard") for i, name in enumerate(expected, start=1)),
    ]
    for species, amount in correction.amounts.items():
        made += [
            (f"SOXS TELL {species}", amount.ratio, "amount over the standard's"),
            (f"SOXS TELL {species}ERR", amount.error, "1 sigma"),
            (f"SOXS TELL {species}OWN", amount.measured, "T: measured on the target, F: predicted"),
        ]
    kept = [card for card in made if card[1] is not None]
    return Hdu(cards=sorted_cards([*file.cards, *kept])), table_hdu("TELLURIC", columns)


def joined_hdus(blue: SpectrumFile, red: SpectrumFile, joined: JoinedSpectrum, *, shared_noise: tuple[float, float]) -> tuple[Hdu, ...]:
    """``JOINED``: both arms in one table, native samples, with the arm of each.

    `shared_noise` of either arm, the variance of a mean of neighbours over that of independent samples, goes into the header, so that who
    bins the spectrum knows by how much errors shrink less than by the root of the number.
    """
    columns = [
        Column(name="WAVE", values=joined.wavelength_nm, unit="nm", comment="air"),
        Column(name="FLUX", values=joined.flux, unit=FLUX_UNIT),
        Column(name="FLUX_ERR", values=joined.error, unit=FLUX_UNIT, comment="1 sigma"),
        Column(name="QUAL", values=joined.quality.astype(np.int32), comment="0 is good; bits as in SpectrumFlag"),
        Column(name="ARM", values=np.where(joined.from_red, red.arm, blue.arm), comment="arm of the sample"),
        Column(name="RESOLUTION", values=joined.resolving_power, comment="lambda / delta lambda of the slit; 0 unknown"),
        in_vacuum(joined.wavelength_nm),
    ]
    made: list[Card] = [
        ("SOXS JOIN SCALE", joined.scale, "red over blue in the overlap"),
        ("SOXS JOIN SCALEERR", joined.scale_error, "1 sigma"),
        ("SOXS JOIN APPLIED", joined.applied, "T: the blue arm was multiplied by it"),
        ("SOXS JOIN WAVE", joined.join_nm, "[nm] where the arms meet"),
        ("SOXS JOIN SHARED1", shared_noise[0], "blue: variance of means over independent"),
        ("SOXS JOIN SHARED2", shared_noise[1], "red: the same; errors of neighbours correlate"),
        ("SOXS JOIN FILE1", blue.path.name[-60:], "blue arm"),
        ("SOXS JOIN FILE2", red.path.name[-60:], "red arm"),
    ]
    return Hdu(cards=sorted_cards([*blue.cards, *made])), table_hdu("JOINED", columns)
