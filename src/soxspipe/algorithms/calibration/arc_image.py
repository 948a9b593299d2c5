"""The arc frame as the search for lines reads it, and windows cut out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, BoolImage, FloatArray, Image, IntArray, freeze

SMOOTH = np.array([0.25, 0.5, 0.25])
"""A kernel of about the width of a pinhole image (1.7 px), along each axis."""
CHUNK = 1500
"""Windows that are worked on at once; more do not fit into the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArcImage:
    """An arc frame without bias, dark or lamp-off light.

    Attributes
    ----------
    electrons : ndarray, shape (ny, nx)
        Signal.
    variance : ndarray, shape (ny, nx)
        Read noise squared and what the subtraction brought, without the photons of the arc.
    good, saturated : ndarray of bool, shape (ny, nx)
        True for use; True where the detector was full.
    """

    electrons: Image
    variance: Image
    good: BoolImage
    saturated: BoolImage

    def __post_init__(self) -> None:
        shape = self.electrons.shape
        freeze(self, electrons=shape, variance=shape, good=shape, saturated=shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.electrons.shape

    def significance(self, x: FloatArray, y: FloatArray, reach: int) -> FloatArray:
        """Smoothed light over its noise around points, shape (n, 2 reach + 1, 2 reach + 1); 0 outside the frame and on bad pixels."""
        parts = [self._significance(x[i : i + CHUNK], y[i : i + CHUNK], reach) for i in range(0, len(x), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, 2 * reach + 1, 2 * reach + 1))

    def _significance(self, x: FloatArray, y: FloatArray, reach: int) -> FloatArray:
        index, inside = cut_windows(self.shape, np.rint(x).astype(int), np.rint(y).astype(int), reach + 1)
        signal = self.electrons.reshape(-1).take(index).astype(np.float64)
        noise = np.asarray(self.variance).take(index) if self.variance.flags.c_contiguous else _taken(self.variance, index)
        good = inside & self.good.reshape(-1).take(index)
        level = np.median(
            np.where(good, signal, np.nan).reshape(len(x), -1) if good.all() else _filled(signal, good).reshape(len(x), -1), axis=1
        )
        signal = np.where(good, signal - level[:, None, None], 0.0)
        noise = np.where(good, noise + np.maximum(level, 0.0)[:, None, None], 0.0)
        weight = _smoothed(noise, SMOOTH**2)
        return np.where(weight > 0, _smoothed(signal, SMOOTH) / np.sqrt(np.maximum(weight, 1e-9)), 0.0)


def cut_windows(shape: tuple[int, int], column: IntArray, row: IntArray, reach: int) -> tuple[IntArray, BoolArray]:
    """Flat indices of square windows about pixels, shape (n, 2 reach + 1, 2 reach + 1), and which lie on the frame."""
    step = np.arange(-reach, reach + 1)
    rows, columns = row[:, None, None] + step[None, :, None], column[:, None, None] + step[None, None, :]
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return np.clip(rows, 0, shape[0] - 1) * shape[1] + np.clip(columns, 0, shape[1] - 1), inside


def _taken(image: Image, index: IntArray) -> FloatArray:
    rows, columns = np.divmod(index, image.shape[1])
    return np.asarray(image[rows, columns], dtype=np.float64)


def _filled(signal: FloatArray, good: BoolArray) -> FloatArray:
    """Signal with bad pixels at the mean of the window's good ones, which leaves the median about where it is."""
    count = np.maximum(good.sum(axis=(1, 2)), 1)
    mean = np.where(good, signal, 0.0).sum(axis=(1, 2)) / count
    return np.where(good, signal, mean[:, None, None])


def _smoothed(windows: FloatArray, kernel: FloatArray) -> FloatArray:
    """Convolution with `kernel` along both axes, one pixel lost at each side."""
    rows = kernel[0] * windows[:, :-2] + kernel[1] * windows[:, 1:-1] + kernel[2] * windows[:, 2:]
    return np.asarray(kernel[0] * rows[..., :-2] + kernel[1] * rows[..., 1:-1] + kernel[2] * rows[..., 2:])
