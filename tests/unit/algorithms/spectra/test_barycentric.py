"""Barycentric velocity and time, against astropy where its tables of the Earth's orientation reach, and by hand beyond."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from soxspipe.algorithms.spectra.barycentric import barycentric_motion, tai_minus_utc_s
from soxspipe.datamodel.site import Site

LA_SILLA = Site(name="La Silla", longitude_deg=-70.7345, latitude_deg=-29.2584, height_m=2375.0)
PLACES = [(150.2, -30.5), (10.0, 45.0), (270.0, -66.56), (201.4, 0.0)]


@pytest.mark.parametrize("mjd", [60000.1, 60736.25, 61000.3])
@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_agrees_with_astropy(mjd: float, ra: float, dec: float) -> None:
    site = EarthLocation.from_geodetic(LA_SILLA.longitude_deg * u.deg, LA_SILLA.latitude_deg * u.deg, LA_SILLA.height_m * u.m)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        when, target = Time(mjd, format="mjd", scale="utc", location=site), SkyCoord(ra * u.deg, dec * u.deg)
        velocity = target.radial_velocity_correction("barycentric", obstime=when).to_value(u.km / u.s)
        bjd = (when.tdb + when.light_travel_time(target, "barycentric")).jd
    ours = barycentric_motion(mjd, ra, dec, LA_SILLA)
    assert ours.velocity_km_s == pytest.approx(velocity, abs=1e-4)  # 0.1 m/s
    assert (ours.bjd_tdb - bjd) * 86400.0 == pytest.approx(0.0, abs=0.01)


def test_dates_to_2030_need_no_table() -> None:
    dates = np.linspace(60676.0, 62867.0, 40)  # 2025 to 2031
    velocities = np.array([barycentric_motion(mjd, 90.0, -66.5607, LA_SILLA).velocity_km_s for mjd in dates])
    assert np.abs(velocities).max() < 0.6  # at the pole of the ecliptic only the Earth's rotation and the Sun's motion are left
    year = np.array([barycentric_motion(mjd, 0.0, 0.0, LA_SILLA).velocity_km_s for mjd in 62137.0 + np.arange(0.0, 365.0, 5.0)])
    assert year.max() == pytest.approx(30.0, abs=0.7)
    assert year.min() == pytest.approx(-30.0, abs=0.7)


def test_leap_seconds() -> None:
    assert tai_minus_utc_s(57753.9) == 36.0
    assert tai_minus_utc_s(57754.0) == 37.0
    assert tai_minus_utc_s(63000.0) >= 37.0
    with pytest.raises(ValueError, match="before 1972"):
        tai_minus_utc_s(40000.0)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        barycentric_motion(float("nan"), 0.0, 0.0, LA_SILLA)


def test_stretch_is_one_plus_velocity_over_light() -> None:
    motion = barycentric_motion(60736.25, 150.2, -30.5, LA_SILLA)
    assert motion.stretch == pytest.approx(1.0 + motion.velocity_km_s / 299792.458, abs=1e-15)
