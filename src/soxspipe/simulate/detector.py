"""From electrons that should be there to the numbers that are read out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import convolve, gaussian_filter, zoom

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image
from soxspipe.datamodel.detector import Detector
from soxspipe.simulate.scene import Scene

_SCATTER_BLOCK_PX = 16
"""Scattered light is smooth: blocks are enough."""
_SCATTER_SIGMA_BLOCKS = 8.0
"""128 pixels: scattered light varies over hundreds."""
_TRACK_STEP_PX = 0.2
"""Smaller than the spread of the charge."""
_GHOST_SIGMA_PX = 2.0
"""Ghosts are out of focus."""
_FLAT_ERROR_SIGMA_PX = 3.0
"""Bumps as wide as dust and stains."""
_CHARGE_SPREAD_PX = 0.35
"""Diffusion in a thick detector."""


def stream(seed: int, component: str, number: int = 0) -> np.random.Generator:
    """Independent random numbers of one component of a scene; adding another component or exposure changes none of them."""
    return np.random.default_rng([seed, zlib.crc32(component.encode()), number])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chip:
    """The detector of one scene, trimmed and binned, shape (ny, nx).

    Attributes
    ----------
    response : ndarray
        Pixel response of sound pixels, about 1.
    defect_response : ndarray
        Factor on top of it: 1 except in dead pixels and bad columns.
    dark_e_per_s : ndarray
        Dark current, with hot pixels and bad columns.
    bias_e : ndarray
        Level read without light, electrons.
    hot, dead : ndarray of bool
        Which pixels are bad, and why.
    gain_e_per_adu, read_noise_e, saturation_e : float
        Read-out.
    row_noise : ndarray, shape (ny, 1)
        Read noise of each row of an exposure over `read_noise_e`.
    """

    response: Image
    defect_response: Image
    dark_e_per_s: Image
    bias_e: Image
    hot: BoolImage
    dead: BoolImage
    gain_e_per_adu: float
    read_noise_e: float
    saturation_e: float
    row_noise: FloatArray

    @property
    def read_variance(self) -> FloatArray:
        """Of the read noise of an exposure, electrons squared, shape (ny, 1)."""
        return np.asarray(np.square(self.read_noise_e * self.row_noise))

    @property
    def bad(self) -> BoolImage:
        """Hot or dead."""
        return self.hot | self.dead


def make_chip(
    scene: Scene, shape: tuple[int, int], *, gain_e_per_adu: float, read_noise_e: float, column_through: tuple[int, int] | None
) -> Chip:
    """Make the detector of a scene.

    Parameters
    ----------
    scene : Scene
        Defects and levels.
    shape : tuple of int
        Rows and columns, trimmed and binned.
    gain_e_per_adu, read_noise_e : float
        Where the scene leaves them open.
    column_through : tuple of int or None
        Pixel (y, x) that one more bad column must pass.
    """
    near_infrared = scene.arm == "NIR"
    binned_area = scene.binning[0] * scene.binning[1]
    draw = stream(scene.seed, "pixels")
    response = np.clip(1.0 + scene.prnu * draw.normal(size=shape), 0.5, 1.5)
    dark_level = (0.03 if near_infrared else 0.0005) if scene.dark_e_per_s is None else scene.dark_e_per_s
    dark = dark_level * binned_area * np.clip(1.0 + 0.2 * draw.normal(size=shape), 0.1, None)
    defects = stream(scene.seed, "defects")
    hot = defects.random(size=shape) < scene.hot_pixels
    dark[hot] += 10.0 ** defects.uniform(0.0, 2.3, size=int(hot.sum())) * (1.0 if near_infrared else 0.3)
    dead = defects.random(size=shape) < scene.dead_pixels
    defect_response = np.ones(shape)
    defect_response[dead] = defects.uniform(0.0, 0.4, size=int(dead.sum()))
    number = (0 if near_infrared else 3) if scene.bad_columns is None else scene.bad_columns
    places = [(int(defects.integers(0, shape[0])), int(defects.integers(0, shape[1]))) for _ in range(number)]
    starts = [int(row * 0.6) for row, _ in places]
    if column_through is not None:
        places.append(column_through)
        starts.append(max(column_through[0] - shape[0] // 4, 0))
    for start, (_, column) in zip(starts, places, strict=True):
        defect_response[start:, column] = defects.uniform(0.2, 0.6)
        dark[start:, column] += defects.uniform(0.2, 1.0)
        dead[start:, column] = True
    bias_adu = (2.0 if near_infrared else 300.0) if scene.bias_adu is None else scene.bias_adu
    gain = scene.gain_e_per_adu or gain_e_per_adu
    pattern = 0.4 * draw.normal(size=(1, shape[1])) + np.linspace(-1.0, 1.0, shape[0])[:, None]
    return Chip(
        response=response,
        defect_response=defect_response,
        dark_e_per_s=dark,
        bias_e=bias_adu * gain + pattern,
        hot=hot,
        dead=dead,
        gain_e_per_adu=gain,
        read_noise_e=scene.read_noise_e or read_noise_e,
        saturation_e=scene.saturation_e or (120000.0 if near_infrared else 200000.0),
        row_noise=_row_noise(scene, shape[0]),
    )


def _row_noise(scene: Scene, rows: int) -> FloatArray:
    """1 for ordinary rows, more for noisy ones, shape (rows, 1)."""
    noisy = stream(scene.seed, "noisy rows").random(size=(rows, 1)) < scene.noisy_rows
    return np.where(noisy, scene.noisy_rows_factor, 1.0)


def scattered(light: Image, share: float) -> Image:
    """A share of all the light, spread by a Gaussian of 128 pixels; part of it leaves the detector."""
    if share == 0:
        return np.zeros_like(light)
    ny, nx = light.shape
    block = _SCATTER_BLOCK_PX
    padded = np.pad(light, ((0, -ny % block), (0, -nx % block)))
    coarse = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block).sum(axis=(1, 3)) / block**2
    smooth = gaussian_filter(coarse, _SCATTER_SIGMA_BLOCKS, mode="nearest")
    return np.asarray(share * np.clip(zoom(smooth, block, order=1, mode="nearest", grid_mode=True)[:ny, :nx], 0.0, None))


def ghost(light: Image, share: float) -> Image:
    """A share of all light, point-reflected about the detector's middle and out of focus."""
    return np.asarray(share * gaussian_filter(light[::-1, ::-1], _GHOST_SIGMA_PX)) if share else np.zeros_like(light)


