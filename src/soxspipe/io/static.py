"""Static tables that are shipped with the package, as values."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import ExtinctionCurve, SkyLines, StandardStar, TelluricBands
from soxspipe.datamodel.geometry import OrderFormat, SpectralFormat
from soxspipe.datamodel.telluric import AirLines
from soxspipe.instruments.registry import find_instrument

MATCH_RADIUS_ARCSEC = 60.0
"""Pointing of the telescope, and the slit's offset from the catalogue."""
PROPER_MOTION_ARCSEC = 90.0
"""How far a star of the library moves between 2000, for which its position holds, and 2033: LTT 4364 by 2.7 arcsec a year."""
SAME_STAR_ARCSEC = 300.0
"""A star whose name is known may have its pointing so far off: proper motion, and coordinates of low accuracy."""
_READING = threading.Lock()
_CHECK = "(correct OBJECT, or RA and DEC, in the header)"
_REMEDY = "(correct OBJECT, or RA and DEC, in the header, or add a RESP_TAB of another star to the set of files)"
_ALIASES = {"CD3017706": "LTT7987", "CD3810980": "EG274", "CD325613": "LTT3218", "CPD69177": "EG21"}


def read_spectral_format(instrument: str, arm: str) -> SpectralFormat:
    """Wavelength limits of the orders of an arm."""
    rows = _archive("tables")[f"format/{find_instrument(instrument).arms[arm].static.spectral_format}"]
    return SpectralFormat(
        orders=tuple(OrderFormat(order=int(row[0]), full_nm=(row[1], row[2]), clean_nm=(row[3], row[4])) for row in rows.tolist())
    )


def read_extinction(site: str) -> ExtinctionCurve:
    """Extinction curve of ``lasilla`` or ``paranal``."""
    wavelength, magnitudes = _archive("tables")[f"extinction/{site}"]
    return ExtinctionCurve(site=site, wavelength_nm=wavelength, mag_per_airmass=magnitudes)


def read_telluric_bands() -> TelluricBands:
    """Telluric bands, and which of them a response avoids."""
    start, stop, mask = _archive("tables")["telluric/bands"]
    wavelength, transmission = read_telluric_transmission()
    return TelluricBands(
        start_nm=start,
        stop_nm=stop,
        mask_response=mask > 0,
        model_nm=wavelength,
        model_transmission=transmission,
        model_airmass=1.5,
        lines=read_air_lines(),
    )


def read_telluric_transmission() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelength (nm, air) and model transmission from 900 to 2400 nm."""
    wavelength, transmission = _archive("tables")["telluric/transmission"]
    return wavelength, transmission


def read_telluric_species() -> tuple[float, float, dict[str, NDArray[np.float64]]]:
    """First wavelength (nm, air), samples per factor e of wavelength, and optical depth at the zenith by species (water: per mm)."""
    archive = _archive("telluric_species")
    start, resolution, _ = archive["wavelength_nm"]
    depths = {key.removeprefix("depth/"): archive[key].astype(np.float64) for key in archive if key.startswith("depth/")}
    return float(start), float(resolution), depths


@lru_cache(maxsize=1)
def read_air_lines() -> AirLines:
    """Optical depths of the air's molecules for the telluric correction."""
    archive = _archive("air_lines")
    start, resolution = archive["grid"]
    water, mixed = (archive[name].astype(np.float32) for name in ("water", "mixed"))
    return AirLines(start_nm=float(start), samples_per_e_fold=float(resolution), water=water, mixed=mixed)


def read_sky_lines(instrument: str, arm: str) -> SkyLines:
    """Night-sky lines of an arm's range; blends count as one line at their centroid."""
    wavelength, flux, isolated = _archive("tables")[f"skylines/{find_instrument(instrument).arms[arm].static.sky_lines}"]
    return SkyLines(wavelength_nm=wavelength, flux=flux, isolated=isolated > 0)


