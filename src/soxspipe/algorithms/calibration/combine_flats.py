"""Flats of one lamp made into one, after a look at whether they are flats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.algorithms.calibration.flat_agreement import FlatAgreement, flats_that_agree
from soxspipe.algorithms.calibration.flat_layout import Layout
from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.algorithms.calibration.frame_noise import ROWS_TOGETHER, read_sample, sample_rows
from soxspipe.algorithms.calibration.nonlinear import find_nonlinear
from soxspipe.datamodel.arrays import BoolArray, BoolImage, FlagArray, FloatArray, Image
from soxspipe.datamodel.raw_calibration import BadPixel, RawCalibration
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.medians import quick_median

SATURATED_SHARE = 0.01
"""A flat in which more of the lit pixels than this are saturated is not a flat."""

LEAST_LIGHT_SIGMA = 10.0
"""Light of the middle of the orders over the noise of a pixel; less is not a lamp."""

DARKEST_PERCENT = 10.0
"""The pixels of a flat that see least light, in per cent: gaps between orders take more of any detector."""

DARK_STEP = 4
"""Every fourth pixel of a sample is looked at for them: five thousand give the level of a frame to a tenth of an electron."""

CAPPED_RATIO = 0.5
"""Scatter of two flats in their brightest pixels over the photon noise; less means that the charge is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampFlat:
    """Flats of one lamp combined.

    Electrons of a frame of mean level (background out), variance, reasons, levels of the frames, their names, pixels of single frames left out, and
    what the flats agree in.
    """

    lamp: str
    electrons: Image
    variance: Image
    reasons: FlagArray
    levels_e: FloatArray
    frame_names: tuple[str, ...]
    n_rejected: int
    agreement: FlatAgreement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampSummary:
    """What is kept of a lamp: name, levels of its flats, their names, pixels of single flats left out, change of its colour (a share)."""

    lamp: str
    levels_e: FloatArray
    frame_names: tuple[str, ...]
    n_rejected: int
    colour: float = 0.0


def combine_lamp(
    lamp: str, frames: Sequence[RawCalibration], background: AnyFrame | None, layout: Layout, read_noise_e: float, settings: FlatSettings
) -> LampFlat:
    """Combine the flats of one lamp, background taken out.

    Raises
    ------
    AlgorithmError
        If there is no light, or the flats are saturated or copies of each other.
    """
    sample = _sample(frames, background, layout, settings.centre_order_window)
    levels, drift = light_and_drift(sample.lit, sample.dark)
    _require_light(lamp, frames, sample, read_noise_e)
    _require_unsaturated(frames, sample.lit, read_noise_e)
    agreement = flats_that_agree([frame.name for frame in frames], sample.rows, sample.centres, levels, drift, read_noise_e)
    kept = list(agreement.kept)
    frames, levels, drift = [frames[i] for i in kept], levels[kept], drift[kept]
    noise = NoiseModel(read_e=read_noise_e, relative=agreement.colour)
    limit = settings.stacked_clipping_sigma if settings.stacked_clipping_iterations else 1e9
    pedestal = None if background is None else background.electrons
    combined = combine(
        frames, noise, clip_sigma=limit, offsets_e=drift.tolist(), levels=(levels / levels.mean()).tolist(), pedestal=pedestal
    )
    reasons = combined.reasons | _saturated(frames) * np.uint8(BadPixel.SATURATED)
    bent = find_nonlinear(frames, levels, noise, clip_sigma=limit, offsets_e=drift, pedestal=pedestal)
    if bent is not None:
        reasons |= bent * np.uint8(BadPixel.NONLINEAR)
    variance = combined.variance if background is None else combined.variance + background.variance
    return LampFlat(
        lamp=lamp,
        electrons=combined.electrons,
        variance=variance,
        reasons=reasons,
        levels_e=levels,
        frame_names=tuple(frame.name for frame in frames),
        n_rejected=combined.n_rejected,
        agreement=agreement,
    )


def brightest_lamp(lamps: Sequence[LampFlat], layout: Layout) -> dict[int, int]:
    """Which lamp shows each order best."""
    best = {}
    for order, (b, centre) in layout.centres.items():
        place = (np.clip(np.rint(centre).astype(np.int64), 0, None), b)
        rows, columns = place if layout.axis == "x" else place[::-1]
        contrast = [
            float(np.median(lamp.electrons[rows, columns]) / np.sqrt(max(float(np.median(lamp.variance[rows, columns])), 1e-9)))
            for lamp in lamps
        ]
        best[order] = int(np.argmax(contrast))
    return best


def light_and_drift(lit: Sequence[FloatArray], dark: Sequence[FloatArray] | FloatArray) -> tuple[FloatArray, FloatArray]:
    """Light of each flat, and the level of its read-out against their mean.

    Parameters
    ----------
    lit, dark : sequence of ndarray
        Electrons of each frame in pixels at the order centres, and in pixels that see little light; the same pixels in all frames.

    Returns
    -------
    level : ndarray, shape (n,)
        Light at the order centres, electrons, drift left out.
    drift : ndarray, shape (n,)
        Electrons that every pixel of a frame holds more than in the mean frame.

    Notes
    -----
    A frame is ``l F + d`` with F the mean frame, scattered light in it: two levels, a bright and a dark one, give light l and drift d.  The mean
    drift is not known from flats; as light of the gaps it is taken off with scattered light.
    """
    bright = np.array([level_of(sample) for sample in lit])
    faint = np.array([_median(sample) for sample in dark])
    contrast = bright - faint
    if not contrast.mean() > 0:
        return bright, np.zeros(bright.size)
    drift = faint - contrast / contrast.mean() * faint.mean()
    return bright - drift, drift


