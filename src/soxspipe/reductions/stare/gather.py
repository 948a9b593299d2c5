"""Files → everything the stare recipe's algorithm needs, as values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import numpy as np

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import Masters, StandardStar
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.provenance import Card, InputFile, Provenance
from soxspipe.datamodel.spectrum import ResponseCurve
from soxspipe.instruments.registry import detector
from soxspipe.io.classify import ClassifiedFile, InputSet, Kind, classify, select_inputs
from soxspipe.io.files import md5_of
from soxspipe.io.fits_reader import read_header
from soxspipe.io.frames import read_master, read_off_frame, read_raw
from soxspipe.io.geometry import read_geometry
from soxspipe.io.headers import gain_conflict, header_cards, read_observation, text_of
from soxspipe.io.names import safe_name
from soxspipe.io.sof import InputFrames, resolve_inputs
from soxspipe.io.static import find_standard, read_bad_pixels, read_extinction, read_sky_lines, read_telluric_bands
from soxspipe.io.tables import read_response
from soxspipe.reductions.stare.doubts import doubts
from soxspipe.reductions.stare.values import StareInputs
from soxspipe.settings.dump import parameters
from soxspipe.settings.load import SettingsSource, load_settings
from soxspipe.settings.stare import StareSettings

Verb: TypeAlias = Literal["stare", "stare_std"]

NIGHT_STARTS_H = 15
SAME_EXPOSURE_S = 0.5
_TIMESTAMP = re.compile(r"(\d{8}T\d{6})")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """What `gather` found.

    Attributes
    ----------
    inputs : StareInputs
        For the algorithm.
    settings : StareSettings
        Defaults with the user's choices over them.
    recipe : str
        ``soxs-stare`` or ``soxs-stare-std``.
    warnings : tuple of str
        For the user, one sentence each.
    notes : tuple of str
        For the log at debug level.
    """

    inputs: StareInputs
    settings: StareSettings
    recipe: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    _sof_name: str
    _night: str
    _header: tuple[Card, ...]
    _files: InputSet
    _md5: Mapping[str, Future[str]]
    _command: str

    @property
    def header(self) -> tuple[Card, ...]:
        """Primary header of the first exposure."""
        return self._header

    def names(self) -> Provenance:
        """Recipe, base name and night alone, without waiting for checksums."""
        return Provenance(recipe=self.recipe, sof_name=self._sof_name, night=self._night, command=self._command)

    def provenance(self) -> Provenance:
        """Where data and choices came from; waits for the checksums, which are computed while the data are reduced."""
        return Provenance(
            recipe=self.recipe,
            sof_name=self._sof_name,
            night=self._night,
            header=self._header,
            raw=tuple(InputFile(path=str(file.path), category=file.tag) for file in self._files.exposures),
            calibrations=tuple(
                InputFile(path=str(file.path), category=file.tag, md5=self._md5[str(file.path)].result())
                for file in self._files.calibrations
            ),
            parameters=parameters(self.settings),
            command=self._command,
        )


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: Verb | None = None, command: str = "", workers: int = 2
) -> Gathered:
    """Find, check and read everything that one reduction needs.

    Parameters
    ----------
    inputs : str, path, or iterable of them
        Set-of-files, folder or list of FITS files.
    settings_source : mapping, path, StareSettings, False or None
        The user's settings.
    verb : {'stare', 'stare_std'}, optional
        Forces treatment as a science target or as a flux standard; otherwise DPR TYPE decides.
    command : str
        Kept for the products' headers.
    workers : int
        Threads that read files and compute checksums.

    Returns
    -------
    Gathered

    Raises
    ------
    InputError
        If the files do not suit the recipe; `MissingInputError` where something is not there.
    SettingsError
        If a setting is wrong.
    """
    resolved = resolve_inputs(inputs)
    classified = [classify(path, read_header(path)) for path in resolved.paths]
    unrecognised = [path for path, file in zip(resolved.paths, classified, strict=True) if file is None]
    files = _in_time_order(select_inputs([file for file in classified if file is not None], unrecognised))
    first = files.exposures[0]
    is_standard, warnings = _is_standard(first, verb)
    recipe = "soxs-stare-std" if is_standard else "soxs-stare"
    loaded = load_settings(settings_source, instrument=first.instrument.name, recipe=recipe, arm=first.arm)
    used = files if loaded.settings.use_flat else replace(files, flat=None)
    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="gather")
    try:
        values, found = _read(used, is_standard, loaded.settings, pool)
        checksums = {str(file.path): pool.submit(md5_of, file.path) for file in used.calibrations}
        flat_md5 = checksums[str(used.flat.path)].result() if used.flat is not None else ""
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=False)
    values = replace(values, masters=replace(values.masters, flat_md5=flat_md5))
    sof_name = safe_name(resolved.sof_name or _name_from_header(first, values.observation))
    return Gathered(
        inputs=values,
        settings=loaded.settings,
        recipe=recipe,
        warnings=(*warnings, *files.warnings, *loaded.warnings, *found, *_response_warnings(values), *doubts(values)),
        notes=(
            *(f"setting {name!r} has no use here" for name in loaded.unused),
            *(f"{path.name}: not used, INSTRUME or arm not known" for path in unrecognised),
            *(f"{file.path.name}: not used, {file.tag!r}" for file in classified if file is not None and file.kind is Kind.OTHER),
        ),
        _sof_name=sof_name,
        _night=night_of(sof_name, values.observation),
        _header=header_cards(first.header),
        _files=used,
        _md5=checksums,
        _command=command,
    )


def night_of(sof_name: str, observation: Observation) -> str:
    """``YYYY-MM-DD`` of the night's start: the time in the SOF's name, else of the observation, less 15 h; ``undated`` without either."""
    moment = None
    stamp = _TIMESTAMP.match(sof_name)
    for text, form in ((stamp.group(1) if stamp else "", "%Y%m%dT%H%M%S"), (observation.date_obs[:19], "%Y-%m-%dT%H:%M:%S")):
        if moment is None and text:
            try:
                moment = datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                moment = None
    if moment is None and math.isfinite(observation.mjd) and 0 < observation.mjd < 200_000:
        moment = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=observation.mjd)
    try:
        return "undated" if moment is None else (moment - timedelta(hours=NIGHT_STARTS_H)).strftime("%Y-%m-%d")
    except OverflowError:
        return "undated"


def _in_time_order(files: InputSet) -> InputSet:
    def when(file: ClassifiedFile) -> tuple[float, str]:
        mjd = read_observation(file.header, file.instrument, file.facts, str(file.path)).mjd
        return (mjd if math.isfinite(mjd) else math.inf, str(file.path))

    return replace(files, exposures=tuple(sorted(files.exposures, key=when)))


def _is_standard(first: ClassifiedFile, verb: Verb | None) -> tuple[bool, list[str]]:
    """Whether the exposure is treated as a flux standard: its kind says so, unless the verb says otherwise."""
    by_header = first.kind is Kind.FLUX_STANDARD
    wanted = by_header if verb is None else verb == "stare_std"
    if wanted == by_header:
        return by_header, []
    kind = text_of(first.header, first.instrument.keywords.dpr_type)
    treated = "a flux standard" if wanted else "a science target"
    return wanted, [f"{first.path.name}: DPR TYPE is {kind!r}, but it is treated as {treated} because the command {verb} says so"]


def _read(files: InputSet, is_standard: bool, settings: StareSettings, pool: ThreadPoolExecutor) -> tuple[StareInputs, list[str]]:
    """Read every file, several at a time."""
    first = files.exposures[0]
    observations = [read_observation(file.header, file.instrument, file.facts, str(file.path)) for file in files.exposures]
    used = detector(
        first.instrument.name, first.arm, binning=observations[0].binning,
        gain_e_per_adu=observations[0].gain_e_per_adu, read_noise_e=observations[0].read_noise_e,
    )  # fmt: skip
    geometry_read = pool.submit(read_geometry, files, used)
    masters_read = [pool.submit(_master, file, used.shape) for file in (files.bias, files.dark, files.flat)]
    raw_read: list[Future[RawFrame]] = [pool.submit(read_raw, file, used) for file in files.exposures]
    response = read_response(files.response) if files.response is not None else None
    star, star_warnings = _standard(observations[0], wanted=is_standard and response is None)
    bad_pixels, bad_warnings = _bad_pixels(first, used)
    bias, dark, flat = (future.result() for future in masters_read)
    if files.off_frame is not None:
        dark = read_off_frame(files.off_frame, used, bias)
    geometry, geometry_warnings = geometry_read.result()
    values = StareInputs(
        raw=tuple(future.result() for future in raw_read),
        observation=_of_the_set(observations),
        detector=used,
        arm=first.facts.arm,
        bad_pixels=bad_pixels,
        masters=Masters(bias=bias, dark=dark, flat=flat),
        geometry=geometry,
        is_standard=is_standard and response is None,
        standard=star,
        response=response,
        extinction=read_extinction(first.facts.arm.extinction_site),
        telluric_bands=read_telluric_bands(),
        sky_lines=read_sky_lines(first.instrument.name, first.arm),
        object_slit_arcsec=settings.object_slit_arcsec,
    )
    header_warnings = _header_warnings(files, observations, dark, settings)
    return values, [*header_warnings, *geometry_warnings, *star_warnings, *bad_warnings]


def _master(file: ClassifiedFile | None, shape: tuple[int, int]) -> Frame | None:
    return None if file is None else read_master(file, shape)


def _standard(observation: Observation, *, wanted: bool) -> tuple[StandardStar | None, list[str]]:
    if not wanted:
        return None, []
    star, message = find_standard(observation.target, observation.ra_deg, observation.dec_deg)
    return star, [message] if message else []


def _bad_pixels(first: ClassifiedFile, used: Detector) -> tuple[BoolImage, list[str]]:
    shipped = read_bad_pixels(first.instrument.name, first.arm, used.binning)
    if shipped is not None and shipped.shape == used.shape:
        return shipped, []
    label = f"{used.binning[0]}x{used.binning[1]}"
    return np.zeros(used.shape, dtype=bool), [
        f"no bad-pixel map is shipped for {first.instrument.name} {first.arm} at binning {label}; none is used"
    ]


def _of_the_set(observations: Sequence[Observation]) -> Observation:
    """The first exposure's observation with the mean exposure time, air mass and seeing of all."""
    return replace(
        observations[0],
        exptime_s=float(np.mean([observation.exptime_s for observation in observations])),
        airmass=_mean_known([observation.airmass for observation in observations]),
        seeing_arcsec=_mean_known([observation.seeing_arcsec for observation in observations]),
    )


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _header_warnings(files: InputSet, observations: Sequence[Observation], dark: Frame | None, settings: StareSettings) -> list[str]:
    first = files.exposures[0]
    found = [gain_conflict(file.header, first.instrument.keywords, file.path.name) for file in files.exposures[:1]]
    times = [observation.exptime_s for observation in observations]
    if max(times) - min(times) > SAME_EXPOSURE_S:
        found.append(f"exposure times differ, {min(times):g} to {max(times):g} s")
    if dark is not None and any(abs(time - dark.exptime_s) > SAME_EXPOSURE_S for time in times):
        found.append(f"the dark was exposed for {dark.exptime_s:g} s, the frame for {times[0]:g} s; it is scaled")
    if files.off_frame is not None:
        found.append(f"{files.off_frame.path.name}: an off-frame takes the place of the master dark")
    if settings.use_flat and files.flat is None:
        found.append("no master flat is given; the frame is not divided by one")
    if all(observation.airmass is None for observation in observations):
        found.append(f"{first.path.name}: no air mass in the header ({' or '.join(first.instrument.keywords.airmass)})")
    return [sentence for sentence in found if sentence]


