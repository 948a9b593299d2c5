"""Where a telescope stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An observatory.

    Attributes
    ----------
    name : str
        For messages and headers.
    longitude_deg, latitude_deg : float
        Geodetic (WGS84), east and north positive.
    height_m : float
        Above the ellipsoid.
    """

    name: str
    longitude_deg: float
    latitude_deg: float
    height_m: float
