"""One call from a scene to a complete data set as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.simulate.delivered import make_delivered_map
from soxspipe.simulate.detector import (
    Chip,
    bin_sum,
    cosmic_rays,
    expose,
    flaws,
    fringe_pattern,
    ghost,
    make_chip,
    mean_of_frames,
    read_out,
    scattered,
    smooth_noise,
    stream,
)
from soxspipe.simulate.flexure import moves
from soxspipe.simulate.lightpath import (
    OrderLight,
    SourceTable,
    add_orders,
    calibration_optics,
    make_canvases,
    make_order_flat,
    make_order_light,
    make_order_sky,
    make_paths,
    make_source,
    science_optics,
)
from soxspipe.simulate.paint import OrderCanvas
from soxspipe.simulate.readout import read_out_pattern
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import Facts, MasterImage, Simulation
from soxspipe.simulate.truth import MeanExposure, make_truth

SOXS_GAIN = {"NIR": 2.3, "VIS": 1.25}
"""Electrons per ADU, as delivered."""
FIRST_MJD = 60736.0 + 2.0 / 24.0
"""Two hours after a midnight; which one does not matter."""
_OVERHEAD_S = 45.0
"""Read-out and writing."""
OFF_NUMBER = 1000
"""Of the off-frame among the exposures, for its random numbers."""

FRINGE_PHASE = 1.0
"""Of exposures against the flat, radians."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Exposure:
    """One exposure: its orders, its raw image, and the charge of its cosmic rays (binned)."""

    orders: Mapping[int, OrderLight]
    adu: Image
    cosmic_e: Image
    n_cosmic_rays: int
    charge_e: Image | None = None


def simulate(scene: Scene, facts: Facts) -> Simulation:
    """Simulate a scene: raw exposures, master calibrations, delivered geometry and truth.

    Parameters
    ----------
    scene : Scene
        What to observe.
    facts : Facts
        The instrument.

    Returns
    -------
    Simulation
        Deterministic in (scene, facts).

    Raises
    ------
    ValueError
        If the scene asks for what the instrument does not have.
    """
    source = make_source(scene, facts)
    calibration = calibration_optics(scene, facts)
    flat_canvases = make_canvases(scene, facts, calibration)
    canvases = _canvases_of_exposures(scene, facts, flat_canvases)
    lights = _light_of_exposures(scene, facts, source, canvases)

    chip = make_chip(
        scene,
        _binned_shape(scene, calibration.shape),
        gain_e_per_adu=SOXS_GAIN[scene.arm] if scene.instrument == "SOXS" else facts.detector.gain_e_per_adu,
        read_noise_e=facts.detector.read_noise_e,
        column_through=_column_through(scene, lights[0]) if scene.bad_column_on_trace else None,
    )
    lamp = _lamp(scene, facts, flat_canvases, calibration.shape)
    exposures = _expose_all(scene, facts, chip, lights)
    masters = make_masters(scene, chip, lamp)
    off = _off_exposure(scene, facts, source, canvases[0], chip) if scene.off_frame else None
    delivered_model = calibration.distorted(scene.map_error_px, stream(scene.seed, "map"))
    delivered_paths = make_paths(scene, facts, delivered_model)
    mean = MeanExposure(
        orders=tuple(exposure.orders for exposure in exposures),
        lamp=lamp * chip.response,
        chip=chip,
        masters=masters,
        cosmic_e=tuple(exposure.cosmic_e for exposure in exposures),
        n_cosmic_rays=sum(exposure.n_cosmic_rays for exposure in exposures),
        off=None if off is None else off.orders,
    )
    return Simulation(
        raw_adu=tuple(exposure.adu for exposure in exposures),
        off_adu=None if off is None else off.adu,
        masters=masters,
        delivered=make_delivered_map(delivered_model, delivered_paths, facts.spectral_format, 0.5 * facts.arm.slit_length_arcsec),
        truth=make_truth(scene, facts, source, mean, delivered_paths),
        detector=replace(facts.detector, gain_e_per_adu=chip.gain_e_per_adu, read_noise_e=chip.read_noise_e, binning=scene.binning),
        arc_mjd=FIRST_MJD - scene.arc_before_min / 1440.0,
        mjd=_starts_mjd(scene),
        pointing_deg=facts.pointing_deg,
    )


def _duration_s(scene: Scene, time_s: float) -> float:
    """From the start of one exposure to that of the next."""
    return scene.integrations * time_s + _OVERHEAD_S


