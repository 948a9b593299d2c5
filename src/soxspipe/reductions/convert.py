"""A calibrated spectrum written again in another frame of reference or medium, as FITS and as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soxspipe.algorithms.spectra.barycentric import moved_wavelengths
from soxspipe.datamodel.provenance import Card
from soxspipe.errors import InputError
from soxspipe.io.atomic import write_whole
from soxspipe.io.fits_writer import Hdu
from soxspipe.io.products import write_fits
from soxspipe.io.spectra import FinishedTable, moved_hdus, read_finished, require_as_observed
from soxspipe.io.spectrum_text import spectrum_text
from soxspipe.reductions.finished import Finished

NEEDED = (("MJD-OBS", "date"), ("RA", "right ascension"), ("DEC", "declination"))
"""What the barycentric velocity is worked out from."""


def convert_spectrum(
    spectrum: Path,
    frame: str = "topocentric",
    medium: str = "air",
    output: Path | None = None,
) -> Finished:
    """Write a FLUXCAL, TELLURIC or JOINED spectrum with wavelengths in another frame or medium, beside it or into `output`.

    Fluxes and errors stay: the change of the width of a sample, below 0.04 %, is less than any calibration's error.

    Parameters
    ----------
    spectrum : Path
        As this program wrote it: topocentric, in air.
    frame, medium : str
        Of the new wavelengths: topocentric or barycentric, air or vacuum.
    output : Path, optional
        Another folder.

    Raises
    ------
    InputError
        If the file is not a spectrum of this program, has been converted before, or its header lacks what the velocity needs.
    ProductError
        If a file could not be written.
    """
    moved = move_table(read_finished(spectrum), frame, medium)
    path = moved_path(spectrum, frame, medium, output)
    write_whole(path.with_suffix(".txt"), [moved.text])
    write_fits(path, moved.hdus)  # last: a night that was interrupted takes it for the sign that all is there
    note = f"wavelengths {frame}, in {medium}" + (f"; {moved.velocity_km_s:+.3f} km/s applied" if moved.velocity_km_s else "")
    return Finished(path=path, note=note, warnings=())


def moved_path(spectrum: Path, frame: str, medium: str, output: Path | None = None) -> Path:
    """Where a spectrum is written once more in another frame or medium: beside itself, or in `output`."""
    folder = spectrum.parent if output is None else output
    return folder / f"{spectrum.name.split('.fits')[0]}{moved_suffix(frame, medium)}.fits"


def moved_suffix(frame: str, medium: str) -> str:
    """What the name of a spectrum in another frame or medium ends with, before the type of the file."""
    return f"_{frame}_{medium}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MovedSpectrum:
    """A spectrum at other wavelengths, for both kinds of file, and the velocity that was applied."""

    hdus: tuple[Hdu, ...]
    text: bytes
    velocity_km_s: float


def move_table(table: FinishedTable, frame: str, medium: str) -> MovedSpectrum:
    """The table with wavelengths in another frame or medium.

    Raises
    ------
    InputError
        If it has been converted before, or its header lacks what the velocity needs.
    """
    require_as_observed(table.path, str(table.card("SPECSYS") or ""), str(table.card("SOXS WAVE MEDIUM") or ""))
    velocity = _velocity(table) if frame == "barycentric" else 0.0
    wave = moved_wavelengths(np.asarray(table.values("WAVE"), dtype=np.float64), vacuum=medium == "vacuum", velocity_km_s=velocity)
    cards: list[Card] = [
        ("SPECSYS", "BARYCENT" if frame == "barycentric" else "TOPOCENT", "frame of reference of the wavelengths"),
        ("SOXS WAVE MEDIUM", medium, "medium of the wavelengths (Ciddor 1996)"),
        ("SOXS WAVE VELOCITY", velocity, "[km/s] applied to the wavelengths"),
    ]
    return MovedSpectrum(hdus=moved_hdus(table, wave, cards), text=_text(table, wave, frame, medium), velocity_km_s=velocity)


def _velocity(table: FinishedTable) -> float:
    known = table.card("SOXS BARY VEL")
    if isinstance(known, int | float):
        return float(known)
    lacking = [word for keyword, word in NEEDED if not isinstance(table.card(keyword), int | float)]
    why = f"its header has no {' and no '.join(lacking)}" if lacking else "it was reduced by a version that did not measure it"
    raise InputError(f"{table.path}: its barycentric velocity is not known, since {why}")


def _text(table: FinishedTable, wavelength_nm: np.ndarray, frame: str, medium: str) -> bytes:
    flux, error = table.values("FLUX", "FLUX_CALIBRATED"), table.values("FLUX_ERR", "FLUX_CALIBRATED_ERR")
    about = {
        "target": table.card("OBJECT"),
        "date": table.card("DATE-OBS"),
        "exposure": table.card("EXPTIME"),
        "made from": table.path.name,
    }
    return spectrum_text(wavelength_nm, flux, error, table.values("QUAL"), about=about, medium=medium, frame=frame)
