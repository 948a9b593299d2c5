"""Orders sheared along their tilted lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder, ExtractionSettings, extract_order
from soxspipe.algorithms.orders.along_lines import follow_lines
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import SkyFit, SkySettings, fit_order_sky
from support.orders import TinyOrder, make_geometry, observe, position, sky_light

TILT = 1.2
OFFSET = 0.5
FWHM = 1.8
LINE_AT, LINE_SIGMA, LINE_ELECTRONS = 150.0, 1.0, 3000.0


def scene(*, bend: float = 12.0, sign: int = 1) -> tuple[TinyOrder, SkyFit]:
    """An order with lines tilted by 1.2 px per arcsec, an object of steady continuum and one narrow line, and its fitted sky."""
    (window,) = cut_orders(make_geometry(tilt=TILT, bend=bend, sign=sign, spacing=70))
    u = position(window, TILT)
    made = observe(
        window,
        sky_light(u, lines=((60.0, 3000.0), (220.0, 5000.0))),
        np.full(300, 500.0),
        offset=OFFSET,
        fwhm=FWHM,
    )
    at_trace = u - TILT * OFFSET  # the line is where the trace has it, tilted about it
    line = LINE_ELECTRONS * np.exp(-0.5 * ((at_trace - LINE_AT) / LINE_SIGMA) ** 2) / (LINE_SIGMA * np.sqrt(2 * np.pi))
    light = np.where(window.inside, line * made.shares, 0.0)
    data = replace(made.data, electrons=made.data.electrons + light)
    keep = np.abs(np.nan_to_num(window.slit_arcsec, nan=9.0) - OFFSET) > 3.0
    return made, fit_order_sky(data, SkySettings(), keep=keep)


def width_of_line(order: ExtractedOrder) -> float:
    rows = np.arange(LINE_AT - 8, LINE_AT + 9).astype(int)
    light = order.flux[rows] - 500.0
    middle = np.sum(rows * light) / light.sum()
    return float(np.sqrt(np.sum((rows - middle) ** 2 * light) / light.sum()))


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_hold_one_wavelength(sign: int) -> None:
    made, fit = scene(sign=sign)
    sheared = follow_lines(fit, made.shares)[0]
    window = sheared.data.window
    inside = window.inside[20:-20]
    off = (sheared.data.u_px - window.b_px[:, None])[20:-20][inside]
    assert np.abs(off).max() <= 0.75
    before = (fit.data.u_px - window.b_px[:, None])[fit.data.window.inside]
    assert np.abs(before).max() > 5.0
    assert inside.mean() > 0.95 * fit.data.window.inside.mean()


def test_pixels_keep_what_they_hold() -> None:
    made, fit = scene()
    sheared = follow_lines(fit, made.shares)[0]
    frame = np.zeros(fit.data.window.index.max() + 1)
    frame[fit.data.window.index] = fit.data.electrons
    inside = sheared.data.window.inside
    np.testing.assert_array_equal(frame[sheared.data.window.index][inside], sheared.data.electrons[inside])
    # slit-axis pixels are where the window says
    a_px = np.broadcast_to(sheared.data.window.a_px, inside.shape)
    np.testing.assert_array_equal(sheared.data.window.index[inside] // 300, a_px[inside])


def test_lines_of_a_wide_object_come_out_narrower_and_keep_their_flux() -> None:
    made, fit = scene()
    columns = extract_order(fit.data, fit, made.shares, ExtractionSettings())
    sheared, shares = follow_lines(fit, made.shares)
    lines = extract_order(sheared.data, sheared, shares, ExtractionSettings())
    assert width_of_line(columns) > 1.25 * LINE_SIGMA
    assert width_of_line(lines) < 1.10 * LINE_SIGMA
    rows = slice(int(LINE_AT) - 8, int(LINE_AT) + 9)
    for order in (columns, lines):
        assert np.nansum(order.flux[rows] - 500.0) == pytest.approx(LINE_ELECTRONS, rel=0.05)
    error = np.sqrt(np.median(lines.flux_variance[30:130]) / np.median(columns.flux_variance[30:130]))
    assert error == pytest.approx(1.0, abs=0.03)