def make_masters(scene: Scene, chip: Chip, lamp: Image) -> dict[str, MasterImage]:
    """Master calibrations by name (bias, dark, flat): means of noisy frames with their true errors; those that the scene delivers.

    Parameters
    ----------
    scene : Scene
        Numbers of frames and levels.
    chip : Chip
        The detector.
    lamp : ndarray, shape (ny, nx)
        Flat-field light, 1 at a typical order centre, without pixel response.
    """
    masters = {}
    frames = scene.bias_frames
    if scene.arm != "NIR":
        value = chip.bias_e + chip.read_noise_e / np.sqrt(frames) * stream(scene.seed, "bias").normal(size=chip.bias_e.shape)
        error = np.full(value.shape, chip.read_noise_e / np.sqrt(frames))
        masters["bias"] = MasterImage(value=value, error=error, bad=chip.hot.astype(np.uint8), exptime_s=0.0)
    if scene.delivers_dark:
        seconds = scene.dark_exptime_s or scene.exptime_s
        charge = chip.dark_e_per_s * seconds
        value = mean_of_frames(chip, charge, scene.dark_frames, stream(scene.seed, "dark")) + chip.bias_e
        error = np.sqrt((np.minimum(charge, chip.saturation_e) + chip.read_noise_e**2) / scene.dark_frames)
        masters["dark"] = MasterImage(value=value, error=error, bad=chip.hot.astype(np.uint8), exptime_s=seconds)
    if scene.with_flat:
        expected = lamp * chip.response * chip.defect_response * scene.flat_electrons
        expected = expected * smooth_noise(lamp.shape, scene.flat_error, stream(scene.seed, "flat error"))
        expected = expected * fringe_pattern(lamp.shape, scene.fringes, 0.0)
        unlimited = replace(chip, saturation_e=np.inf)
        value = mean_of_frames(unlimited, expected, scene.flat_frames, stream(scene.seed, "flat")) / scene.flat_electrons
        error = np.sqrt((expected + chip.read_noise_e**2) / scene.flat_frames) / scene.flat_electrons
        masters["flat"] = MasterImage(value=value, error=error, bad=chip.dead.astype(np.uint8), exptime_s=scene.exptime_s)
    return masters


def _canvases_of_exposures(scene: Scene, facts: Facts, flat: dict[int, OrderCanvas]) -> list[dict[int, OrderCanvas]]:
    """Pixels of the orders in every exposure, those of the `flat` where nothing moves; exposures that lie alike share them."""
    known: dict[tuple[float, float], dict[int, OrderCanvas]] = {}
    for number, shift in enumerate(scene.exposure_flexure):
        own = scene.of_exposure(number)
        if shift not in known:
            known[shift] = make_canvases(own, facts, science_optics(own, facts)) if moves(own) else flat
    return [known[shift] for shift in scene.exposure_flexure]


def _starts_mjd(scene: Scene) -> tuple[float, ...]:
    """When each exposure starts: one after the other, with the pauses between them."""
    durations_s = [_duration_s(scene, time_s) for time_s in scene.times_s]
    return tuple(FIRST_MJD + sum(durations_s[:number]) / 86400.0 for number in range(scene.exposures))


def _expose_all(scene: Scene, facts: Facts, chip: Chip, lights: list[dict[int, OrderLight]]) -> list[_Exposure]:
    """All exposures in order of time, each with what the one before it left on the detector."""
    exposures: list[_Exposure] = []
    for number, (light, time_s) in enumerate(zip(lights, scene.times_s, strict=True), start=scene.first_exposure):
        before_e = exposures[-1].charge_e if exposures else None
        exposures.append(_expose(scene, facts, chip, light, number, time_s=time_s, before_e=before_e))
    return exposures


def _light_of_exposures(
    scene: Scene, facts: Facts, source: SourceTable, canvases: list[dict[int, OrderCanvas]]
) -> list[dict[int, OrderLight]]:
    """Orders of every exposure; exposures that are alike share them."""
    known: dict[tuple[Any, ...], dict[int, OrderLight]] = {}
    skies: dict[tuple[Any, ...], dict[int, FloatArray]] = {}
    air = zip(scene.exposure_seeing, scene.exposure_transparency, scene.exposure_drift, strict=True)
    sky = list(zip(scene.exposure_oh, scene.times_s, scene.exposure_flexure, strict=True))
    kinds = [(*one, *other) for one, other in zip(air, sky, strict=True)]
    first_arcsec = scene.of_exposure(0).offset_arcsec
    for number, (kind, night) in enumerate(zip(kinds, sky, strict=True)):
        own, orders = scene.of_exposure(number), canvases[number]
        if night not in skies:
            skies[night] = {order: make_order_sky(own, facts, canvas) for order, canvas in orders.items()}
        if kind not in known:
            paint = partial(make_order_light, facts=facts, source=source, seeing_arcsec=kind[0], transparency=kind[1])
            known[kind] = {order: paint(own, canvas=canvas, sky=skies[night][order]) for order, canvas in orders.items()}
            if orders is not canvases[0] or own.offset_arcsec != first_arcsec:
                unmoved = own.model_copy(update={"offset_arcsec": first_arcsec})
                dark = {order: np.zeros(canvas.index.shape) for order, canvas in canvases[0].items()}
                known[kind] = {
                    order: replace(light, target_unmoved=paint(unmoved, canvas=canvases[0][order], sky=dark[order]).target)
                    for order, light in known[kind].items()
                }
    return [known[kind] for kind in kinds]


