"""The instruments the package knows, each described by one YAML file beside this module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from soxspipe.datamodel.detector import Arm, Detector, Flexure, FlexureLaw
from soxspipe.datamodel.site import Site

FILES = ("soxs.yaml", "xshooter.yaml")
"""One entry per instrument; adding an instrument is adding a file and naming it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords:
    """Header keywords by meaning; where several are listed the first that is present counts (of a pair: the mean)."""

    arm: str
    dpr_type: str
    dpr_tech: str
    dpr_catg: str
    pro_type: str
    pro_tech: str
    pro_catg: str
    exptime: str
    mjd: str
    date_obs: str
    binning_x: tuple[str, ...]
    binning_y: tuple[str, ...]
    readout: str
    conad: tuple[str, ...]
    gain: tuple[str, ...]
    read_noise: tuple[str, ...]
    integrations: str
    sequence_exptime: str | None
    master_read_noise: str
    frames_combined: str
    object: str
    target: str
    block: str
    airmass: tuple[str, str]
    altitude: str
    seeing: tuple[str, str]
    ra: str
    dec: str
    common_path_temperature: str | None
    rotator: str | None
    parallactic: str | None
    position_angle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NightKeywords:
    """Header keywords that only the organiser of a night reads; of several the first that is present counts.

    Attributes
    ----------
    observation, template : tuple of str
        Identifier and name of the observation block; identifier, name and start of the template.
    template_exposures, template_number : str
        Number of exposures that the template takes, and which of them this is.
    exptime_elsewhere, sequence_time : str or None
        Exposure time where EXPTIME is missing; wall time of a sequence of integrations.
    rotator, parallactic_angle : str
        Angle of the rotator at the end of the exposure, and the angle that shows whether it was measured.
    software_lamps : tuple of str
        True when the lamp was simulated by the instrument's software.
    archive_name : tuple of str
        Name under which the file was archived.
    nod_offset : str
        Offset along the slit in a nodding sequence.
    lamps : mapping of str to str
        Keyword of each lamp by its element, in the order in which names list them; a lamp is on when its keyword is present.
    """

    observation: tuple[str, str]
    template: tuple[str, str, str]
    template_exposures: str
    template_number: str
    exptime_elsewhere: str | None
    sequence_time: str | None
    rotator: str
    parallactic_angle: str
    software_lamps: tuple[str, ...]
    archive_name: tuple[str, ...]
    nod_offset: str
    lamps: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticNames:
    """Members of the static tables that belong to an arm; `bad_pixels` may hold ``{bx}`` and ``{by}`` for the binning."""

    spectral_format: str
    bad_pixels: str
    sky_lines: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """What the instrument file says of one arm.

    Attributes
    ----------
    arm : Arm
        Facts that travel with the data.
    detector : Detector
        Unbinned, with the gain and read noise that hold when the header has none.
    binnable : bool
        Whether the detector can be read out binned at all.
    gain_in_header : bool
        Whether frames carry gain and read noise; where they do not, those of the detector file hold.
    needs : {'bias', 'dark'}
        Master calibration without which a frame cannot be detrended.
    slit_keyword : str
        Header keyword of the slit's name.
    mixable_slits : tuple of str
        Slits that may stand in one set.
    temperature_keyword : str or None
        Header keyword of the detector's temperature.
    static : StaticNames
        Where its static tables are.
    """

    arm: Arm
    detector: Detector
    binnable: bool
    gain_in_header: bool
    needs: Literal["bias", "dark"]
    slit_keyword: str
    mixable_slits: tuple[str, ...]
    temperature_keyword: str | None
    static: StaticNames


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One instrument: its names, keywords and arms, and the keyword that is there while a lamp is on, by element."""

    name: str
    header_names: tuple[str, ...]
    settings_names: tuple[str, ...]
    keywords: Keywords
    night: NightKeywords
    target_is_object: bool
    arms: Mapping[str, ArmFacts]
    lamps: Mapping[str, str]


@lru_cache(maxsize=1)
def instruments() -> tuple[Instrument, ...]:
    """Every instrument of the registry."""
    return tuple(_build_instrument(_load(file)) for file in FILES)


def find_instrument(name: str) -> Instrument:
    """Return the instrument that goes by `name`.

    Parameters
    ----------
    name : str
        Value of INSTRUME, or of the setting `instrument`; case does not matter.

    Raises
    ------
    KeyError
        If no instrument goes by this name.
    """
    wanted = name.strip().lower()
    for instrument in instruments():
        if wanted in {known.lower() for known in (instrument.name, *instrument.header_names, *instrument.settings_names)}:
            return instrument
    raise KeyError(f"instrument {name!r} is not known; known are {', '.join(known.name for known in instruments())}")


def arm(instrument: str, name: str) -> Arm:
    """Facts about an arm, by instrument and arm name."""
    return find_instrument(instrument).arms[name.upper()].arm


def detector(
    instrument: str,
    arm_name: str,
    *,
    binning: tuple[int, int] = (1, 1),
    gain_e_per_adu: float | None = None,
    read_noise_e: float | None = None,
) -> Detector:
    """Detector of an arm as it was used: binning, gain and read noise of the exposure, defaults where None."""
    template = find_instrument(instrument).arms[arm_name.upper()].detector
    return replace(
        template,
        binning=binning,
        gain_e_per_adu=template.gain_e_per_adu if gain_e_per_adu is None else gain_e_per_adu,
        read_noise_e=template.read_noise_e if read_noise_e is None else read_noise_e,
        usual_gain_e_per_adu=template.gain_e_per_adu,
        usual_read_noise_e=template.read_noise_e,
    )


def _load(file: str) -> dict[str, Any]:
    import yaml

    text = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    facts: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # both are safe
    return facts


def _build_instrument(facts: dict[str, Any]) -> Instrument:
    return Instrument(
        name=facts["instrument"],
        header_names=tuple(facts["header_names"]),
        settings_names=tuple(facts["settings_names"]),
        keywords=Keywords(**_with_tuples(facts["keywords"])),
        night=NightKeywords(**_with_tuples(facts["night"])),
        target_is_object=facts["target_is_object"],
        arms={name: _build_arm(name, entry, facts) for name, entry in facts["arms"].items()},
        lamps=facts.get("lamps", {}),
    )


def _with_tuples(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}


def _build_arm(name: str, entry: dict[str, Any], facts: dict[str, Any]) -> ArmFacts:
    return ArmFacts(
        arm=Arm(
            instrument=facts["instrument"],
            name=name,
            dispersion_axis=entry["dispersion_axis"],
            slit_length_arcsec=entry["slit_length_arcsec"],
            merge_step_nm=entry["merge_step_nm"],
            bands=entry.get("bands", {}),
            disk_order_017=entry.get("disk_order_017", {}),
            collecting_area_cm2=facts["collecting_area_cm2"],
            extinction_site=facts["extinction_site"],
            site=Site(**facts["site"]),
            response_bin_nm=entry["response_bin_nm"],
            joins_nm=entry.get("joins_nm", {}),
            resolving_power_1arcsec=entry.get("resolving_power_1arcsec"),
            refraction_left=entry["refraction_left"],
            centred_nm=entry["centred_nm"],
            range_nm=tuple(entry.get("range_nm", (0.0, math.inf))),
            flexure=_build_flexure(entry.get("flexure", {})),
        ),
        detector=Detector(
            quarter_turns=entry["quarter_turns"],
            science_columns=tuple(entry["science_columns"]),
            science_rows=tuple(entry["science_rows"]),
            gain_e_per_adu=entry["gain_e_per_adu"],
            read_noise_e=entry["read_noise_e"],
            whole_px=entry.get("whole_px"),
            saturation_adu=entry["saturation_adu"],
            dark_scales_with_time=entry["dark_scales_with_time"],
        ),
        binnable=entry["binnable"],
        gain_in_header=entry["gain_in_header"],
        needs=entry["needs"],
        slit_keyword=entry["slit_keyword"],
        mixable_slits=tuple(entry["mixable_slits"]),
        temperature_keyword=entry["temperature_keyword"],
        static=StaticNames(**entry["static"]),
    )


def _build_flexure(entry: dict[str, Any]) -> Flexure:
    laws = tuple(FlexureLaw(**{**law, "leaders": tuple(law["leaders"])}) for law in entry.get("laws", ()))
    return Flexure(
        together=entry.get("together", True), apart=tuple(entry.get("apart", ())), laws=laws, least_lines=entry.get("least_lines", {})
    )
