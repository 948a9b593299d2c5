"""Orders sheared by whole pixels, so that their rows follow the tilted lines of the sky instead of detector columns."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import FloatArray, IntArray

ROUNDS = 3
"""Clipping and fitting in turn; few outliers are left for the last."""


def follow_lines(fit: SkyFit, shares: FloatArray) -> tuple[SkyFit, FloatArray]:
    """Gather the pixels of an order by wavelength, to the nearest pixel.

    Row b then holds the pixels whose wavelength is nearest to that of dispersion pixel b at slit centre.  Nothing is interpolated: each
    pixel keeps its value, variance, wavelength and slit position.  Where the tilt changes by a pixel along the order, one pixel is left
    out or taken twice.

    Parameters
    ----------
    fit : SkyFit
        An order with its sky.
    shares : ndarray, shape of the window
        Object profile along columns.  It stays normalised to them: in an inclined order pixels along a tilted line lie a little closer
        or wider than along a column, and the flux is meant per detector column.

    Returns
    -------
    SkyFit
        The same sky on the sheared order.
    ndarray, shape of the window
        The profile there; 0 where there is no pixel.
    """
    source, there = _sources(fit.data)

    def gathered(values: NDArray[Any]) -> NDArray[Any]:
        return values.take(source)

    window = fit.data.window
    inside = gathered(window.inside) & there
    sheared = replace(
        window,
        index=gathered(window.index),
        wavelength_nm=np.where(inside, gathered(window.wavelength_nm), np.nan),
        slit_arcsec=np.where(inside, gathered(window.slit_arcsec), np.nan),
        inside=inside,
    )
    names = [field.name for field in fields(OrderData) if field.name not in ("window", "binning", "good", "noise")]
    arrays: dict[str, Any] = {name: gathered(getattr(fit.data, name)) for name in names}
    data = replace(fit.data, window=sheared, good=gathered(fit.data.good) & there, noise=fit.data.noise.at(source), **arrays)
    uneven = None if fit.uneven is None else fit.uneven.gathered(gathered)
    sheared_fit = replace(fit, data=data, electrons=gathered(fit.electrons), used=gathered(fit.used) & there, uneven=uneven)
    return sheared_fit, np.where(there, gathered(shares), 0.0)


def _sources(data: OrderData) -> tuple[IntArray, NDArray[np.bool_]]:
    """Pixel of the window (flat index) that each pixel of the sheared one is taken from, and whether there is one."""
    window = data.window
    n_rows, n_columns = window.index.shape
    here, a_px = np.arange(n_rows)[:, None], window.a_px
    ahead = np.where(window.inside, data.u_px - window.b_px[:, None], 0.0)
    rows = np.broadcast_to(here, window.index.shape)
    columns = np.broadcast_to(np.arange(n_columns), window.index.shape)
    for _ in range(ROUNDS):
        moved = here - np.round(ahead[rows, columns]).astype(np.int64)
        rows = np.clip(moved, 0, n_rows - 1)
        shifted = a_px - window.a_start[rows]  # the same detector pixel along the slit: the window's columns follow the order
        columns = np.clip(shifted, 0, n_columns - 1)
    return rows * n_columns + columns, (rows == moved) & (columns == shifted)