def read_single_sky_lines(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelength (nm, air) and flux of every single line of the list ``nir`` (relative) or ``vis`` (1e-16 erg s-1 cm-2 arcsec-2)."""
    wavelength, flux = _archive("tables")[f"skylines/{name}_single"]
    return wavelength, flux


def read_bad_pixels(instrument: str, arm: str, binning: tuple[int, int]) -> BoolImage | None:
    """Bad-pixel map of an arm and binning, True for bad; None if none is shipped for this binning."""
    name = find_instrument(instrument).arms[arm].static.bad_pixels.format(bx=binning[0], by=binning[1])
    archive = _archive("bad_pixels")
    if f"shape/{name}" not in archive:
        return None
    bad = np.zeros(tuple(archive[f"shape/{name}"]), dtype=bool)
    bad.reshape(-1)[archive[f"bad/{name}"]] = True
    return bad


def read_geometry(name: str) -> NDArray[np.float64]:
    """One member of the geometry archive, for example ``model/soxs_nir`` or ``pinholes/xsh_vis``; the static README has the layouts."""
    return _archive("geometry")[name]


def read_arc_table(name: str) -> NDArray[Any] | None:
    """One member of the archive of arc lines, for example ``wavelength/soxs_nir``; None if there is none of this name."""
    archive = _archive("arc_lines")
    return archive.get(name)


def standard_names() -> tuple[str, ...]:
    """Names of the spectra in the library, preferred ones first."""
    return tuple(str(name) for name in _archive("standards")["index/name"])


def read_standard(name: str) -> StandardStar:
    """Library spectrum by its library name."""
    archive = _archive("standards")
    return StandardStar(name=name, wavelength_nm=archive[f"wavelength/{name}"], flux=np.asarray(archive[f"flux/{name}"], dtype=np.float64))


def find_standard(name: str, ra_deg: float | None, dec_deg: float | None) -> tuple[StandardStar | None, str]:
    """Look a standard star up by name and by position; where the two are of different stars, the position decides.

    Parameters
    ----------
    name : str
        Name of the target as the header has it.
    ra_deg, dec_deg : float or None
        Pointing.

    Returns
    -------
    star : StandardStar or None
        None if the library has no such star.
    message : str
        A sentence for the user when the match is not plain; else empty.
    """
    library, positions = standard_names(), _archive("standards")["index/position"]
    by_name = _match_name(name)
    distance = None if ra_deg is None or dec_deg is None else _separation_arcsec(ra_deg, dec_deg, positions)
    if by_name is not None and (distance is None or float(distance[by_name]) <= SAME_STAR_ARCSEC):
        return read_standard(library[by_name]), ""
    near = None if distance is None else _nearest(distance)
    if near is not None:
        said = "is not in the library by name" if by_name is None else "does not stand there"
        return read_standard(library[near]), f"standard star {name!r} {said}; {library[near]} stands at its position and is used"
    if by_name is not None and distance is not None:
        away = f"RA and DEC are {float(distance[by_name]) / 60:.0f} arcmin from {library[by_name]}, at a place where no star of the library stands"
        return read_standard(library[by_name]), f"standard star {name!r}: {away}; the name is believed {_CHECK}"
    unknown = f"standard star {name!r} is not in the library, neither by name nor within 1 arcmin of its position: no response is made"
    return None, f"{unknown} {_REMEDY}"


@lru_cache(maxsize=4)
def _archive(name: str) -> Mapping[str, Any]:
    """An archive of the package; members are read when asked for."""
    location = resources.files("soxspipe.instruments").joinpath("static", f"{name}.npz")
    return _Archive(np.load(io.BytesIO(location.read_bytes()), allow_pickle=False))


class _Archive(Mapping[str, Any]):
    """Members of an archive of numpy, read by one thread at a time.

    The header of a member is a Python literal, and Python up to 3.11.7 may fail (``SystemError``) where two threads parse at once.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> Any:
        with _READING:
            return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _plain(name: str) -> str:
    """A star's name as the library is searched: upper case, cut at `` V``, no blanks, hyphens or underscores."""
    text = " ".join(name.upper().split()).split(" V", 1)[0]
    plain = "".join(character for character in text if character not in " -_")
    return _ALIASES.get(plain, plain)


def _match_name(name: str) -> int | None:
    """Index of the library spectrum that carries `name`: exactly, by alias, or as part of it; preferred spectra come first."""
    wanted = _plain(name)
    if not wanted:
        return None
    archive = _archive("standards")
    plain = [_plain(str(entry).removeprefix("CS_").removeprefix("CT_")) for entry in archive["index/name"]]
    aliases = [[_plain(alias) for alias in str(entry).split(";")] for entry in archive["index/alias"]]
    exact = [index for index, entry in enumerate(plain) if entry == wanted]
    known = [index for index, entries in enumerate(aliases) if wanted in entries]
    part = [index for index, entry in enumerate(plain) if entry in wanted]
    candidates = _spanning(exact) or _spanning(known) or _spanning(part)
    return candidates[0] if candidates else None


def _nearest(distance_arcsec: NDArray[np.float64]) -> int | None:
    """Index of a star's library spectrum by the distance from its place, the widest one first; None if no star is near."""
    close = [int(index) for index in np.flatnonzero(distance_arcsec <= MATCH_RADIUS_ARCSEC + PROPER_MOTION_ARCSEC)]
    return next(iter(_spanning(close)), None)


def _spanning(candidates: list[int]) -> list[int]:
    """The candidates, those that reach into the near infrared first."""
    reach = _archive("standards")["index/range"][1]
    return sorted(candidates, key=lambda index: (reach[index] < 1500.0, index))


def _separation_arcsec(ra_deg: float, dec_deg: float, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    ra, dec = np.radians(positions[:, 0]), np.radians(positions[:, 1])
    ra0, dec0 = math.radians(ra_deg), math.radians(dec_deg)
    sine = np.sin((dec - dec0) / 2) ** 2 + math.cos(dec0) * np.cos(dec) * np.sin((ra - ra0) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(sine, 0, 1)))) * 3600
