"""A small echelle with a lit pinhole mask, painted from a geometry of its own: what the search for lines is tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.dispersion_basis import echelle_basis, surface_powers
from soxspipe.algorithms.calibration.predict_lines import ArcLines, ArcPrediction, LampLines, pixels_of
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.geometry import DispersionPolynomial

SHAPE = (300, 420)
ORDERS = (10, 11, 12, 13, 14)
SCALES = (10000.0, 400.0, 12.0, 2.0)
MASK = 1.4 * (np.arange(9) - 4.0)
SIGMA_PX = 0.8


def small_prediction(n_lines: int = 22, seed: int = 3) -> ArcPrediction:
    """Five orders of 420 px, 50 px apart, with lines of two lamps at random wavelengths."""
    rng = np.random.default_rng(seed)
    terms = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (0, 2, 0)])
    x = np.array([210.0, 215.0, 6.0, -4.0, 3.0, -2.0, 1.0])
    y = np.array([150.0, -6.0, 9.0, 100.0, 4.0, 18.0, 2.0])
    ranges = {order: ((SCALES[0] - SCALES[1]) / order, (SCALES[0] + SCALES[1]) / order) for order in ORDERS}
    waves = np.sort(np.concatenate([rng.uniform(low + 1, high - 1, n_lines) for low, high in ranges.values()]))
    lines = LampLines(
        wavelength_nm=waves, ion=tuple("ArI" if k % 2 else "NeI" for k in range(waves.size)), doubtful=np.zeros(waves.size, dtype=bool)
    )
    polynomials = [DispersionPolynomial(coefficients=surface_powers(terms, c, SCALES, 6.0)) for c in (x, y)]
    return ArcPrediction(
        basis=echelle_basis(ranges, SCALES, 6.0), x=polynomials[0], y=polynomials[1], lines=lines, mask_arcsec=MASK, ranges_nm=ranges,
        expected=np.zeros((2, 0)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How the true geometry differs from the predicted one: shift (px), rotation (degrees), stretch, and a wave that is no polynomial (px)."""

    dx: float = 0.0
    dy: float = 0.0
    rotation_deg: float = 0.0
    stretch: float = 0.0
    wave_px: float = 0.0

    def place(self, prediction: ArcPrediction, order: FloatArray, wave: FloatArray, slit: FloatArray) -> tuple[FloatArray, FloatArray]:
        """True pixels."""
        x, y = pixels_of(prediction.x, prediction.y, order, wave, slit)
        u, v = x - SHAPE[1] / 2, y - SHAPE[0] / 2
        angle = np.radians(self.rotation_deg)
        x = x + self.dx + u * self.stretch + u * (np.cos(angle) - 1) - v * np.sin(angle)
        y = y + self.dy + v * self.stretch + v * (np.cos(angle) - 1) + u * np.sin(angle)
        ripple = self.wave_px * np.sin(2 * np.pi * u / SHAPE[1] + 1.0) * np.cos(1.7 * np.pi * v / SHAPE[0])
        return x + ripple, y - ripple


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaintedArc:
    """An arc frame, true pixels of each line's images (n_lines, n_pinholes), and which lines are lit."""

    image: ArcImage
    x: FloatArray
    y: FloatArray
    lit: BoolArray


def paint_arc(
    prediction: ArcPrediction,
    lines: ArcLines,
    slit: FloatArray,
    motion: Motion,
    *,
    electrons: float = 8000.0,
    missing: float = 0.05,
    unlisted: int = 12,
    seed: int = 1,
    read_noise_e: float = 5.0,
) -> PaintedArc:
    """Paint the lines of one frame, some of them missing, with some that no list has."""
    rng = np.random.default_rng(seed)
    x, y = motion.place(prediction, lines.order[:, None], lines.wavelength_nm[:, None], slit[None, :])
    lit = rng.random(len(lines)) > missing
    light = electrons * rng.lognormal(0.0, 0.8, len(lines)) * lit
    image = np.zeros(SHAPE)
    add_spots(image, x, y, np.broadcast_to(light[:, None], x.shape))
    order = rng.choice(ORDERS, unlisted)
    wave = np.array([rng.uniform(*prediction.ranges_nm[int(number)]) for number in order])
    extra = motion.place(prediction, order[:, None], wave[:, None], slit[None, :])
    add_spots(image, *extra, np.broadcast_to(electrons * rng.lognormal(0.0, 0.5, unlisted)[:, None], extra[0].shape))
    noisy = rng.poisson(np.maximum(image, 0.0)) + rng.normal(0.0, read_noise_e, SHAPE)
    return PaintedArc(image=arc_image(noisy, read_noise_e), x=x, y=y, lit=lit)


def arc_image(electrons: FloatArray, read_noise_e: float = 5.0) -> ArcImage:
    """A frame all of whose pixels are good."""
    shape = electrons.shape
    return ArcImage(
        electrons=electrons,
        variance=np.full(shape, read_noise_e**2),
        good=np.ones(shape, dtype=bool),
        saturated=np.zeros(shape, dtype=bool),
    )


def add_spots(image: FloatArray, x: FloatArray, y: FloatArray, light: FloatArray, sigma: float = SIGMA_PX) -> None:
    """Add Gaussian images to a frame."""
    for at_x, at_y, electrons in zip(x.ravel(), y.ravel(), light.ravel(), strict=True):
        if electrons <= 0 or not (-5 < at_x < image.shape[1] + 5 and -5 < at_y < image.shape[0] + 5):
            continue
        rows = np.arange(max(0, int(at_y) - 6), min(image.shape[0], int(at_y) + 8))
        columns = np.arange(max(0, int(at_x) - 6), min(image.shape[1], int(at_x) + 8))
        if rows.size and columns.size:
            spot = np.exp(-0.5 * (((rows[:, None] - at_y) / sigma) ** 2 + ((columns[None, :] - at_x) / sigma) ** 2))
            image[np.ix_(rows, columns)] += electrons / (2 * np.pi * sigma**2) * spot


def without(painted: PaintedArc, holes: tuple[int, ...], seed: int = 5) -> PaintedArc:
    """The frame with some pinholes dark: their light is replaced by noise."""
    rng = np.random.default_rng(seed)
    electrons = np.array(painted.image.electrons)
    for hole in holes:
        for at_x, at_y in zip(painted.x[:, hole], painted.y[:, hole], strict=True):
            rows, columns = slice(max(0, round(at_y) - 2), max(0, round(at_y) + 3)), slice(max(0, round(at_x) - 3), max(0, round(at_x) + 4))
            electrons[rows, columns] = rng.normal(0.0, 5.0, electrons[rows, columns].shape)
    return replace(painted, image=arc_image(electrons))
