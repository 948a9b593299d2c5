"""From a scene to raw calibration frames with their truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image
from soxspipe.datamodel.detector import Detector
from soxspipe.simulate.arc_lamps import arc_light, pinhole_flat_light, slit_arc_light
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibration_truth import CalibrationTruth, make_calibration_truth
from soxspipe.simulate.detector import Chip, bin_sum, cosmic_rays, make_chip, read_noise, read_out, scattered, stream
from soxspipe.simulate.lamps import LampLight, flat_light, thermal_light
from soxspipe.simulate.lightpath import add_orders, calibration_optics, make_canvases
from soxspipe.simulate.observe import SOXS_GAIN
from soxspipe.simulate.paint import OrderCanvas
from soxspipe.simulate.simulation import Facts

START_MJD = 60735.9
"""Afternoon before the night of the simulated observations."""

OVERHEAD_S = 40.0
"""Read-out and writing."""
ARC_LAMPS = {"NIR": ("argo", "neon", "merc", "xeno")}
"""Thorium-argon in the other arms."""
NIR_DARK_TIMES_S = (20.0, 60.0, 300.0)
"""Of lamps, standards and targets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePlan:
    """One raw frame to take.

    Attributes
    ----------
    stem : str
        Start of the file's name.
    number, of : int
        Which exposure of how many of its template, counted from 0.
    dpr_type, dpr_tech : str
        As in the header.
    slit : str
        Name of the slit or mask.
    lamps : tuple of str
        Short names of the lamps that are on (``qth``, ``d2``).
    light : str
        Key of the light that falls on the detector, empty for none.
    exptime_s : float
        Exposure time.
    mjd : float
        Start.
    """

    stem: str
    number: int
    of: int
    dpr_type: str
    dpr_tech: str
    slit: str
    exptime_s: float
    mjd: float = 0.0
    lamps: tuple[str, ...] = ()
    light: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instability:
    """Pixels that jump between two levels from frame to frame, and how high, electrons."""

    where: BoolImage
    height_e: Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationSet:
    """A set of raw calibration frames that are made one by one when they are asked for.

    Attributes
    ----------
    scene, facts
        What is simulated.
    plans : tuple of FramePlan
        The frames, in order of time.
    chip : Chip
        The detector; the same as that of an observation of the same seed.
    unstable : Instability
        Its unstable pixels.
    canvases : mapping of int to OrderCanvas
        Where light falls.
    lights : mapping of str to LampLight
        Light of one frame by `FramePlan.light`.
    thermal : LampLight or None
        Ambient light of one second through an open slit.
    images : mapping of str to ndarray, shape (ny, nx)
        Each light on the trimmed, binned frame, scattered light and pixel response left out; with ``thermal`` among them.
    detector : Detector
        As used.
    """

    scene: CalibrationScene
    facts: Facts
    plans: tuple[FramePlan, ...]
    chip: Chip
    unstable: Instability
    canvases: Mapping[int, OrderCanvas]
    lights: Mapping[str, LampLight]
    thermal: LampLight | None
    images: Mapping[str, Image]
    detector: Detector

    def frames(self) -> Iterator[tuple[FramePlan, Image]]:
        """Every frame with its numbers as read out, one at a time."""
        for index, plan in enumerate(self.plans):
            yield plan, self.raw_adu(index)

    def raw_adu(self, index: int) -> Image:
        """The frame of a plan, as the detector delivers it."""
        scene, plan = self.scene, self.plans[index]
        index += scene.first_exposure
        electrons = self._electrons(plan, index)
        drift = scene.bias_drift_e * float(stream(scene.seed, "drift", index).normal())
        around = stream(scene.seed, "around", index)
        return read_out(scene, self.facts.detector, self.facts.raw_shape, electrons + drift, self.chip, around, drift_e=drift)

    def expected_light(self, plan: FramePlan) -> Image:
        """Electrons of light of a frame, scattered light and pixel response included."""
        open_slit = self.thermal is not None and plan.slit.startswith("SLIT")
        lamp = self.images[plan.light] if plan.light else np.zeros_like(self.chip.response)
        light = np.asarray(lamp + self.images["thermal"] * plan.exptime_s) if open_slit else lamp
        return np.asarray((light + scattered(light, self.scene.scattered_light)) * self.chip.response)

    def truth(self) -> CalibrationTruth:
        """What the frames were made of."""
        return make_calibration_truth(self.scene, self.facts, self.chip, self.unstable.where, self.canvases, self.lights, self.images)

    def _electrons(self, plan: FramePlan, index: int) -> Image:
        scene, chip = self.scene, self.chip
        light = self.expected_light(plan)
        if plan.light:
            light = light * (1.0 + scene.lamp_drift * float(stream(scene.seed, "lamp level", index).normal()))
        cosmic: Image = np.zeros(light.shape)
        if plan.exptime_s > 0:
            pixel_cm = self.facts.pixel_um * 1e-4 * np.sqrt(scene.binning[0] * scene.binning[1])
            cosmic, _ = cosmic_rays(
                light.shape, pixel_cm, plan.exptime_s / 60.0, scene.cosmic_ray_rate, stream(scene.seed, "calibration rays", index)
            )
        rng = stream(scene.seed, "calibration frame", index)
        charge = rng.poisson(light * chip.defect_response + chip.dark_e_per_s * plan.exptime_s) + cosmic
        jump = self.unstable.where & (stream(scene.seed, "jumps", index).random(size=light.shape) < 0.5)
        charge = np.minimum(charge + np.where(jump, self.unstable.height_e, 0.0), chip.saturation_e)
        charge = charge * (1.0 - scene.nonlinearity * charge / chip.saturation_e)
        return np.asarray(charge + chip.bias_e + read_noise(chip) * rng.normal(size=charge.shape))


