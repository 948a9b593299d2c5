"""Skies of all orders: what is masked, and which part of the slit is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.algorithms.sky.fit_skies import LARGEST_MASKED_SHARE, inside_edges, object_mask
from soxspipe.algorithms.sky.subtract_sky import SkySettings
from soxspipe.datamodel.trace import SlitSource
from support.slit_scenes import scene


def test_ends_of_the_slit_are_left_out_by_their_share() -> None:
    data = scene((0.4, 100.0))[0].data
    everything, shorter = (inside_edges(data, SkySettings(clip_slit_edge_fraction=f)) for f in (0.0, 0.1))
    slit = data.window.slit_arcsec
    inside = data.window.inside
    assert everything[inside].all()
    np.testing.assert_array_equal(shorter[inside], np.abs(slit[inside]) <= 4.8)


def test_the_mask_is_wide_enough_for_the_object_and_leaves_sky() -> None:
    orders = scene((0.4, 500.0))
    source = SlitSource(slit_arcsec=0.4, fwhm_arcsec=0.9, significance=50.0, relative_flux=1.0)
    slit, inside = orders[0].data.window.slit_arcsec, orders[0].data.window.inside
    faint = object_mask(orders[0].data, orders[0].sky, [source])
    np.testing.assert_array_equal(faint[inside], np.abs(slit[inside] - 0.4) < 1.5)
    bright = object_mask(scene((0.4, 5e5))[0].data, orders[0].sky, [source])
    assert bright.sum() > 1.5 * faint.sum()
    many = [replace(source, slit_arcsec=float(p), fwhm_arcsec=3.0) for p in (-4, 0, 4)]
    assert object_mask(orders[0].data, orders[0].sky, many)[inside].mean() <= LARGEST_MASKED_SHARE + 0.05
    assert not object_mask(orders[0].data, orders[0].sky, []).any()
