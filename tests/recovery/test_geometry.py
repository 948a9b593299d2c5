"""Geometry from lamps on whole detectors, truth known and no polynomial."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.predict_lines import candidate_lines, element_of
from soxspipe.algorithms.calibration.solve_arc import solve_arc
from soxspipe.algorithms.calibration.trace_orders import trace_orders
from soxspipe.algorithms.calibration.trace_settings import TraceSettings
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.io.simulated_facts import read_optics
from support.pinholes import PinholeScene, arc_lines, light_places, paint_images, pinhole_flat


def _frame(image: np.ndarray, noise: float, seed: int) -> ArcImage:
    draw = np.random.default_rng(seed)
    return ArcImage(
        electrons=draw.poisson(image) + draw.normal(0.0, noise, image.shape), variance=np.full(image.shape, noise**2),
        good=np.ones(image.shape, dtype=bool), saturated=np.zeros(image.shape, dtype=bool),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("arm", "noise", "out"), [("NIR", 7.3, ("Xe",)), ("VIS", 3.8, ())])
def test_cascade_of_the_geometry(arm: str, noise: float, out: tuple[str, ...]) -> None:
    prediction = read_arc_prediction("SOXS", arm)
    optics = read_optics("SOXS", arm).realigned((1.7, -2.1), 0.04, 0.0007).rippled(0.03, np.random.default_rng(11))
    ranges, axis = dict(prediction.ranges_nm), "x" if arm == "NIR" else "y"
    known = (prediction.lines.wavelength_nm, tuple(element_of(ion) for ion in prediction.lines.ion))
    elements = {"Ar", "Ne", "Hg", "Xe"} - set(out) if arm == "NIR" else {"ThAr"}
    lines, scene, start = candidate_lines(prediction, elements, optics.shape), PinholeScene(off_elements=out), None
    for holes in (np.zeros(1), prediction.mask_arcsec):
        truth = arc_lines(scene, optics, ranges, known, holes, 7)
        image = _frame(paint_images(optics.shape, truth.x, truth.y, truth.electrons, scene.sigma_px), noise, holes.size)
        solution = solve_arc(image, prediction, lines, holes, ArcSettings(), dispersion_axis=axis, start=start)
        start = start or (solution.fit.x_polynomial, solution.fit.y_polynomial)
    flat = _frame(pinhole_flat(optics, ranges, 4000.0, scene.sigma_px), noise, 3)
    centres = trace_orders(flat, start[0], start[1], ranges, axis, TraceSettings())
    along, across, traced = [], [], []
    for order, (low, high) in ranges.items():
        wave, slit = (v.ravel() for v in np.meshgrid(np.linspace(low, high, 80), np.linspace(-5.8, 5.8, 9), indexing="ij"))
        x, y = light_places(optics, order, wave, slit)
        inside = (x > 0) & (x < optics.shape[1] - 1) & (y > 0) & (y < optics.shape[0] - 1)
        fit_x, fit_y = solution.fit.pixels(np.full(wave.size, order), wave, slit)
        dx, dy = (fit_x - x)[inside], (fit_y - y)[inside]
        along.append(dx if arm == "NIR" else dy)
        across.append(dy if arm == "NIR" else dx)
        middle = inside & (np.abs(slit) < 0.1)
        b, a = (x, y) if arm == "NIR" else (y, x)
        traced.append(centres.centre(order, b[middle]) - a[middle])
    assert np.sqrt(np.mean(np.concatenate(along) ** 2)) < 0.02
    assert max(np.sqrt(np.mean(part**2)) for part in along) < 0.04
    assert np.sqrt(np.mean(np.concatenate(across) ** 2)) * 12.0 / 40.0 < 0.01
    assert np.sqrt(np.mean(np.concatenate(traced) ** 2)) < 0.02
