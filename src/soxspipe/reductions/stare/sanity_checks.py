"""Images that are sound as files but do not look like what their headers say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.frames.prepare import orient_and_trim
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.datamodel.stored_image import seen
from soxspipe.reductions.stare.dead_amplifiers import dead_line_warnings
from soxspipe.reductions.stare.inputs import StareInputs

STEP_PX = 8
"""Every eighth pixel along both axes, 65 000 of a frame: enough for shares of a per cent."""
BELOW_SIGMA = 10.0
"""No honest pixel lies so far below its pedestal by noise."""
MOST_BELOW = 0.02
"""Twice the share of bad pixels that the recipe page allows."""
MOST_CONSTANT = 0.3
"""Noise of half a converter step makes one block in eight equal by chance."""
LEAST_BLOCKS = 100
"""An order with fewer says nothing."""
FLIPPED = 1.3
"""Times the contrast between orders and gaps as the frame lies: a slit image 12 px off brings it to 1, a frame the wrong way round to 1.6 or more."""
LEAST_CONTRAST_SIGMA = 10.0
"""Of the contrast's own error: in a frame without light nothing is told."""
BRIGHTEST_PERCENT = 99.0
"""Higher pixels, stars and hits, count as this one."""
ORIENTATIONS = {
    "upside down": np.s_[::-1, :],
    "mirrored left to right": np.s_[:, ::-1],
    "turned by 180 degrees": np.s_[::-1, ::-1],
}
SAME_EXPOSURE_S = 0.5
"""As the reference pipeline compares exposure times."""


def sanity_checks(values: StareInputs) -> tuple[str, ...]:
    """Sentences for the user about images that are probably not what they are taken for.

    Every eighth pixel is looked at: whether the master bias, dark or flat is one number, whether the first exposure lies far below the
    pedestal, whether its light lies where the orders would be if it were turned round, and whether exposures or flat hold one number over a part of an order; and whether rows or columns of an exposure were found
    to hold no light.
    """
    order = values.geometry.dispersion_map.order
    return (
        *_of_pedestal(values),
        *_of_flat(values.masters.flat, order),
        *orientation_warnings(values.raw[0], values.detector, order, values.masters.bias or values.masters.dark),
        *dead_line_warnings(values.raw),
        *_of_constant_parts(values, order),
    )


def _of_pedestal(values: StareInputs) -> Iterator[str]:
    """Doubts about what is subtracted: the bias, or a dark of the same exposure time."""
    masters, raw = values.masters, values.raw[0]
    if masters.bias is None and masters.dark is not None and abs(masters.dark.exptime_s - raw.observation.exptime_s) > SAME_EXPOSURE_S:
        return
    name, pedestal = ("master bias", masters.bias) if masters.bias is not None else ("dark", masters.dark)
    if pedestal is None:
        return
    level, good = _some(pedestal.electrons), _some(pedestal.flags) == 0
    if not good.any():
        return
    if np.ptp(level[good]) == 0:
        yield f"every pixel of the {name} is {level[good][0]:g}"
    data = _some(orient_and_trim(seen(raw.adu), values.detector)) * values.detector.gain_e_per_adu
    measured = good & np.isfinite(data)
    limit = BELOW_SIGMA * np.sqrt(values.detector.read_noise_e**2 + _some(pedestal.variance) + np.maximum(level, 0.0) * (name == "dark"))
    share = int(np.sum(measured & (data - level < -limit))) / max(int(np.sum(measured)), 1)
    if share > MOST_BELOW:
        yield f"{raw.name}: {share:.0%} of the pixels lie far below the {name}; one of the two is not what its header says"


def _of_flat(flat: AnyFrame | None, order: IntArray) -> Iterator[str]:
    """Doubts about the flat where orders are."""
    if flat is None:
        return
    level = _some(flat.electrons)
    level = level[(_some(flat.flags) == 0) & (level > 0) & (_some(order) > 0)]
    if level.size and np.ptp(level) == 0:
        yield f"every pixel of the master flat is {level[0]:g}"


