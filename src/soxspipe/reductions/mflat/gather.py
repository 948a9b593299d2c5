"""Files → everything the flat recipe's algorithm needs, as values."""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.calibration.lamp_scale import OrderJoin, order_joins
from soxspipe.datamodel.arrays import FlagArray
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.raw_calibration import BadPixel
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.arc_lines import has_arc_prediction, read_arc_prediction
from soxspipe.io.calibration_tables import read_order_table
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.frames import read_bad_pixel_map, read_master
from soxspipe.io.headers import number_of, read_observation
from soxspipe.io.raw_rows import detector_of, lamps_of
from soxspipe.io.sof import InputFrames
from soxspipe.reductions.mflat.context import MflatGathered
from soxspipe.reductions.mflat.inputs import MflatInputs
from soxspipe.reductions.mflat.spec import MFLAT
from soxspipe.reductions.raw_calibrations import gather_frames, read_frames, require_one_time, static_bad_pixels
from soxspipe.reductions.select import Selected
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.mflat import MflatSettings


def gather(
    inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
) -> MflatGathered:
    """Find, check and read flats and their calibrations; see `soxspipe.reductions.engine.Gather`."""
    return gather_frames(MFLAT, MflatSettings, inputs, settings_source, _read, what="MFLAT", command=command, workers=workers)


def describe(inputs: MflatInputs) -> str:
    """What was gathered, in one line."""
    lamps = sorted({"+".join(raw.lamps) for raw in inputs.raw})
    behind = f"{len(inputs.off)} with the lamp off" if inputs.off else "master bias" if inputs.master_is_bias else "master dark"
    return f"{len(inputs.raw)} flats ({', '.join(lamps)}), {behind}, {inputs.arm.name}"


def _read(files: Selected, settings: MflatSettings) -> MflatInputs:
    first = files.exposures[0]
    _require_sets(files)
    used = detector_of(first)
    bias, dark = files.one("bias"), files.one("dark")
    off = files.all("off")
    master_file = bias if bias is not None else dark if not off else None
    return MflatInputs(
        raw=read_frames(files.exposures),
        off=read_frames(off) if bias is None else (),
        master=None if master_file is None else read_master(master_file, used.shape, used.gain_e_per_adu),
        master_is_bias=bias is not None,
        order_table=read_order_table(files.required("order_table")),
        bad_pixels=_bad_pixels(files, used),
        read_noise_e=_read_noise(files, used),
        joins=_joins(files),
        observation=read_observation(first.header, first.instrument, first.facts, str(first.path)),
        detector=used,
        arm=first.facts.arm,
    )


def _require_sets(files: Selected) -> None:
    """Raise unless every lamp has one exposure time, some lamp two flats, and there is something to take out of them.

    Raises
    ------
    InputError
        With what was found.
    MissingInputError
        If lamp-off frames, dark or bias are missing.
    """
    sets: dict[tuple[str, ...], list[ClassifiedFile]] = {}
    for file in files.exposures:
        sets.setdefault(lamps_of(file), []).append(file)
    for lamps, group in sets.items():
        require_one_time(group, f"flats of the lamp {'+'.join(lamps)}")
    if max(len(group) for group in sets.values()) < 2:
        raise InputError(f"{files.exposures[0].path.name} is the only flat of its lamp; two or more of one lamp are needed")
    first = files.exposures[0]
    off = files.all("off")
    if off:
        require_one_time([first, *off], "flats with the lamp on and off")
    if files.one("bias") is None and files.one("dark") is None and not off:
        raise MissingInputError(
            f"neither lamp-off frames nor a master dark for {first.path.name}: frames with DPR TYPE LAMP,FLAT or FLAT,LAMP and DPR TECH IMAGE, "
            f"or a file with PRO CATG MASTER_DARK_{first.arm}, are needed (soxspipe mdark makes it)"
        )


def _joins(files: Selected) -> tuple[OrderJoin, ...]:
    """Where neighbouring orders meet, if flats of several lamps have to be brought to one scale there."""
    first = files.exposures[0]
    if len({lamps_of(file) for file in files.exposures}) < 2 or not has_arc_prediction(first.instrument.name, first.arm):
        return ()
    return order_joins(read_arc_prediction(first.instrument.name, first.arm), first.facts.arm.dispersion_axis)


def _bad_pixels(files: Selected, used: Detector) -> FlagArray:
    """What is known of bad pixels: the map that comes with the instrument, one that is given, else what the masters flag."""
    known = static_bad_pixels(files.exposures[0], used)
    given = files.one("bad_pixels")
    if given is not None:
        return np.asarray(known | read_bad_pixel_map(given, used.shape))
    for name, reason in (("dark", BadPixel.HOT), ("bias", BadPixel.UNSTABLE)):
        file = files.one(name)
        if file is not None:
            flagged = _flags(read_master(file, used.shape, used.gain_e_per_adu))
            known = known | flagged * np.uint8(reason)
    return np.asarray(known)


def _flags(master: AnyFrame) -> FlagArray:
    return np.asarray((master.flags > 0).astype(np.uint8))


def _read_noise(files: Selected, used: Detector) -> float:
    """Measured on the frames of a master, if it says so; else that of the header or the detector file."""
    for name in ("bias", "dark"):
        file = files.one(name)
        if file is not None:
            measured = number_of(file.header, "ESO QC RAW RON")
            if measured is not None and measured > 0 and number_of(file.header, "ESO PRO DATANCOM"):
                return measured
    return used.read_noise_e