def _response_warnings(values: StareInputs) -> list[str]:
    """What does not fit between the response given and this reduction."""
    response: ResponseCurve | None = values.response
    if response is None:
        return []
    found = []
    other_flat = bool(response.flat_md5) and response.flat_md5 != values.masters.flat_md5
    if other_flat and (response.flat_level is None or values.masters.flat is None):
        found.append("the response was made with another master flat than the one used here; the flux scale may be wrong")
    if response.is_sampled and response.binning != values.observation.binning:
        found.append(f"the response was made at binning {response.binning}, the frame is binned {values.observation.binning}")
    return found


def _name_from_header(first: ClassifiedFile, observation: Observation) -> str:
    """Base name of the products when there is no set-of-files, by the organiser's template."""
    stamp = re.sub(r"[^0-9T]", "", observation.date_obs[:19])
    kinds = {Kind.FLUX_STANDARD: "STARE_STD_FLUX", Kind.TELLURIC_STANDARD: "STARE_STD_TELL"}
    parts = [
        stamp,
        first.arm,
        f"{observation.binning[0]}x{observation.binning[1]}" if first.facts.binnable else "",
        text_of(first.header, first.instrument.keywords.readout),
        kinds.get(first.kind, "STARE_OBJ"),
        observation.slit_name,
        f"{float(observation.exptime_s)}S",
        first.instrument.name,
    ]
    name = "_".join(part for part in parts if part).upper().replace(".", "_").replace(" ", "")
    return "_".join(part for part in (name, observation.target.replace(" ", "")) if part)