def fringe_pattern(shape: tuple[int, int], amplitude: float, phase: float) -> Image:
    """Interference in the detector's layers: 1 with wavy stripes; exposures and flat differ in `phase` as their light comes from elsewhere."""
    y, x = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    return np.asarray(1.0 + amplitude * np.sin(2.0 * np.pi * (y / 23.0 + x / 61.0 + 0.4 * np.sin(2.0 * np.pi * x / 400.0)) + phase))


def smooth_noise(shape: tuple[int, int], rms: float, rng: np.random.Generator) -> Image:
    """1 with a random error that is alike within some pixels."""
    if not rms:
        return np.ones(shape)
    bumps = gaussian_filter(rng.normal(size=shape), _FLAT_ERROR_SIGMA_PX)
    return np.asarray(1.0 + rms * bumps / bumps.std())


def cosmic_rays(shape: tuple[int, int], pixel_cm: float, minutes: float, rate: float, rng: np.random.Generator) -> tuple[Image, int]:
    """Charge left by cosmic rays, electrons, and how many there were.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    pixel_cm : float
        Pixel size (geometric mean of both axes, binned).
    minutes : float
        Exposure time.
    rate : float
        Hits per square cm and minute.
    rng : Generator
        Random numbers.

    Notes
    -----
    A hit is a straight track with an exponential length (mean 3.5 pixels) and a charge per pixel from a log-normal distribution around
    700 electrons; charge spreads by 0.35 pixels.
    """
    image = np.zeros(shape)
    number = int(rng.poisson(rate * minutes * shape[0] * shape[1] * pixel_cm**2))
    for _ in range(number):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        angle, length = rng.uniform(0, 2 * np.pi), min(rng.exponential(3.5), 60.0)
        density = 700.0 * np.exp(0.8 * rng.normal())
        _deposit_track(image, (y, x), (np.sin(angle), np.cos(angle)), length, density)
    return image, number


def expose(chip: Chip, light_e: Image, exptime_s: float, cosmic_e: Image, rng: np.random.Generator, *, integrations: int = 1) -> Image:
    """Read out one exposure: electrons with every noise, before digitisation.

    Parameters
    ----------
    chip : Chip
        The detector.
    light_e : ndarray, shape (ny, nx)
        Expected electrons of sound pixels (object, sky and scattered light), response of the pixels included.
    exptime_s : float
        Exposure time.
    cosmic_e : ndarray, shape (ny, nx)
        Charge of cosmic rays.
    rng : Generator
        Random numbers.
    integrations : int
        That the exposure is the mean of; light is that of one, charge of cosmic rays that of the mean.
    """
    expected = light_e * chip.defect_response + chip.dark_e_per_s * exptime_s
    charge = np.minimum(rng.poisson(expected * integrations) / integrations + cosmic_e, chip.saturation_e)
    return np.asarray(charge + chip.bias_e + read_noise(chip) * chip.row_noise / np.sqrt(integrations) * rng.normal(size=charge.shape))


