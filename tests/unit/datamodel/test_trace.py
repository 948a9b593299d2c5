"""Sources on the slit and where they are traced."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.trace import SlitSource


def test_light_of_one_sign() -> None:
    light = np.array([-2.0, 3.0])
    star = SlitSource(slit_arcsec=0.0, fwhm_arcsec=1.0, significance=9.0, relative_flux=-1.0)
    np.testing.assert_array_equal(star.of_its_sign(light), [-2.0, 0.0])
    other = SlitSource(slit_arcsec=0.0, fwhm_arcsec=1.0, significance=9.0, relative_flux=0.5)
    np.testing.assert_array_equal(other.of_its_sign(light), [0.0, 3.0])
