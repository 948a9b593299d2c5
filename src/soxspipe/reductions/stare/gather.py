"""Files → everything the stare recipe's algorithm needs, as values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import Masters, StandardStar
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.provenance import Card
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.datamodel.remark import Remark
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.instruments.registry import detector
from soxspipe.io.calibration_tables import read_response
from soxspipe.io.classify import ClassifiedFile, Kind
from soxspipe.io.frames import as_dark, lacks_unit, read_bad_pixel_map, read_dark_law, read_master, read_raw
from soxspipe.io.geometry import GeometryFiles, read_geometry
from soxspipe.io.header_checks import unusable_cards
from soxspipe.io.headers import gain_conflict, gain_of, header_cards, number_of, read_arc, read_observation, slit_width_of, text_of
from soxspipe.io.sof import InputFrames
from soxspipe.io.spectrum_1d import missing_keywords
from soxspipe.io.static import find_standard, read_bad_pixels, read_extinction, read_sky_lines, read_telluric_bands
from soxspipe.numerics.threads import Workers
from soxspipe.reductions.find_files import base_name, find_files, night_of, start_checksums
from soxspipe.reductions.gathered import Gathered
from soxspipe.reductions.names import first_and_more
from soxspipe.reductions.select import Selected
from soxspipe.reductions.stare.context import StareGathered
from soxspipe.reductions.stare.dead_amplifiers import mark_dead_lines
from soxspipe.reductions.stare.flat_scale import scale_flat
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.one_target import other_names, require_one_target
from soxspipe.reductions.stare.photon_noise import hold_against_photons
from soxspipe.reductions.stare.response_warnings import response_warnings
from soxspipe.reductions.stare.sanity_checks import sanity_checks
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.load import SettingsSource, load_settings
from soxspipe.settings.stare import StareSettings

SAME_EXPOSURE_S = 0.5
"""As the reference pipeline compares exposure times."""
SECONDS_PER_DAY = 86400.0
NAMES = {Kind.FLUX_STANDARD: "STARE_STD_FLUX", Kind.TELLURIC_STANDARD: "STARE_STD_TELL"}
"""What the organiser calls sets of standards in file names."""


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> StareGathered:
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
    found = find_files(inputs)
    files = found.select(STARE.inputs, STARE.verb)
    first = files.exposures[0]
    is_standard, warnings = _is_standard(first, verb)
    recipe = STARE.recipe_names[is_standard]
    loaded = load_settings(settings_source, instrument=first.instrument.name, recipe=recipe, arm=first.arm)
    used = files if loaded.settings.use_flat else files.without("flat")
    pool = Workers(max_workers=max(1, workers), thread_name_prefix="gather")
    try:
        values, remarks = _read(used, is_standard, loaded.settings, pool)
        checksums = start_checksums(used.calibrations, pool)
        flat = used.one("flat")
        flat_md5 = checksums[str(flat.path)].result() if flat is not None else ""
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=False)
    values = mark_dead_lines(replace(values, masters=replace(values.masters, flat_md5=flat_md5)))
    sof_name = base_name(found, first, values.observation, NAMES.get(first.kind, "STARE_OBJ"))
    said = (*warnings, *files.warnings, *_nodding(first), *loaded.warnings, *remarks, *_response_warnings(values), *sanity_checks(values))
    header = header_cards(first.header)
    return Gathered(
        inputs=values,
        settings=loaded.settings,
        recipe=recipe,
        warnings=(*said, *_archive_remarks(first, header)),
        notes=(*(f"setting {name!r} has no use here" for name in loaded.unused), *found.unused_notes(STARE.inputs)),
        sof_name=sof_name,
        night=night_of(sof_name, values.observation),
        header=header,
        files=used,
        checksums=checksums,
        command=command,
    )


def describe(inputs: StareInputs) -> str:
    """What was gathered, in one line."""
    observation = inputs.observation
    return f"{observation.target or 'unnamed target'}, {observation.arm}, {len(inputs.raw)} x {observation.exptime_s:g} s"


def _nodding(first: ClassifiedFile) -> tuple[str, ...]:
    if first.kind is not Kind.NODDING_STANDARD:
        return ()
    return (f"{first.path.name}: taken in nodding mode; reduced as a stare exposure, because the set has no other",)


def _archive_remarks(first: ClassifiedFile, header: Sequence[Card]) -> tuple[str, ...]:
    """Cards that ESO's standard for science data products asks for and that the raw header does not give."""
    missing = missing_keywords(header)
    if not missing:
        return ()
    return (Remark(f"{first.path.name}: the header has no {', '.join(missing)}; ESO's archive asks for them in a science data product"),)


