"""From calibrated spectra to the one that is published: telluric correction, and both arms in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soxspipe.algorithms.spectra.join_arms import LARGEST_SCALE, SIGNIFICANT, join_arms, why_no_scale
from soxspipe.algorithms.spectra.telluric import correct_telluric
from soxspipe.algorithms.spectra.telluric_bands import WELL_MIXED, band_index
from soxspipe.algorithms.spectra.telluric_template import reference_from_standard
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import StandardStar
from soxspipe.datamodel.spectrum import JoinedSpectrum
from soxspipe.datamodel.telluric import TelluricCorrection, TelluricReference
from soxspipe.errors import InputError
from soxspipe.instruments.registry import arm, find_instrument
from soxspipe.io.atomic import write_whole
from soxspipe.io.headers import separation_arcsec
from soxspipe.io.products import write_fits
from soxspipe.io.spectra import SpectrumFile, joined_hdus, read_fluxed, telluric_hdus
from soxspipe.io.static import find_standard, read_air_lines, read_telluric_bands, read_telluric_transmission
from soxspipe.reductions.finished import Finished

SAME_TARGET_ARCSEC = 30.0
"""Two arms of one target point to within the length of the slit and the offset of a blind acquisition."""
SHARED_NOISE = {"NIR": 1.5, "VIS": 2.6, "UVB": 2.6}
"""Variance of the mean of neighbouring samples of the merged grid over that of independent ones: 1 + 2 (sum of lags 1 to 3)."""
CONTINUED = 0.15
"""Of the logarithm of wavelength: over as much a hot star's continuum is a power law to 1 %, beyond the last clear part of an arm as well
(water takes the visual arm from 784 nm to its end)."""
CLEAR_TRANSMISSION = 0.98
"""Of the model atmosphere: where it lets through as much, its loss is taken from the model, which weather changes by less than 1 %.  Beyond
1.29 micron every wavelength lies in a band, and without these there would be no continuum."""
CELL_NM, LEAST_CLEAR = 10.0, 0.4
"""Width of the cells whose medians make the continuum, and the share of a cell that must be clear: with less, what is clear lies in the wings
of deep lines (a third left 1.4 % of error, 0.4 leaves 0.9 %; hot star of 15000 K under 2.5 mm of water)."""
SUFFIXES = ("_FLUXCAL", "_TELLURIC")


def take_out_telluric(spectrum: Path, standards: Sequence[Path], output: Path | None = None) -> Finished:
    """Correct a FLUXCAL spectrum for telluric absorption and write ``..._TELLURIC.fits`` beside it (or into `output`).

    Parameters
    ----------
    spectrum : Path
        Of the target.
    standards : sequence of Path
        FLUXCAL spectra of standard stars of the same arm; library stars, or hot stars whose continuum is smooth.
    output : Path, optional
        Another folder.

    Raises
    ------
    InputError
        If a file is not a calibrated spectrum, has been corrected before, has no air mass, no standard is of the same arm, or one is the
        target itself.
    AlgorithmError
        If no standard has light in a telluric band.
    ProductError
        If the file could not be written.
    """
    target, *files = (_with_its_air(path) for path in (spectrum, *standards))
    if target.airmass is None:
        raise InputError(f"{spectrum}: its header has no AIRMASS; the amounts of air cannot be told")
    same = [file for file in files if file.arm == target.arm]
    if not same:
        found = ", ".join(sorted({file.arm or "unknown" for file in files})) or "none"
        raise InputError(f"{spectrum}: no standard star of its arm {target.arm} is given (arms of the standards: {found})")
    stars = [find_standard(file.target, file.ra_deg, file.dec_deg)[0] for file in same]
    _require_another_star(target, same, stars)
    references = [_reference(file, star) for file, star in zip(same, stars, strict=True)]
    correction = correct_telluric(
        target.spectrum,
        references,
        airmass=target.airmass,
        water_mm=target.water_mm,
        shared_noise=_shared_noise(target),
        lines=read_air_lines(),
    )
    path = write_fits(corrected_path(spectrum, output), telluric_hdus(target, correction, [str(file.path) for file in same]))
    warnings = (*_telluric_warnings(target, correction), *_slit_warnings(target, same))
    return Finished(path=path, note=_amounts_note(correction) + _stars_note(same, stars), warnings=warnings, correction=correction)


def _with_its_air(path: Path) -> SpectrumFile:
    """A spectrum that still has its telluric absorption."""
    file = read_fluxed(path)
    if file.corrected:
        raise InputError(f"{path}: its telluric absorption has been taken out before; give the plain spectrum (..._FLUXCAL.fits)")
    return file


def join_files(blue: Path, red: Path, output: Path | None = None, *, apply_scale: bool = True) -> Finished:
    """Join two arms and write ``..._JOINED.fits`` beside the bluer one (or into `output`).

    Raises
    ------
    InputError
        If a file is not a calibrated spectrum, both are of one arm, or they show two targets.
    AlgorithmError
        If the arms do not follow each other.
    ProductError
        If the file could not be written.
    """
    files = sorted((read_fluxed(path) for path in (blue, red)), key=lambda file: float(file.spectrum.wavelength_nm[0]))
    first, second = files
    if first.arm == second.arm:
        raise InputError(f"{first.path} and {second.path} are both of the arm {first.arm}; one of each arm is needed")
    warnings = list(require_one_target(first, second))
    powers = (_resolving_power(first), _resolving_power(second))
    joined = join_arms(first.spectrum, second.spectrum, resolving_power=powers, apply_scale=apply_scale)
    path = joined_path(first.path, output)
    _draw(path.with_suffix(".pdf"), first, joined)
    # last: a night that was interrupted takes the spectrum for the sign that all is there
    write_fits(path, joined_hdus(first, second, joined, shared_noise=(_shared_noise(first), _shared_noise(second))))
    note, more = _join_note(first, second, joined)
    return Finished(path=path, note=note, warnings=(*warnings, *more), joined=joined)


def _draw(path: Path, first: SpectrumFile, joined: JoinedSpectrum) -> None:
    """The figure of both arms."""
    from soxspipe.plots.joined import plot_joined
    from soxspipe.plots.pdf import figure_as_pdf

    scaled = f"bluer arm times {joined.scale:.3f}" if joined.applied else "not scaled"
    title = first.target or "Both arms"
    figure = plot_joined(
        joined, read_telluric_bands(), title=title, subtitle=f"arms meet at {joined.join_nm:.1f} nm, {scaled}; grey: telluric bands"
    )
    write_whole(path, [figure_as_pdf(figure, title=title)])


def _reference(file: SpectrumFile, star: StandardStar | None) -> TelluricReference:
    if file.airmass is None:
        raise InputError(f"{file.path}: its header has no AIRMASS; the amounts of air above the standard cannot be told")
    wave = file.spectrum.wavelength_nm
    expected = (
        _smooth_continuum(file)
        if star is None
        else np.interp(wave, star.wavelength_nm, np.asarray(star.flux, dtype=np.float64), left=np.nan, right=np.nan)
    )
    return reference_from_standard(
        file.spectrum, expected, star=file.target or file.path.name, airmass=file.airmass, water_mm=file.water_mm
    )


def _smooth_continuum(file: SpectrumFile) -> FloatArray:
    """Continuum of a hot star that no library knows: medians of clear cells, joined by power laws and continued by them."""
    points = _clear_points(file)
    if len(points) < 3 or min(level for _, level in points) <= 0:
        raise InputError(f"{file.path}: too little of the star's continuum lies between the telluric bands")
    x, y = (np.log(np.array(column)) for column in zip(*points, strict=True))
    place = np.log(file.spectrum.wavelength_nm)
    level = np.interp(place, x, y)
    for end, beyond in ((x[0], place < x[0]), (x[-1], place > x[-1])):
        near = np.abs(x - end) < CONTINUED
        if near.sum() >= 3:
            line = np.polynomial.Polynomial.fit(x[near], y[near], 1)
            level[beyond] = line(place[beyond]) + (np.interp(end, x, y) - line(end))
        level[beyond & (np.abs(place - end) > CONTINUED)] = np.nan
    return np.exp(level)


def _clear_points(file: SpectrumFile) -> list[tuple[float, float]]:
    """Wavelength and flux above the air in the middle of each cell that is clear: between the bands, or where they take next to nothing."""
    wave = file.spectrum.wavelength_nm
    model = np.interp(wave, *read_telluric_transmission(), left=0.0, right=0.0)
    through = np.where(band_index(wave) < 0, 1.0, model)
    clear = (through > CLEAR_TRANSMISSION) & (file.spectrum.error > 0)
    cell = np.floor(wave / CELL_NM).astype(np.int64)
    above = file.spectrum.flux / np.maximum(through, CLEAR_TRANSMISSION)
    used = [clear & (cell == n) for n in np.unique(cell[clear])]
    return [
        (float(np.median(wave[inside])), float(np.median(above[inside])))
        for inside in used
        if inside.sum() >= max(20, LEAST_CLEAR * CELL_NM / float(np.median(np.diff(wave))))
    ]


def require_one_target(first: SpectrumFile, second: SpectrumFile) -> list[str]:
    """Refuse two targets; a warning where the headers cannot tell."""
    here, there = first.pointing_deg, second.pointing_deg
    if here is None or there is None:
        if first.target != second.target:
            raise InputError(f"{first.path.name} shows {first.target!r}, {second.path.name} {second.target!r}: two targets are not joined")
        return ["no position in the headers; that both arms show one target is taken from its name"]
    apart = separation_arcsec(here, there)
    if apart > SAME_TARGET_ARCSEC:
        raise InputError(
            f"{first.path.name} ({first.target}) and {second.path.name} ({second.target}) point {_in_words(apart)} apart: "
            "two targets are not joined"
        )
    return []


def _in_words(apart_arcsec: float) -> str:
    return f"{apart_arcsec:.0f} arcsec" if apart_arcsec < 3600.0 else f"{apart_arcsec / 3600.0:.1f} degrees"


def _resolving_power(file: SpectrumFile) -> float:
    """Of the slit; 0 if unknown."""
    value = file.card("SPEC_RES")
    if isinstance(value, int | float) and value > 0:
        return float(value)
    try:
        return float(arm(str(file.card("INSTRUME") or "SOXS"), file.arm).resolving_power_1arcsec or 0.0)
    except KeyError:
        return 0.0


def corrected_path(spectrum: Path, output: Path | None = None) -> Path:
    """Where the spectrum without telluric absorption is written."""
    return _beside(spectrum, output, "_TELLURIC.fits")


def joined_path(blue: Path, output: Path | None = None) -> Path:
    """Where both arms in one are written."""
    return _beside(blue, output, "_JOINED.fits")


def _beside(path: Path, output: Path | None, suffix: str) -> Path:
    name = path.name.split(".fits")[0]
    folder = path.parent if output is None else output
    stem = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
    return folder / f"{stem}{suffix}"


def _amounts_note(correction: TelluricCorrection) -> str:
    parts = [
        f"{species} {amount.ratio:.2f} +- {amount.error:.2f}{'' if amount.measured else ' (predicted)'}"
        for species, amount in sorted(correction.amounts.items())
    ]
    if not parts:
        return "no band in the spectrum"
    share = 100 * float(correction.saturated.mean())
    dark = f"; {share:.1f} % of the samples are too dark to correct, or not seen in the standard: flagged and 0" if share > 0 else ""
    return f"amounts over the standard's: {', '.join(parts)}{dark}"


def _telluric_warnings(target: SpectrumFile, correction: TelluricCorrection) -> tuple[str, ...]:
    said = []
    predicted = sorted(  # well-mixed gases follow the air mass to 3 %, which is not a worry
        species for species, amount in correction.amounts.items() if not amount.measured and species not in WELL_MIXED
    )
    if predicted:
        said.append(
            f"{target.target or 'the target'} has too little light to tell the amount of {', '.join(predicted)}: taken from air masses and, where the headers have it, water"
        )
    return tuple(said)


def _require_another_star(target: SpectrumFile, standards: Sequence[SpectrumFile], stars: Sequence[StandardStar | None]) -> None:
    """Refuse the target as its own standard: its features would be taken for the air's; a library star has a spectrum to compare with."""
    for file, star in zip(standards, stars, strict=True):
        same_moment = file.mjd is not None and (file.mjd, file.pointing_deg) == (target.mjd, target.pointing_deg)
        if (same_moment or file.path.resolve() == target.path.resolve()) and star is None:
            raise InputError(f"{file.path}: is the target itself ({target.target}), not a standard star; give a spectrum of a standard")


