"""What the flat recipe's algorithm needs."""

from __future__ import annotations

from dataclasses import dataclass

from soxspipe.algorithms.calibration.lamp_scale import OrderJoin
from soxspipe.datamodel.arrays import FlagArray
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.datamodel.stored_frame import AnyFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MflatInputs:
    """Flats and the calibrations that they need.

    Attributes
    ----------
    raw : tuple of RawCalibration
        Flats of every lamp, in order of time.
    off : tuple of RawCalibration
        The same with the lamp off, or darks; empty where a master takes their place.
    master : Frame or None
        Master bias or dark.
    master_is_bias : bool
        Which of the two.
    order_table : OrderTable
        Centres of the orders.
    bad_pixels : ndarray of uint8, shape (ny, nx)
        `BadPixel` bits that are known before.
    read_noise_e : float
        Of one frame.
    joins : tuple of OrderJoin
        Where neighbouring orders meet, as predicted; empty with one lamp, or where no geometry is known.
    observation, detector, arm
        Of the first flat; as used; facts.
    """

    raw: tuple[RawCalibration, ...]
    off: tuple[RawCalibration, ...]
    master: AnyFrame | None
    master_is_bias: bool
    order_table: OrderTable
    bad_pixels: FlagArray
    read_noise_e: float
    joins: tuple[OrderJoin, ...]
    observation: Observation
    detector: Detector
    arm: Arm