def _is_standard(first: ClassifiedFile, verb: str | None) -> tuple[bool, list[str]]:
    """Whether the exposure is treated as a flux standard: its kind says so, unless the verb says otherwise."""
    by_header = first.kind is Kind.FLUX_STANDARD
    wanted = by_header if verb is None else verb == "stare_std"
    if wanted == by_header:
        return by_header, []
    kind = text_of(first.header, first.instrument.keywords.dpr_type)
    treated = "a flux standard" if wanted else "a science target"
    return wanted, [f"{first.path.name}: DPR TYPE is {kind!r}, but it is treated as {treated} because the command {verb} says so"]


def _read(files: Selected, is_standard: bool, settings: StareSettings, pool: ThreadPoolExecutor) -> tuple[StareInputs, list[str]]:
    """Read every file, several at a time."""
    first = files.exposures[0]
    observations = [read_observation(file.header, file.instrument, file.facts, str(file.path)) for file in files.exposures]
    targets = _one_target(files.exposures, observations)
    used = detector_used(files, observations, settings)
    geometry_files = GeometryFiles(
        order_table=files.required("order_table"),
        dispersion_table=files.required("dispersion_table"),
        dispersion_image=files.one("dispersion_image"),
    )
    geometry_read = pool.submit(read_geometry, geometry_files, used)
    masters_read = [pool.submit(_master, files.one(name), used) for name in ("bias", "dark", "flat")]
    raw_read: list[Future[RawFrame]] = [pool.submit(read_raw, file, used, stored=True) for file in files.exposures]
    response_file, off_frame = files.one("response"), files.one("off_frame")
    response = read_response(response_file) if response_file is not None else None
    star, star_warnings = _standard(observations[0], text_of(first.header, first.instrument.keywords.block), wanted=is_standard)
    defects = _bad_pixels(first, used, files.one("bad_pixels"))
    geometry, geometry_warnings = geometry_read.result()
    shown = hold_against_photons([future.result() for future in raw_read], used, first.facts.arm)
    if shown.detector.gain_e_per_adu != used.gain_e_per_adu:  # a master in ADU is read with the gain
        masters_read = [pool.submit(_master, files.one(name), shown.detector) for name in ("bias", "dark", "flat")]
    masters, flat_warnings = _masters(files, shown.detector, [future.result() for future in masters_read], geometry)
    observations = [frame.observation for frame in shown.raw]
    values = StareInputs(
        raw=shown.raw,
        observation=_of_the_set(observations),
        detector=shown.detector,
        arm=first.facts.arm.numbered_as(settings.compat),
        bad_pixels=defects.bad,
        partly_lit=defects.partly_lit,
        masters=masters,
        geometry=geometry,
        is_standard=is_standard,
        standard=star,
        response=response,
        extinction=read_extinction(first.facts.arm.extinction_site),
        telluric_bands=read_telluric_bands(),
        sky_lines=read_sky_lines(first.instrument.name, first.arm),
        arc=read_arc(geometry_files.dispersion_table.header, first.instrument.keywords),
        object_slit_arcsec=settings.object_slit_arcsec,
        with_off_frame=off_frame is not None,
        is_difference=shown.is_difference,
    )
    header_warnings = _header_warnings(files, observations, values, settings)
    return values, [*targets, *shown.warnings, *header_warnings, *geometry_warnings, *flat_warnings, *star_warnings, *defects.warnings]


def _masters(files: Selected, used: Detector, read: Sequence[AnyFrame | None], geometry: Geometry) -> tuple[Masters, tuple[str, ...]]:
    """Bias, dark and flat as they were read, an off-frame in place of the dark, and the flat on the scale of its orders."""
    bias, dark, flat = read
    off_frame, dark_file = files.one("off_frame"), files.one("dark")
    off_words: tuple[str, ...] = ()
    flat, flat_warnings = scale_flat(flat, geometry.dispersion_map.order)
    if off_frame is not None:
        beside = hold_against_photons([read_raw(off_frame, used)], used, off_frame.facts.arm)
        dark, off_words = as_dark(beside.raw[0], used, bias), beside.warnings
    masters = Masters(
        bias=bias,
        dark=dark,
        flat=flat,
        dark_law=None if dark_file is None else read_dark_law(dark_file, used.shape, used.gain_e_per_adu),
        dark_scales_with_time=used.dark_scales_with_time,
    )
    return masters, (*flat_warnings, *off_words)