def _stars_note(standards: Sequence[SpectrumFile], stars: Sequence[StandardStar | None]) -> str:
    """Which standards no library knows, and what they are taken for."""
    unknown = [file.target or file.path.name for file, star in zip(standards, stars, strict=True) if star is None]
    return f"; no library has {', '.join(unknown)}: taken for hot stars without features of their own" if unknown else ""


def _slit_warnings(target: SpectrumFile, standards: Sequence[SpectrumFile]) -> list[str]:
    """A standard through another slit has lines of another width, which a blur alone does not bring to the target's."""
    own = slit_of(target)
    return [
        f"{file.path.name} was taken through {slit_of(file)}, the target through {own}: lines differ in width, the deep bands are worse"
        for file in standards
        if own and slit_of(file) not in ("", own)
    ]


def _shared_noise(file: SpectrumFile) -> float:
    return SHARED_NOISE.get(file.arm, max(SHARED_NOISE.values()))


def slit_of(file: SpectrumFile) -> str:
    """Name of the slit; empty if the header does not say."""
    try:
        facts = find_instrument(str(file.card("INSTRUME") or "SOXS")).arms[file.arm]
    except KeyError:
        return ""
    return str(file.card(facts.slit_keyword) or "").strip()


def _join_note(first: SpectrumFile, second: SpectrumFile, joined: JoinedSpectrum) -> tuple[str, tuple[str, ...]]:
    if not np.isfinite(joined.scale):
        return f"joined at {joined.join_nm:.1f} nm", (
            f"{why_no_scale(first.spectrum, second.spectrum)}; their ratio is not known and nothing is scaled",
        )
    ratio = f"{second.arm} / {first.arm} = {joined.scale:.3f} +- {joined.scale_error:.3f}"
    if joined.applied:
        return f"joined at {joined.join_nm:.1f} nm, {first.arm} multiplied by {joined.scale:.3f} +- {joined.scale_error:.3f}", ()
    if not 1 / LARGEST_SCALE <= joined.scale <= LARGEST_SCALE:
        return f"joined at {joined.join_nm:.1f} nm", (
            f"{ratio}: more than 10 % apart, not scaled; look at slit losses, standards and transparency of both arms",
        )
    why = f"not significant ({SIGNIFICANT:g} sigma)" if abs(joined.scale - 1) <= SIGNIFICANT * joined.scale_error else "not asked for"
    return f"joined at {joined.join_nm:.1f} nm; {ratio}, {why}, not scaled", ()
