"""Two orders of a flat whose edges are known."""

import numpy as np
from scipy.special import erf

N_B, N_A = 600, 160
"""Rows and columns."""
B = np.arange(N_B)


def slit_image(low, high, blur=0.4):
    """Light of a slit between edges, pixels of finite size, dispersion along axis 0."""
    fine = np.arange(N_A * 20)[None, :] / 20.0 - 0.475
    light = 0.5 * (erf((fine - low[:, None]) / blur / np.sqrt(2)) - erf((fine - high[:, None]) / blur / np.sqrt(2)))
    return light.reshape(N_B, N_A, 20).mean(axis=2)


def two_orders(seed=1, level=20000.0, glow=0.0):
    """Two orders whose edges are not parallel to each other."""
    rng = np.random.default_rng(seed)
    edges = {
        5: (30.0 + 0.02 * B + 3e-5 * (B - 300.0) ** 2, 60.0 + 0.021 * B + 3e-5 * (B - 300.0) ** 2),
        6: (90.0 + 0.02 * B, 124.0 + 0.018 * B),
    }
    blaze = level * np.exp(-(((B - 300.0) / 400.0) ** 2))
    image = sum(slit_image(*pair) for pair in edges.values()) * blaze[:, None] + glow
    noisy = rng.poisson(image) * (1.0 + 0.01 * rng.normal(size=image.shape)) + 5.0 * rng.normal(size=image.shape)
    return edges, noisy, np.maximum(image, 0.0) + 25.0
