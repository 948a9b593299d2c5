"""A template along the slit finds a star beside the trace that it begins from."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.matched_filter import CHUNK_PX, TracedOrder, matched_offsets
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import cut_orders, middle_wavelength, rows_px_per_arcsec
from soxspipe.datamodel.arrays import FloatArray
from support.orders import make_geometry, observe

N_DISP = 600


def star(bend: float = 0.0) -> OrderData:
    """A star of 40 000 e- per pixel at 0.4 arcsec, without any sky."""
    window = cut_orders(make_geometry(n_b=N_DISP, bend=bend, spacing=60))[0]
    light = np.full(N_DISP, 4e4)
    return observe(window, np.zeros(window.index.shape), light, offset=0.4, fwhm=0.9, rng=np.random.default_rng(5)).data


def offsets(data: OrderData, start_arcsec: float) -> tuple[FloatArray, FloatArray]:
    """What the filter finds from a straight trace, and its error."""
    centre = middle_wavelength(data.window)
    one = TracedOrder(
        data=data,
        light=data.electrons,
        variance=data.variance(data.electrons),
        centre_nm=centre,
        px_per_arcsec=rows_px_per_arcsec(data.window),
    )
    rows = np.flatnonzero(np.isfinite(centre))
    _, offset, error = matched_offsets(one, rows, np.full(rows.size, start_arcsec), 0.9, 0.5 * N_DISP, keep_lines=False)
    return offset, error


@pytest.mark.parametrize(("start_arcsec", "bend"), [(0.32, 0.0), (0.48, 3.0)])
def test_a_star_is_found_from_a_trace_beside_it(start_arcsec: float, bend: float) -> None:
    """In orders that are straight, and bent by more than a pixel."""
    offset, error = offsets(star(bend), start_arcsec)
    assert offset.size == N_DISP // CHUNK_PX
    assert np.median(offset) == pytest.approx(0.4, abs=0.02)
    assert np.all((error > 0) & (error < 0.02))


def test_dispersion_pixels_without_light_say_nothing() -> None:
    data = star()
    dark = np.zeros(data.good.shape, dtype=bool)
    dark[:CHUNK_PX] = True
    offset, error = offsets(data.masked(dark), 0.4)
    assert np.isnan(offset[0])
    assert np.isnan(error[0])
    assert np.all(np.isfinite(offset[1:]))