def _master(file: ClassifiedFile | None, used: Detector) -> AnyFrame | None:
    """A master; one without errors gets those of its read noise and number of frames, where its header has them."""
    if file is None:
        return None
    master = read_master(file, used.shape, used.gain_e_per_adu)
    keys = file.instrument.keywords
    noise, frames = number_of(file.header, keys.master_read_noise), number_of(file.header, keys.frames_combined)
    if file.kind is Kind.FLAT or noise is None or not frames or master.variance.any():
        return master
    variance = np.broadcast_to(np.float32(noise**2 / max(frames, 1.0)), used.shape)
    return Frame(electrons=master.electrons, variance=variance, flags=master.flags, exptime_s=master.exptime_s)


def _standard(observation: Observation, block: str, *, wanted: bool) -> tuple[StandardStar | None, list[str]]:
    """The star by name or place; where neither tells, by the name of its observing block."""
    if not wanted:
        return None, []
    star, message = find_standard(observation.target, observation.ra_deg, observation.dec_deg)
    by_block = find_standard(block, None, None)[0] if star is None else None
    if by_block is not None:
        return by_block, [
            f"standard star {observation.target!r} is not in the library; {by_block.name}, of the observing block {block!r}, is used"
        ]
    return star, [message] if message else []


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _BadPixels:
    """Bad pixels, those at edges that are only partly lit (None if no map tells them), and what the user should know."""

    bad: BoolImage
    partly_lit: BoolImage | None = None
    warnings: tuple[str, ...] = ()


def _bad_pixels(first: ClassifiedFile, used: Detector, measured: ClassifiedFile | None) -> _BadPixels:
    """The map that comes with the instrument, and one that was measured on darks and flats."""
    shipped = read_bad_pixels(first.instrument.name, first.arm, used.binning)
    fits = shipped is not None and shipped.shape == used.shape
    bad = shipped if fits and shipped is not None else np.zeros(used.shape, dtype=bool)
    if measured is not None:
        reasons = read_bad_pixel_map(measured, used.shape)
        return _BadPixels(bad=bad | (reasons > 0), partly_lit=reasons == int(BadPixel.PARTLY_LIT))
    label = f"{used.binning[0]}x{used.binning[1]}"
    missing = f"no bad-pixel map is shipped for {first.instrument.name} {first.arm} at binning {label}; none is used"
    return _BadPixels(bad=bad, warnings=() if fits else (missing,))


def _of_the_set(observations: Sequence[Observation]) -> Observation:
    """The first exposure's observation with the mean exposure time, air mass and seeing of all, from the first start to the last end."""
    return replace(
        observations[0],
        sequence_s=_elapsed(observations),
        exptime_s=float(np.mean([observation.exptime_s for observation in observations])),
        airmass=_mean_known([observation.airmass for observation in observations]),
        seeing_arcsec=_mean_known([observation.seeing_arcsec for observation in observations]),
    )


def _elapsed(observations: Sequence[Observation]) -> float:
    """Seconds from the first start to the last end; the sum of the exposures where a time is unknown."""
    exposed = sum(observation.duration_s for observation in observations)
    starts = [observation.mjd for observation in observations]
    if not all(math.isfinite(start) for start in starts):
        return exposed
    end = max(observation.mjd + observation.duration_s / SECONDS_PER_DAY for observation in observations)
    return max((end - min(starts)) * SECONDS_PER_DAY, max(observation.duration_s for observation in observations))


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _one_target(exposures: Sequence[ClassifiedFile], observations: Sequence[Observation]) -> tuple[str, ...]:
    """What makes it doubtful that the exposures are of one target; an `InputError` if they are not."""
    names, keyword = [file.path.name for file in exposures], exposures[0].instrument.keywords.target
    return (*require_one_target(names, observations), *other_names(names, [text_of(file.header, keyword) for file in exposures], keyword))


def _header_warnings(files: Selected, observations: Sequence[Observation], values: StareInputs, settings: StareSettings) -> list[str]:
    first, masters = files.exposures[0], values.masters
    found = [gain_conflict(file.header, first.instrument.keywords, file.path.name) for file in files.exposures[:1]]
    found += _unusable_cards(files.exposures, values.detector)
    dark = masters.dark
    times = [observation.exptime_s for observation in observations]
    if max(times) - min(times) > SAME_EXPOSURE_S:
        found.append(f"exposure times differ, {min(times):g} to {max(times):g} s")
    if dark is not None and (others := [time for time in times if abs(time - dark.exptime_s) > SAME_EXPOSURE_S]):
        found.append(f"the dark was exposed for {dark.exptime_s:g} s, the frame for {others[0]:g} s; {_dark_use(masters)}")
    off_frame = files.one("off_frame")
    if off_frame is not None:
        found.append(Remark(f"{off_frame.path.name}: an off-frame takes the place of the master dark"))
    if settings.use_flat and files.one("flat") is None:
        found.append("no master flat is given; the frame is not divided by one")
    found += _calibration_warnings(files)
    return [sentence for sentence in found if sentence]


