"""Stars of an off-frame: light that is missing is found, and only when it is looked for."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.objects.find_object import FoundObject, find_object
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.algorithms.sky.subtract_sky import first_sky
from soxspipe.datamodel.trace import SlitSource
from support.orders import make_geometry, moffat_shares, observe, order_data, position, sky_light

N_B = 300
WINDOW = cut_orders(make_geometry(n_b=N_B))[0]


def seen(star_e: float, *, with_negatives: bool) -> FoundObject:
    """An object at -2 arcsec, and a star of the off-frame at +2.5."""
    rng = np.random.default_rng(7)
    made = observe(WINDOW, sky_light(position(WINDOW)), np.full(N_B, 800.0), offset=-2.0, rng=rng)
    missing = star_e * moffat_shares(WINDOW, 2.5)
    data = order_data(WINDOW, made.data.electrons - missing, 60.0)
    return find_object([data], (first_sky(data),), half_length_arcsec=6.0, named_arcsec=None, with_negatives=with_negatives)


def test_a_star_of_the_off_frame_is_found() -> None:
    found = seen(1600.0, with_negatives=True)
    assert found.source is not None
    assert found.source.slit_arcsec == pytest.approx(-2.0, abs=0.15)
    (star,) = [source for source in found.sources if source.relative_flux < 0]
    assert star.slit_arcsec == pytest.approx(2.5, abs=0.15)


@pytest.mark.parametrize(("star_e", "with_negatives"), [(1600.0, False), (0.0, True)])
def test_else_there_is_none(star_e: float, with_negatives: bool) -> None:
    assert all(source.relative_flux > 0 for source in seen(star_e, with_negatives=with_negatives).sources)


def test_light_of_one_sign() -> None:
    light = np.array([-2.0, 3.0])
    star = SlitSource(slit_arcsec=0.0, fwhm_arcsec=1.0, significance=9.0, relative_flux=-1.0)
    np.testing.assert_array_equal(star.of_its_sign(light), [-2.0, 0.0])
    other = SlitSource(slit_arcsec=0.0, fwhm_arcsec=1.0, significance=9.0, relative_flux=0.5)
    np.testing.assert_array_equal(other.of_its_sign(light), [0.0, 3.0])