def _lamp(scene: Scene, facts: Facts, canvases: dict[int, OrderCanvas], shape: tuple[int, int]) -> Image:
    """Flat-field light on the binned frame, mean 1 along the order centres."""
    lamps = {order: make_order_flat(scene, facts, canvas) for order, canvas in canvases.items()}
    centres = np.concatenate([lamps[order][:, lamps[order].shape[1] // 2] for order in canvases])
    level = float(np.mean(centres[centres > 0])) if np.any(centres > 0) else 1.0
    return bin_sum(add_orders(shape, canvases, lamps), scene.binning) / (level * scene.binning[0] * scene.binning[1])


def _expose(
    scene: Scene, facts: Facts, chip: Chip, light: dict[int, OrderLight], number: int, *, time_s: float, before_e: Image | None = None
) -> _Exposure:
    canvases = {order: entry.canvas for order, entry in light.items()}
    optics = facts.optics
    total = add_orders(optics.shape, canvases, {order: entry.target + entry.others + entry.sky for order, entry in light.items()})
    total = bin_sum(total, scene.binning)
    total = (total + scattered(total, scene.scattered_light) + ghost(total, scene.ghost_share)) * chip.response
    if scene.fringes:
        total = total * fringe_pattern(total.shape, scene.fringes, FRINGE_PHASE)
    pixel_cm = facts.pixel_um * 1e-4 * np.sqrt(scene.binning[0] * scene.binning[1])
    tracks = stream(scene.seed, "cosmic rays", number)
    reads = scene.integrations
    cosmic_e, n_cosmic_rays = cosmic_rays(total.shape, pixel_cm, reads * time_s / 60.0, scene.cosmic_ray_rate, tracks)
    cosmic_e = cosmic_e / reads
    if scene.persistence and before_e is not None:
        total = total + scene.persistence * np.maximum(before_e, 0.0)
    electrons = expose(chip, total, time_s, cosmic_e, stream(scene.seed, "exposure", number), integrations=reads)
    charge_e = electrons - chip.bias_e
    if scene.nonlinearity or scene.coupling:
        electrons = electrons + flaws(scene, charge_e, chip) - charge_e
    electrons = electrons + read_out_pattern(scene, electrons.shape, stream(scene.seed, "pattern", number))
    adu = read_out(scene, facts.detector, facts.raw_shape, electrons, chip, stream(scene.seed, "overscan", number))
    return _Exposure(
        orders=light, adu=adu, cosmic_e=cosmic_e, n_cosmic_rays=n_cosmic_rays, charge_e=charge_e if scene.persistence else None
    )


def _off_exposure(scene: Scene, facts: Facts, source: SourceTable, canvases: dict[int, OrderCanvas], chip: Chip) -> _Exposure:
    """The same sky elsewhere, with another star on the slit or none."""
    mag = scene.off_star_ab_mag
    other = scene.model_copy(
        update={"target": "empty" if mag is None else "power_law", "ab_mag": mag, "offset_arcsec": scene.off_star_offset_arcsec}
        | {"second_offset_arcsec": None, "host_ab_mag": None}
    )
    star = source if mag is None else make_source(other, facts)
    air = {"seeing_arcsec": scene.exposure_seeing[0], "transparency": scene.exposure_transparency[0]}
    light = {
        order: make_order_light(other, facts, star, canvas, make_order_sky(scene, facts, canvas), **air)
        for order, canvas in canvases.items()
    }
    return _expose(other, facts, chip, light, OFF_NUMBER, time_s=scene.exptime_s)


def _column_through(scene: Scene, light: dict[int, OrderLight]) -> tuple[int, int]:
    """Binned pixel (y, x) on the target's trace in the middle of the middle order."""
    entry = light[sorted(light)[len(light) // 2]]
    middle = entry.canvas.b_px.size // 2
    trace = entry.canvas.columns.a_px(entry.position_arcsec[:, None])[middle, 0]
    a, b = round(float(trace)), int(entry.canvas.b_px[middle])
    y, x = (a, b) if scene.arm == "NIR" and scene.instrument == "SOXS" else (b, a)
    return y // scene.binning[1], x // scene.binning[0]


def _binned_shape(scene: Scene, shape: tuple[int, int]) -> tuple[int, int]:
    return shape[0] // scene.binning[1], shape[1] // scene.binning[0]