def flaws(scene: Scene, charge: Image, chip: Chip) -> Image:
    """What the wells and their neighbours make of charge: response that bends towards full well, and inter-pixel coupling."""
    bent = charge if scene.nonlinearity == 0 else charge * (1.0 - scene.nonlinearity * np.clip(charge / chip.saturation_e, 0.0, 1.0))
    if scene.coupling == 0:
        return bent
    alpha = scene.coupling
    kernel = np.array([[0.0, alpha, 0.0], [alpha, 1.0 - 4.0 * alpha, alpha], [0.0, alpha, 0.0]])
    return np.asarray(convolve(bent, kernel, mode="nearest"))


def read_noise(chip: Chip) -> float:
    """Noise to add before rounding to ADU, so that the noise of the rounded number is the read noise as quoted."""
    return float(np.sqrt(max(chip.read_noise_e**2 - chip.gain_e_per_adu**2 / 12.0, 0.01)))


def read_out(
    scene: Scene,
    detector: Detector,
    raw_shape: tuple[int, int],
    electrons: Image,
    chip: Chip,
    rng: np.random.Generator,
    *,
    drift_e: float = 0.0,
) -> Image:
    """Digitise, and put the science pixels into the frame as the detector delivers it (untrimmed, unrotated).

    Parameters
    ----------
    scene, detector, raw_shape, chip
        What is read out, and into which frame.
    electrons : ndarray, shape (ny, nx)
        Of the trimmed frame.
    rng : Generator
        Random numbers of the pixels around the science area.
    drift_e : float
        Level of the read-out against that of the chip; `electrons` hold it already.
    """
    binned = replace(detector, binning=scene.binning)
    rows, columns = raw_shape if detector.quarter_turns % 2 == 0 else raw_shape[::-1]
    shape = (rows // scene.binning[1], columns // scene.binning[0])
    raw = np.median(chip.bias_e) + drift_e + chip.read_noise_e * rng.normal(size=shape)
    raw[binned.row_slice, binned.column_slice] = electrons
    adu = np.rint(raw * scene.integrations / chip.gain_e_per_adu) / scene.integrations
    turned = np.rot90(adu, -detector.quarter_turns)
    return np.ascontiguousarray(turned.astype(np.float32) if scene.arm == "NIR" else np.clip(turned, 0, 65535).astype(np.uint16))


def mean_of_frames(chip: Chip, expected_e: Image, frames: int, rng: np.random.Generator) -> Image:
    """Mean of several frames of the same light: exact in distribution (a sum of Poisson numbers is one)."""
    charge = np.minimum(rng.poisson(expected_e * frames) / frames, chip.saturation_e)
    return np.asarray(charge + chip.read_noise_e / np.sqrt(frames) * rng.normal(size=charge.shape))


def bin_sum(image: FloatArray, binning: tuple[int, int]) -> Image:
    """Add pixels in blocks of (x, y) `binning`."""
    bx, by = binning
    if binning == (1, 1):
        return image
    ny, nx = image.shape
    return np.asarray(image[: ny // by * by, : nx // bx * bx].reshape(ny // by, by, nx // bx, bx).sum(axis=(1, 3)))


def _deposit_track(image: Image, start: tuple[float, float], direction: tuple[float, float], length: float, density_e: float) -> None:
    reach = 4
    steps = max(int(length / _TRACK_STEP_PX), 1)
    along = np.linspace(0.0, length, steps)
    y, x = start[0] + along * direction[0], start[1] + along * direction[1]
    y0, x0 = int(y.min()) - reach, int(x.min()) - reach
    rows, columns = np.arange(y0, int(y.max()) + reach + 1), np.arange(x0, int(x.max()) + reach + 1)
    in_y = np.exp(-0.5 * ((rows[:, None] - y[None, :]) / _CHARGE_SPREAD_PX) ** 2)
    in_x = np.exp(-0.5 * ((columns[None, :] - x[:, None]) / _CHARGE_SPREAD_PX) ** 2)
    charge = in_y @ in_x * (density_e * max(length, 1.0) / steps / (2 * np.pi * _CHARGE_SPREAD_PX**2))
    use_y, use_x = (rows >= 0) & (rows < image.shape[0]), (columns >= 0) & (columns < image.shape[1])
    if use_y.any() and use_x.any():
        image[np.ix_(rows[use_y], columns[use_x])] += charge[np.ix_(use_y, use_x)]