def _calibration_warnings(files: Selected) -> Iterator[str]:
    """What headers of calibrations lack, or hold that cannot be used."""
    for master in (files.one("bias"), files.one("dark")):
        if master is not None and lacks_unit(master):
            yield f"{master.path.name}: BUNIT is missing; its values are taken for electrons"
    response = files.one("response")
    if response is not None:
        keyword = response.facts.slit_keyword
        slit = text_of(response.header, keyword)
        if slit and slit_width_of(slit) is None:
            yield (
                f"{response.path.name}: {keyword} is {slit!r}, which is not a slit; "
                "how much light the standard's slit took is not known, so fluxes hold for a slit like it"
            )


def _dark_use(masters: Masters) -> str:
    if masters.dark_law is not None:
        return "its level and rate serve any time"
    return "it is scaled" if masters.dark_scales_with_time else "it is subtracted as it is, since its level does not grow with time"


def _unusable_cards(exposures: Sequence[ClassifiedFile], used: Detector) -> list[str]:
    """What the exposures' headers hold that cannot be used; what several say alike is said once."""
    names: dict[str, list[str]] = {}
    for file in exposures:
        name = file.path.name
        for sentence in unusable_cards(file.header, file.instrument, file.facts, name, used):
            names.setdefault(sentence.removeprefix(f"{name}: "), []).append(name)
    return [f"{first_and_more(found)}: {sentence}" for sentence, found in names.items()]


def detector_used(files: Selected, observations: Sequence[Observation], settings: StareSettings) -> Detector:
    """The detector as it was used: gain of the headers; read noise that the master was measured to have, else of the headers; each said.

    The master is the bias, or the dark of an arm that has no bias.  Exposures share gain and read noise (`select_inputs`), so that one
    which does not say takes them from another; where none of them says it, the gain is that of the masters, which share it as well.
    """
    first = files.exposures[0]
    keys = first.instrument.keywords
    gain, gain_source = _first_known([one.gain_e_per_adu for one in observations], files.exposures, (*keys.conad, *keys.gain))
    if gain is None:
        gain, gain_source = _gain_of_masters(files)
    master = files.one("bias" if first.facts.needs == "bias" else "dark")
    measured = None if master is None else number_of(master.header, keys.master_read_noise)
    noise, source = _first_known([one.read_noise_e for one in observations], files.exposures, keys.read_noise)
    if measured is not None and measured > 0 and master is not None:
        noise, source = measured, f"{keys.master_read_noise} in {master.path.name}"
    used = detector(first.instrument.name, first.arm, binning=observations[0].binning, gain_e_per_adu=gain, read_noise_e=noise)
    return replace(
        used,
        saturation_adu=settings.saturation_adu or used.saturation_adu,
        dark_scales_with_time=used.dark_scales_with_time or settings.scale_dark,
        gain_source=used.gain_source if gain is None else gain_source,
        read_noise_source=source if noise is not None else used.read_noise_source,
    )


def _gain_of_masters(files: Selected) -> tuple[float | None, str]:
    """Gain in the header of bias, dark or flat, and where it stands."""
    for master in (file for name in ("bias", "dark", "flat") for file in files.all(name)):
        gain = gain_of(master.header, master.instrument.keywords)
        if gain is not None:
            return gain, f"the header of {master.path.name}"
    return None, ""


def _first_known(values: Sequence[float | None], exposures: Sequence[ClassifiedFile], keys: Sequence[str]) -> tuple[float | None, str]:
    """The first value that is known, and the card behind it; None and no card where no exposure has one."""
    for value, file in zip(values, exposures, strict=True):
        if value is not None:
            return value, next((key for key in keys if number_of(file.header, key)), "")
    return None, ""


def _response_warnings(values: StareInputs) -> list[str]:
    """What does not fit between the response given and this reduction."""
    flat = values.masters.flat
    return response_warnings(values.response, values.masters.flat_md5, values.observation, values.arm, flattened=flat is not None)
