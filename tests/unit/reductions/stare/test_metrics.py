"""Which values go into which metric."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from soxspipe.datamodel.flags import PixelFlag
from soxspipe.reductions.stare.metrics import bad_pixels, inner_orders


class _Geometry(SimpleNamespace):
    """Compared by identity, as a geometry is."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_pixels_that_the_edge_of_the_slit_lights_in_part_are_no_defects() -> None:
    flags = np.full((2, 5), np.uint8(PixelFlag.BAD))
    flags[1] = 0
    partly_lit = np.zeros((2, 5), dtype=bool)
    partly_lit[0, :3] = True
    for mask, expected in ((None, 5), (partly_lit, 2)):
        context = SimpleNamespace(
            result=SimpleNamespace(sky_subtracted=SimpleNamespace(flags=flags)), inputs=SimpleNamespace(partly_lit=mask)
        )
        number, share = bad_pixels(context)  # type: ignore[arg-type]  # all of a context that the metric looks at
        assert number.value == expected
        assert share.value == expected / 10


def test_pixels_that_the_lamp_hardly_lights_have_no_say_in_the_level_between_the_edges() -> None:
    """Three pixels beside the object hold +1 electron; a fourth, divided by a flat of 1e-4, is off by its error of 50 000."""
    shape = (1, 5)
    flat = np.array([[1.0, 1.0, 1.0, 1.0, 1e-4]])
    slit = np.array([[0.0, 4.0, -4.0, 4.5, -4.5]])
    frame = SimpleNamespace(
        electrons=np.array([[900.0, 1.0, 1.0, 1.0, -5e4]]), variance=np.where(flat < 1, 2.5e9, 1.0), good=np.ones(shape, bool)
    )
    source = SimpleNamespace(slit_arcsec=0.0, fwhm_arcsec=1.0)
    result = SimpleNamespace(
        sky_subtracted=frame,
        residual_sigma=np.array([[0.0, 1.0, 1.0, 1.0, -1.0]]),
        trace=SimpleNamespace(sources=[source]),
        slit=SimpleNamespace(arcsec={}),
    )
    mapped = SimpleNamespace(order=np.full(shape, 11), slit_arcsec=slit)
    inputs = SimpleNamespace(
        geometry=_Geometry(dispersion_map=mapped, arm=SimpleNamespace(half_slit_arcsec=5.5)),
        masters=SimpleNamespace(flat=SimpleNamespace(electrons=flat)),
    )
    found = {metric.name: metric.value for metric in inner_orders(SimpleNamespace(result=result, inputs=inputs))}  # type: ignore[arg-type]
    assert found["INNER ORDER PIX MEAN"] == 1.0
    assert found["INNER ORDER PIX SUM"] == 903.0