LIGHTS: Mapping[str, Callable[[CalibrationScene, Facts, Mapping[int, OrderCanvas]], LampLight]] = {
    "flat_qth": lambda scene, facts, canvases: flat_light(scene, facts, canvases, "qth"),
    "flat_d2": lambda scene, facts, canvases: flat_light(scene, facts, canvases, "d2"),
    "pinhole_flat": pinhole_flat_light,
    "pinhole_arc": lambda scene, facts, canvases: arc_light(scene, facts, canvases, multiple=False),
    "multi_pinhole_arc": lambda scene, facts, canvases: arc_light(scene, facts, canvases, multiple=True),
    "slit_arc": slit_arc_light,
}
"""Light of one frame by the key that a plan names; a new kind of frame adds its own."""


def plan_frames(scene: CalibrationScene) -> tuple[FramePlan, ...]:
    """The raw frames that a scene asks for, in order of time."""
    kinds = MASTERS if scene.kinds is None else scene.kinds
    plans = [plan for kind, maker in _PLANNERS.items() if kind in kinds for plan in maker(scene)]
    timed, mjd = [], START_MJD
    for plan in plans:
        timed.append(replace(plan, mjd=mjd))
        mjd += (plan.exptime_s + OVERHEAD_S) / 86400.0
    return tuple(timed)


