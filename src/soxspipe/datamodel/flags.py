"""Why a pixel or a sample of a spectrum is not trusted.  Bits are only ever appended."""

from __future__ import annotations

import enum


class PixelFlag(enum.IntFlag):
    """Bits of the QUAL plane of images (uint8, 0 is good)."""

    BAD = 1  #: bad-pixel map, or flagged in a master calibration
    COSMIC_RAY = 2  #: struck by a cosmic ray in every exposure of the stack, or found against the model
    SATURATED = 4  #: at or above the saturation level in the raw frame
    LOW_FLAT = 8  #: master flat less than 5 sigma above zero
    NOT_FINITE = 16  #: not a number in the data or in a calibration
    OUTLIER = 32  #: differs from sky plus object model for no known reason
    NO_SKY_MODEL = 64  #: the sky model is not constrained at this pixel


class SpectrumFlag(enum.IntFlag):
    """Bits of the quality column of spectra (int32, 0 is good)."""

    TELLURIC = 1  #: inside a telluric band
    SATURATED = 2  #: a saturated pixel lies in the aperture
    LOW_RESPONSE = 4  #: response below 5 per cent of its maximum
    INTERPOLATED = 8  #: no pixel of its own; value taken from neighbours
    PARTIAL_PROFILE = 16  #: less than half of the object's profile was usable
    NO_DATA = 32  #: nothing was measured here; the value is 0 and the variance infinite or 0
    FORCED = 64  #: no object was found; extracted at a given position
    EXTRAPOLATED_RESPONSE = 128  #: outside the range in which the response was measured
    COSMIC_RAY = 256  #: a pixel of the aperture was rejected as a cosmic ray or outlier
    WEAK_SKY_MODEL = 512  #: the sky model's own error dominates
    TELLURIC_SATURATED = 1024  #: the air lets too little light through for a telluric correction


MASKED = (
    SpectrumFlag.SATURATED
    | SpectrumFlag.INTERPOLATED
    | SpectrumFlag.NO_DATA
    | SpectrumFlag.EXTRAPOLATED_RESPONSE
    | SpectrumFlag.TELLURIC_SATURATED
)
"""Flags that mask a sample for readers that know a mask only: its value says nothing about the object.  Telluric bands are not among them."""