def orientation_warnings(raw: RawFrame, detector: Detector, order: IntArray, pedestal: AnyFrame | None = None) -> Iterator[str]:
    """Doubts about the way an exposure lies: its light above the pedestal fits the orders better if these are turned round."""
    light, inside = _some(orient_and_trim(seen(raw.adu), detector)) * detector.gain_e_per_adu, _some(order) > 0
    if pedestal is not None:
        light -= _some(pedestal.electrons)
    known = np.isfinite(light)
    if not known.any() or not inside.any() or inside.all():
        return
    light = np.where(known, np.minimum(light, np.percentile(light[known], BRIGHTEST_PERCENT)), np.median(light[known]))
    error = float(np.std(light)) / np.sqrt(min(inside.sum(), (~inside).sum()))
    contrast = {name: _contrast(light, _some(order[turn]) > 0) for name, turn in ORIENTATIONS.items()}
    best, as_it_lies = max(contrast, key=lambda name: contrast[name]), max(_contrast(light, inside), 0.0)
    if contrast[best] > FLIPPED * as_it_lies and contrast[best] - as_it_lies > LEAST_CONTRAST_SIGMA * error:
        yield (
            f"{raw.name}: its light lies where the orders of the dispersion map would be if the frame were {best}; it was read out or turned "
            "another way than the calibrations"
        )


def _contrast(light: FloatArray, inside: BoolArray) -> float:
    """Mean inside orders less that between them."""
    return float(np.mean(light[inside]) - np.mean(light[~inside]))


def _of_constant_parts(values: StareInputs, order: IntArray) -> Iterator[str]:
    """Doubts about images that hold no noise in a part of an order: what was never read out, or filled in.

    Pixels that are saturated, or that the flat is known not to light, are spoken of elsewhere, as are exposures with dead lines.
    """
    for name, image, low, high in _images_with_noise(values):
        share, number = _largest_constant_share(image, order, low, high)
        del image  # its pages, before those of the next are looked at
        if share > MOST_CONSTANT:
            yield f"{name}: {share:.0%} of order {values.arm.label(number)} holds no noise, pixel after pixel the same number"


def _images_with_noise(values: StareInputs) -> Iterator[tuple[str, NDArray[Any], float, float]]:
    """Name and pixels of each exposure and of the flat, and the numbers from and below which they hold noise; one at a time, for the memory."""
    limit = values.detector.saturation_adu or np.inf
    for raw in values.raw:
        if raw.dead:
            continue
        yield raw.name, orient_and_trim(seen(raw.adu), values.detector), 0.0, limit
    flat = values.masters.flat
    if flat is not None and np.ptp(_some(flat.electrons)) > 0:
        lowest = np.finfo(np.float32).tiny  # what is not above 0 is known not to be lit
        yield "the master flat", flat.electrons, float(lowest), np.inf


def _largest_constant_share(image: NDArray[Any], order: IntArray, low: float, high: float) -> tuple[float, int]:
    """Share of blocks of 2 x 2 pixels that hold one number (from `low`, below `high`), of the order in which it is largest; that order."""
    rows = slice(0, image.shape[0] - 1, STEP_PX)
    upper, lower, inside = image[rows], image[1:][rows], order[rows][:, :-1]
    with np.errstate(invalid="ignore"):
        same = (upper[:, :-1] == upper[:, 1:]) & (lower[:, :-1] == lower[:, 1:]) & (upper[:, :-1] == lower[:, :-1])
        told = (upper[:, :-1] >= low) & (upper[:, :-1] < high)
    number = np.where(told, np.maximum(inside, 0), 0).reshape(-1)
    count = np.bincount(number)
    found = np.bincount(number[same.reshape(-1)], minlength=count.size)
    shares = np.where(count >= LEAST_BLOCKS, found / np.maximum(count, 1), 0.0)
    shares[0] = 0.0
    worst = int(np.argmax(shares))
    return float(shares[worst]), worst


def _some(image: NDArray[Any]) -> FloatArray:
    """Every eighth pixel along both axes."""
    with np.errstate(invalid="ignore"):  # of signalling NaN, which some bit patterns are
        return np.asarray(image[::STEP_PX, ::STEP_PX], dtype=np.float64)
