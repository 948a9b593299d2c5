"""Levels that the read-out adds to an exposure, whatever light falls on it."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, Image
from soxspipe.simulate.scene import Scene

CHANNELS = 32
"""Of the read-out, side by side along x."""


def read_out_pattern(scene: Scene, shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Level that the read-out adds: of channels, of rows, of odd rows and columns, of a part; electrons, another in each exposure."""
    pattern = np.zeros(shape)
    if scene.channel_offsets_e:
        channel = np.arange(shape[1]) * CHANNELS // shape[1]
        pattern += scene.channel_offsets_e * rng.normal(size=CHANNELS)[channel][None, :]
    if scene.stripes_e:
        pattern += scene.stripes_e * _pink(shape[0], rng)[:, None]
    if scene.row_levels_e:
        pattern += scene.row_levels_e * rng.normal(size=shape[0])[:, None]
    if scene.step_e:
        column, row = (int(share * size) for share, size in zip(scene.step_from, shape[::-1], strict=True))
        pattern[row:, column:] += scene.step_e
    odd_rows, odd_columns = (np.arange(size) % 2 for size in shape)
    return pattern + scene.odd_even_e * odd_rows[:, None] + scene.odd_even_columns_e * odd_columns


def _pink(size: int, rng: np.random.Generator) -> FloatArray:
    """Numbers of rms 1 whose power falls with the frequency, about 0."""
    spectrum = np.fft.rfft(rng.normal(size=size))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0.0
    numbers = np.fft.irfft(spectrum, size)
    return np.asarray(numbers / numbers.std())
