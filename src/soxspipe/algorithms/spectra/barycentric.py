"""Velocity of the observer towards a target against the barycentre of the solar system, and when its light would pass there.

The Earth's place and motion are those of ERFA (the IAU's SOFA routines), whose ephemeris is analytic: nothing is read or downloaded,
for any date.  Two things that only tables of the Earth's orientation know are left out: UT1 - UTC (below 0.9 s) and polar motion
(below 0.6 arcsec), which change the velocity by less than 0.04 m/s.

References
----------
.. [1] Wright J. T. & Eastman J. D., 2014, PASP, 126, 838, doi:10.1086/678541.
.. [2] Moisson X. & Bretagnon P., 2001, Celestial Mechanics, 80, 205 (the ephemeris behind `erfa.epv00`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import erfa
import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.site import Site
from soxspipe.numerics.air import air_to_vacuum, vacuum_to_air

LIGHT_KM_S = 299792.458
"""Exact (SI)."""
AU_KM = 149597870.7
"""Exact (IAU 2012 resolution B2)."""
DAY_S = 86400.0
MJD_ZERO = 2400000.5
"""Julian date of MJD 0."""
TT_MINUS_TAI_S = 32.184
"""By definition."""
SUN_GM_KM3_S2 = 1.32712440041e11
"""IAU 2015 resolution B3 and DE430."""
EARTH_GM_KM3_S2 = 3.986004418e5
"""As WGS 84."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarycentricMotion:
    """What turns topocentric wavelengths and times into barycentric ones.

    Attributes
    ----------
    velocity_km_s : float
        To be added to a measured radial velocity; wavelengths are multiplied by ``1 + velocity / c``.
    bjd_tdb : float
        Barycentric Julian date of the moment, barycentric dynamical time, days.
    """

    velocity_km_s: float
    bjd_tdb: float

    @property
    def stretch(self) -> float:
        """Factor from topocentric to barycentric wavelengths (in vacuum)."""
        return stretch(self.velocity_km_s)


def stretch(velocity_km_s: float) -> float:
    """Factor from topocentric to barycentric wavelengths in vacuum, for the velocity of `BarycentricMotion`."""
    return 1.0 + velocity_km_s / LIGHT_KM_S


def moved_wavelengths(air_nm: FloatArray, *, vacuum: bool, velocity_km_s: float = 0.0) -> FloatArray:
    """Topocentric wavelengths in air as they are in vacuum, at the barycentre, or both.

    Parameters
    ----------
    air_nm : ndarray, any shape
        As observed, standard air.
    vacuum : bool
        Whether the answer is in vacuum; else in air.
    velocity_km_s : float
        Barycentric velocity; 0 leaves the frame as it is.
    """
    moved = air_to_vacuum(air_nm) * stretch(velocity_km_s)
    return moved if vacuum else vacuum_to_air(moved)


def barycentric_motion(mjd_utc: float, ra_deg: float, dec_deg: float, site: Site) -> BarycentricMotion:
    """Motion against the barycentre at one moment.

    Parameters
    ----------
    mjd_utc : float
        Modified Julian date (UTC), best the photon-weighted middle of the exposure.
    ra_deg, dec_deg : float
        Target, ICRS.
    site : Site
        Of the telescope.

    Returns
    -------
    BarycentricMotion

    Raises
    ------
    ValueError
        If a number is not finite, or the date is before 1972, when UTC began.

    Notes
    -----
    With v the observer's velocity and n the direction of the target, ``1 + z = gamma (1 + v n / c) / (1 - U / c^2)``, U the potential
    of Sun and Earth; the velocity is z c, as in Wright & Eastman for a target at rest.  The time is UTC turned into TDB plus the light travel
    time ``r n / c``.
    """
    if not all(map(math.isfinite, (mjd_utc, ra_deg, dec_deg))):
        raise ValueError(f"date {mjd_utc}, right ascension {ra_deg} and declination {dec_deg} must be finite")
    tt_days = mjd_utc + (tai_minus_utc_s(mjd_utc) + TT_MINUS_TAI_S) / DAY_S
    sun_to_earth, barycentre_to_earth = erfa.epv00(MJD_ZERO, tt_days)
    observer_km, observer_km_s = _observer(mjd_utc, tt_days, site)
    place_km = barycentre_to_earth["p"] * AU_KM + observer_km
    beta = (barycentre_to_earth["v"] * AU_KM / DAY_S + observer_km_s) / LIGHT_KM_S
    target = erfa.s2c(math.radians(ra_deg), math.radians(dec_deg))
    potential = SUN_GM_KM3_S2 / float(np.linalg.norm(sun_to_earth["p"] * AU_KM)) + EARTH_GM_KM3_S2 / float(np.linalg.norm(observer_km))
    gamma = 1.0 / math.sqrt(1.0 - float(beta @ beta))
    redshift = gamma * (1.0 + float(beta @ target)) / (1.0 - potential / LIGHT_KM_S**2) - 1.0
    return BarycentricMotion(
        velocity_km_s=redshift * LIGHT_KM_S,
        bjd_tdb=MJD_ZERO + tt_days + float(place_km @ target) / LIGHT_KM_S / DAY_S,
    )


def tai_minus_utc_s(mjd_utc: float) -> float:
    """Leap seconds between atomic time and UTC; after the last known one it stays.

    Raises
    ------
    ValueError
        If the date is before 1972.
    """
    known = erfa.leap_seconds.get()
    year, month = known["year"].astype(int), known["month"].astype(int)
    start = np.array([sum(erfa.cal2jd(y, m, 1)) for y, m in zip(year, month, strict=True)]) - MJD_ZERO
    if mjd_utc < start[year >= 1972].min():
        raise ValueError(f"modified Julian date {mjd_utc:.3f} is before 1972-01-01, when UTC began")
    return float(known["tai_utc"][start <= mjd_utc][-1])


def _observer(mjd_utc: float, tt_days: float, site: Site) -> tuple[FloatArray, FloatArray]:
    """Place (km) and velocity (km/s) of the telescope about the Earth's centre, in the celestial frame."""
    angle = erfa.era00(MJD_ZERO, mjd_utc)  # UT1 - UTC is left out
    motion = erfa.pvtob(math.radians(site.longitude_deg), math.radians(site.latitude_deg), site.height_m, 0.0, 0.0, 0.0, angle)
    to_celestial = erfa.c2i06a(MJD_ZERO, tt_days).T
    return to_celestial @ motion["p"] / 1000.0, to_celestial @ motion["v"] / 1000.0
