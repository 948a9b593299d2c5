"""By how much the orders of an exposure lie off the calibrations.

The law of the SOXS bands is what was seen on 72 arcs of 18 nights: shifts along the dispersion, px, night minus day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from soxspipe.simulate.detector import stream
from soxspipe.simulate.scene import Scene

BAND_R, BAND_U, BAND_G, BAND_I = 1, 2, 3, 4


class _Law(NamedTuple):
    """Share of another band's shift, px per change of the cosine and the sine of the rotator angle, and scatter, px."""

    share: float
    cosine: float
    sine: float
    scatter_px: float


_R_FROM_I = _Law(1.104, 0.554, -0.120, 0.364)
_FROM_MEAN_OF_R_AND_I = {BAND_U: _Law(-2.714, -4.624, -5.170, 0.96), BAND_G: _Law(-3.489, -5.233, -5.935, 1.14)}


def dispersion_flexure(scene: Scene, orders: Iterable[int]) -> dict[int, float]:
    """Shift of every order along the dispersion, px, true minus calibration."""
    numbers = sorted(orders)
    middle = 0.5 * (numbers[0] + numbers[-1])
    common = {order: scene.flexure_dispersion_px + scene.flexure_tilt_px * (order - middle) for order in numbers}
    by_law = _by_law(scene) if scene.flexure_by_law else {}
    chosen = common | by_law | dict(scene.flexure_dispersion_order_px)
    return {order: chosen[order] for order in numbers}


def slit_flexure(scene: Scene, orders: Iterable[int]) -> dict[int, float]:
    """Shift of every order along the slit axis, px, true minus calibration."""
    turned = scene.flexure_slit_turn_px * _turned(scene)[1] if scene.flexure_slit_turn_px else 0.0
    return {order: scene.flexure_slit_order_px.get(order, scene.flexure_slit_px) + turned for order in orders}


def moves(scene: Scene) -> bool:
    """Whether exposures fall anywhere else than calibrations."""
    everywhere = (scene.flexure_dispersion_px, scene.flexure_slit_px, scene.flexure_tilt_px, scene.flexure_slit_turn_px)
    single = (scene.flexure_dispersion_order_px, scene.flexure_slit_order_px, scene.flexure_bend_px)
    return any(everywhere) or scene.flexure_by_law or any(single)


def _turned(scene: Scene) -> tuple[float, float]:
    """Change of the cosine and the sine of the rotator angle from arc to exposures."""
    night, day = (np.radians(angle or 0.0) for angle in (scene.rotator_deg, scene.arc_rotator_deg))
    return float(np.cos(night) - np.cos(day)), float(np.sin(night) - np.sin(day))


def _by_law(scene: Scene) -> dict[int, float]:
    """Shifts of all bands from that of i and the two rotator angles, each with its scatter."""
    turned = _turned(scene)
    draw = stream(scene.seed, "flexure")

    def follow(law: _Law, leader_px: float) -> float:
        noise = scene.flexure_law_scatter * law.scatter_px * float(draw.normal())
        return law.share * leader_px + law.cosine * turned[0] + law.sine * turned[1] + noise

    of_i = scene.flexure_dispersion_px
    of_r = follow(_R_FROM_I, of_i)
    return {BAND_I: of_i, BAND_R: of_r} | {band: follow(law, 0.5 * (of_r + of_i)) for band, law in _FROM_MEAN_OF_R_AND_I.items()}