def _median(values: FloatArray) -> float:
    """Median of the numbers among the values; 0 without one."""
    finite = values[np.isfinite(values)]
    return quick_median(finite) if finite.size else 0.0


class _Sample(NamedTuple):
    """Electrons of each flat: around the order centres, where least light falls, and in single rows with the pixels that are order centres."""

    lit: list[FloatArray]
    dark: FloatArray
    rows: FloatArray
    centres: BoolArray


def _sample(frames: Sequence[RawCalibration], background: AnyFrame | None, layout: Layout, width_px: int) -> _Sample:
    """Electrons of a sample of rows, background out; the same pixels in all frames."""
    starts = sample_rows(frames[0].detector.shape[0])
    inside = _centre_band(frames[0].detector.shape, layout, width_px)
    inside = np.concatenate([inside[start : start + ROWS_TOGETHER] for start in starts])
    lit, thinned, rows = [], [], []
    for frame in frames:
        electrons = read_sample(frame, starts)
        if background is not None:
            electrons = electrons - np.concatenate([background.electrons[start : start + ROWS_TOGETHER] for start in starts])
        lit.append(electrons[inside])
        thinned.append(electrons.ravel()[::DARK_STEP])
        rows.append(electrons[::ROWS_TOGETHER])
    elsewhere = np.stack(thinned)
    mean = elsewhere.mean(axis=0)
    finite = mean[np.isfinite(mean)]
    dark = elsewhere[:, mean <= (np.percentile(finite, DARKEST_PERCENT) if finite.size else 0.0)]
    return _Sample(lit, dark, np.stack(rows), inside[::ROWS_TOGETHER])


def _centre_band(shape: tuple[int, int], layout: Layout, width_px: int) -> BoolImage:
    """True in a band around the centre of every order."""
    band = np.zeros(shape, dtype=bool)
    turned = band.T if layout.axis == "x" else band
    half = max(1, round(0.5 * width_px / layout.binning_a))
    for b, centre in layout.centres.values():
        for step in range(-half, half + 1):
            turned[b, np.clip(np.rint(centre).astype(np.int64) + step, 0, turned.shape[1] - 1)] = True
    return band


def level_of(sample: FloatArray) -> float:
    """Median of the pixels that hold more than a third of what the brightest do; of all where those hold no light; 0 without a number."""
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0
    top = float(np.percentile(finite, 95.0))
    return float(np.median(finite[finite >= 0.3 * top] if top > 0 else finite))


def _require_light(lamp: str, frames: Sequence[RawCalibration], sample: _Sample, read_noise_e: float) -> None:
    """Raise unless the orders of every flat stand out against its darkest pixels, whatever the level of the read-out, and no two flats are copies."""
    for frame, lit, dark in zip(frames, sample.lit, sample.dark, strict=True):
        level = level_of(lit) - _median(dark)
        if not level > LEAST_LIGHT_SIGMA * read_noise_e:
            raise AlgorithmError(f"{frame.name}: the orders hold {level:.1f} electrons of the {lamp} lamp; is the lamp on?")
    for i in range(len(frames)):
        for j in range(i + 1, len(frames)):
            if np.array_equal(sample.lit[i], sample.lit[j], equal_nan=True):
                raise AlgorithmError(f"{frames[i].name} and {frames[j].name} hold the same numbers; every frame is needed once")


def _require_unsaturated(frames: Sequence[RawCalibration], samples: Sequence[FloatArray], read_noise_e: float) -> None:
    """Raise if order centres are at the saturation level, or scatter too little for photons: wells may be full below the level that is known."""
    level = frames[0].detector.saturation_adu
    for frame, sample in zip(frames, samples, strict=True):
        share = 0.0 if level is None else float(np.mean(sample >= 0.98 * level * frame.detector.gain_e_per_adu))
        if share > SATURATED_SHARE:
            raise AlgorithmError(f"{frame.name}: {share:.0%} of the order centres are saturated; flats of less light are needed")
    if len(samples) > 1:
        bright = samples[0] >= np.nanpercentile(samples[0], 100 * (1 - 2 * SATURATED_SHARE))
        difference = (samples[0] - samples[1])[bright]
        expected = 2.0 * (float(np.nanmedian(samples[0][bright])) + read_noise_e**2)
        scatter = float(np.nanmedian(np.abs(difference - np.nanmedian(difference)))) * 1.4826
        if scatter**2 < CAPPED_RATIO**2 * expected:
            raise AlgorithmError(
                f"{frames[0].name}: its brightest pixels scatter by {scatter:.0f} electrons where {np.sqrt(expected):.0f} are expected of photons; "
                "the detector is saturated"
            )


def _saturated(frames: Sequence[RawCalibration]) -> BoolImage:
    """Pixels at the saturation level in any frame."""
    shape = frames[0].detector.shape
    found = np.zeros(shape, dtype=bool)
    for frame in frames:
        if frame.detector.saturation_adu is not None:
            for start in range(0, shape[0], 256):
                stop = min(start + 256, shape[0])
                found[start:stop] |= frame.saturated(start, stop)
    return found