def make_calibration_set(scene: CalibrationScene, facts: Facts, plans: tuple[FramePlan, ...] | None = None) -> CalibrationSet:
    """Make the raw calibration frames of a scene.

    Parameters
    ----------
    scene : CalibrationScene
        What to take.
    facts : Facts
        The instrument.
    plans : tuple of FramePlan, optional
        Frames to take instead of those that the scene asks for.

    Returns
    -------
    CalibrationSet
        Deterministic in its arguments; frames are computed when they are asked for.
    """
    plans = plan_frames(scene) if plans is None else plans
    optics = calibration_optics(scene, facts)
    canvases = make_canvases(scene, facts, optics)
    shape = (optics.shape[0] // scene.binning[1], optics.shape[1] // scene.binning[0])
    chip = make_chip(
        scene,
        shape,
        gain_e_per_adu=SOXS_GAIN[scene.arm] if scene.instrument == "SOXS" else facts.detector.gain_e_per_adu,
        read_noise_e=facts.detector.read_noise_e,
        column_through=None,
    )
    lights = {name: LIGHTS[name](scene, facts, canvases) for name in sorted({plan.light for plan in plans} - {""})}
    warm = scene.arm == "NIR" and scene.thermal_e_per_s > 0 and any(plan.slit.startswith("SLIT") for plan in plans)
    thermal = thermal_light(scene, facts, canvases) if warm else None
    every = {**lights, **({} if thermal is None else {"thermal": thermal})}
    return CalibrationSet(
        scene=scene,
        facts=facts,
        plans=plans,
        chip=chip,
        unstable=_instability(scene, shape),
        canvases=canvases,
        lights=lights,
        thermal=thermal,
        images={name: bin_sum(add_orders(optics.shape, canvases, light.pixels), scene.binning) for name, light in every.items()},
        detector=replace(facts.detector, gain_e_per_adu=chip.gain_e_per_adu, read_noise_e=chip.read_noise_e, binning=scene.binning),
    )


def _instability(scene: CalibrationScene, shape: tuple[int, int]) -> Instability:
    draw = stream(scene.seed, "unstable")
    where = draw.random(size=shape) < scene.unstable_pixels
    height: FloatArray = np.zeros(shape)
    height[where] = scene.unstable_e * draw.uniform(0.5, 1.5, size=int(where.sum()))
    return Instability(where=where, height_e=height)


def _plan_bias(scene: CalibrationScene) -> list[FramePlan]:
    if scene.arm == "NIR":
        return []
    n = scene.bias_frames
    return [FramePlan(stem="bias", number=i, of=n, dpr_type="BIAS", dpr_tech="IMAGE", slit="BLIND", exptime_s=0.0) for i in range(n)]


def _plan_darks(scene: CalibrationScene) -> list[FramePlan]:
    times = scene.dark_times_s
    if times is None:
        times = NIR_DARK_TIMES_S if scene.arm == "NIR" else ()
    n = scene.dark_frames
    return [
        FramePlan(stem=f"dark{seconds:g}", number=i, of=n, dpr_type="DARK", dpr_tech="IMAGE", slit="BLIND", exptime_s=seconds)
        for seconds in times
        for i in range(n)
    ]


def _plan_flats(scene: CalibrationScene) -> list[FramePlan]:
    """QTH on, then off in the NIR, then D2 in the arms that have it."""
    slit = f"SLIT{scene.slit_width_arcsec:.1f}{'JH' if scene.blocking_filter else ''}"
    soxs = scene.instrument == "SOXS"
    kind = _spelled(scene, "LAMP,FLAT" if soxs or scene.arm != "UVB" else "LAMP,QFLAT")
    n, seconds = scene.flat_frames, scene.lamp_exptime_s
    flats = [
        FramePlan(stem="flat_on" if scene.arm == "NIR" else "flat_qth", number=i, of=n, dpr_type=kind, dpr_tech="ECHELLE,SLIT",
                  slit=slit, exptime_s=seconds, lamps=("qth",), light="flat_qth")
        for i in range(n)
    ]  # fmt: skip
    if scene.arm == "NIR":
        flats += [
            FramePlan(stem="flat_off", number=i, of=scene.off_frames, dpr_type=kind, dpr_tech="IMAGE", slit=slit, exptime_s=seconds)
            for i in range(scene.off_frames)
        ]
    elif scene.arm == "UVB" or soxs:
        kind = "LAMP,DFLAT" if not soxs else kind
        n = n if scene.d2_frames is None else scene.d2_frames
        flats += [
            FramePlan(stem="flat_d2", number=i, of=n, dpr_type=kind, dpr_tech="ECHELLE,SLIT",
                      slit=slit, exptime_s=seconds, lamps=("d2",), light="flat_d2")
            for i in range(n)
        ]  # fmt: skip
    return flats


def _spelled(scene: CalibrationScene, dpr_type: str) -> str:
    """DPR TYPE of a lamp frame in the spelling of the scene."""
    return ",".join(reversed(dpr_type.split(","))) if scene.dpr_type_order == "lamp_last" else dpr_type


def _plan_arcs(scene: CalibrationScene, *, multiple: bool) -> list[FramePlan]:
    """Arcs through one pinhole or several, in the NIR one with the lamps off as well."""
    return _plan_pinholes(
        scene, "LAMP,WAVE", "ECHELLE,MULTI-PINHOLE" if multiple else "ECHELLE,PINHOLE", "MULTPIN" if multiple else "PINHOLE",
        ARC_LAMPS.get(scene.arm, ("thar",)), "multi_pinhole_arc" if multiple else "pinhole_arc",
    )  # fmt: skip


def _plan_slit_arcs(scene: CalibrationScene) -> list[FramePlan]:
    """Arcs through the slit."""
    slit = f"SLIT{scene.slit_width_arcsec:.1f}"
    return _plan_pinholes(scene, "LAMP,WAVE", "ECHELLE,SLIT", slit, ARC_LAMPS.get(scene.arm, ("thar",)), "slit_arc")


def _plan_pinhole_flats(scene: CalibrationScene) -> list[FramePlan]:
    """Pinhole flats, in the NIR one with the lamp off as well."""
    return _plan_pinholes(scene, "LAMP,FLAT", "ECHELLE,PINHOLE", "PINHOLE", ("qth",), "pinhole_flat")


def _plan_pinholes(
    scene: CalibrationScene, dpr_type: str, dpr_tech: str, mask: str, lamps: tuple[str, ...], light: str
) -> list[FramePlan]:  # fmt: skip
    kind = _spelled(scene, dpr_type) if scene.instrument == "SOXS" else XSHOOTER_TYPES.get((light, scene.arm), XSHOOTER_TYPES[(light, "")])
    seconds = scene.lamp_exptime_s
    on = FramePlan(
        stem=f"{light}_on", number=0, of=scene.arc_frames, dpr_type=kind, dpr_tech=dpr_tech, slit=mask, exptime_s=seconds, lamps=lamps,
        light=light,
    )  # fmt: skip
    frames = [replace(on, number=i) for i in range(scene.arc_frames)]
    if scene.arm == "NIR":
        frames.append(replace(on, stem=f"{light}_off", of=1, dpr_tech="IMAGE", lamps=(), light=""))
    return frames


XSHOOTER_TYPES = {
    ("pinhole_arc", ""): "LAMP,FMTCHK",
    ("multi_pinhole_arc", ""): "LAMP,WAVE",
    ("slit_arc", ""): "LAMP,WAVE",
    ("pinhole_flat", ""): "LAMP,ORDERDEF",
    ("pinhole_flat", "UVB"): "LAMP,QORDERDEF",
}
"""DPR TYPE of X-shooter's pinhole frames, by light and arm; it has one spelling alone."""
MASTERS = ("bias", "dark", "flat")
"""Kinds of frames of which masters are made."""

_PLANNERS: Mapping[str, Callable[[CalibrationScene], list[FramePlan]]] = {
    "bias": _plan_bias,
    "dark": _plan_darks,
    "pinhole_arc": lambda scene: _plan_arcs(scene, multiple=False),
    "pinhole_flat": _plan_pinhole_flats,
    "flat": _plan_flats,
    "multi_pinhole_arc": lambda scene: _plan_arcs(scene, multiple=True),
    "slit_arc": _plan_slit_arcs,
}
"""Frames by kind, in the order in which they are taken."""
