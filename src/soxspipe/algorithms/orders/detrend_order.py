"""One order of the stacked frame without bias, dark and scattered light, flattened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.algorithms.frames.detrend import exposures, make_pedestal, of_sky, subtract_pedestal
from soxspipe.algorithms.orders.order_data import OrderData, flatten_order
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.models import BackgroundModel, Light
from soxspipe.datamodel.stored_frame import AnyFrame


def detrend_order(
    stacked: AnyFrame,
    window: OrderWindow,
    background: BackgroundModel | None,
    masters: Masters,
    *,
    use_flat: bool,
    binning: tuple[int, int],
    with_off_frame: bool = False,
) -> OrderData:
    """Subtract bias, dark and scattered light from one order, and divide it by the flat.

    Parameters
    ----------
    stacked : AnyFrame
        Mean exposure.
    window : OrderWindow
        The order.
    background : BackgroundModel or None
        Scattered light.
    masters : Masters
        Those that are there are used.
    use_flat : bool
        Divide by the flat if there is one.
    binning : tuple of int
        Detector pixels per pixel along dispersion and slit.
    with_off_frame : bool
        The dark is one exposure of the sky elsewhere.

    Returns
    -------
    OrderData
    """
    frame, own = _in_double(stacked.cutout(window.cutout)), masters.cutout(window.cutout)
    pedestal = make_pedestal(frame.exptime_s, own, frame.shape)
    dark_free = subtract_pedestal(frame, of_sky(pedestal) if with_off_frame else pedestal)
    clean = dark_free if background is None else _without(dark_free, background.cutout(window))
    return flatten_order(clean, own.flat if use_flat else None, window, binning)


def _in_double(frame: Frame) -> Frame:
    """A frame whose arithmetic is in double precision, in whatever it is kept."""
    return replace(frame, electrons=frame.electrons.astype(np.float64), variance=frame.variance.astype(np.float64))


def _without(frame: Frame, background: Light) -> Frame:
    """Subtract scattered light, and add the shot noise of that light to what the frame's variance holds."""
    darker = frame.minus(background)
    return replace(darker, variance=darker.variance + np.maximum(background.electrons, 0.0) / exposures(frame))
