"""Lamps of the flats: their colours."""

import numpy as np

from soxspipe.simulate.lamps import deuterium


def test_deuterium_is_blue():
    assert deuterium(np.array(350.0)) > 5 * deuterium(np.array(800.0))
