"""What goes into the stare recipe's algorithm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import ExtinctionCurve, Masters, SkyLines, StandardStar, TelluricBands
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.observation import Arc, Observation
from soxspipe.datamodel.spectrum import ResponseCurve


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StareInputs:
    """Everything the algorithm needs, as values.

    Attributes
    ----------
    raw : tuple of RawFrame
        Exposures, sorted by time.
    observation : Observation
        Of the set: the first exposure's, with mean exposure time and air mass.
    detector, arm : Detector, Arm
        Facts.
    bad_pixels : ndarray of bool
        True for bad pixels, trimmed frame.
    partly_lit : ndarray of bool or None
        Pixels at the edges of the orders that the flat flags because they are partly lit; they are left out, but are not defects.
    masters, geometry : Masters, Geometry
        Calibrations.
    is_standard : bool
        Whether the target is treated as a flux standard: it has no host, its efficiency is measured, and a response is made of it
        unless one is given.
    standard : StandardStar or None
        The library spectrum, when the star is known.
    response : ResponseCurve or None
        Given with the inputs.
    extinction, telluric_bands, sky_lines
        Static tables.
    arc : Arc
        The arc behind the dispersion solution.
    object_slit_arcsec : float or None
        Position named by the user.
    with_off_frame : bool
        Whether an exposure beside the target took the place of the dark.
    is_difference : bool
        Whether such an exposure was taken off before the frames came here.
    """

    raw: tuple[RawFrame, ...]
    observation: Observation
    detector: Detector
    arm: Arm
    bad_pixels: BoolImage
    partly_lit: BoolImage | None = None
    masters: Masters
    geometry: Geometry
    is_standard: bool
    standard: StandardStar | None
    response: ResponseCurve | None
    extinction: ExtinctionCurve
    telluric_bands: TelluricBands
    sky_lines: SkyLines
    arc: Arc = field(default_factory=Arc)
    object_slit_arcsec: float | None = None
    with_off_frame: bool = False
    is_difference: bool = False

    @property
    def may_lack_light(self) -> bool:
        """Whether stars of an off-frame may be missing light."""
        return self.with_off_frame or self.is_difference

    @property
    def makes_response(self) -> bool:
        """Whether a response is to be made."""
        return self.is_standard and self.response is None

    def by_time(self, numbers: Iterable[int]) -> list[int]:
        """Numbers of exposures, from the first on the sky to the last; those without a time stand first, as they come."""
        return sorted(numbers, key=lambda number: float(np.nan_to_num(self.raw[number].observation.mjd)))
