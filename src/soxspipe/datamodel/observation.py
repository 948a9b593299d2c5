"""What a raw header said, in the words of the package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_A_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One observation (or the sum of several exposures of it).

    Attributes
    ----------
    arm : str
        ``NIR``, ``VIS`` or ``UVB``.
    kind : str
        ``OBJECT``, ``OBJECT,ASYNC``, ``STD,FLUX`` or ``STD,TELLURIC`` (DPR TYPE).
    target : str
        Name of the target, free text.
    exptime_s : float
        Time of one integration, which the counts of a frame stand for.
    integrations : int
        Detector integrations (NDIT) that the frame is the mean of.
    sequence_s : float or None
        From the first reset to the last read, pauses included; None where the header has none.
    mjd : float
        Modified Julian date of the start; NaN if the header has none.
    date_obs : str
        ISO date of the start; empty if unknown.
    airmass : float or None
        Mean of start and end; the one that is known if only one is; None if neither.
    seeing_arcsec : float or None
        Mean of the seeing monitor's values.
    ra_deg, dec_deg : float or None
        Pointing.
    binning : tuple of int
        (x, y).
    gain_e_per_adu, read_noise_e : float or None
        From the header; None when it has none.
    slit_name : str
        For example ``SLIT1.0``.
    slit_width_arcsec : float or None
        From the slit's name.
    rotator_deg : float or None
        Angle of the rotator; None if the header has none, or a placeholder.
    slit_angle_deg : float or None
        Between the slit and the direction to the zenith; None if the header does not say.
    """

    arm: str
    kind: str
    target: str = ""
    exptime_s: float
    integrations: int = 1
    sequence_s: float | None = None
    mjd: float = float("nan")
    date_obs: str = ""
    airmass: float | None = None
    seeing_arcsec: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    binning: tuple[int, int] = (1, 1)
    gain_e_per_adu: float | None = None
    read_noise_e: float | None = None
    slit_name: str = ""
    slit_width_arcsec: float | None = None
    rotator_deg: float | None = None
    slit_angle_deg: float | None = None

    @property
    def duration_s(self) -> float:
        """From begin to end of the exposure."""
        exposed = self.exptime_s * self.integrations
        return exposed if self.sequence_s is None else max(self.sequence_s, exposed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """When light was collected, modified Julian dates: begin of the first exposure, end of the last, mean moment of the photons."""

    begin: float
    end: float
    mean: float

    @property
    def middle(self) -> float:
        """Half-way between begin and end."""
        return 0.5 * (self.begin + self.end)

    @property
    def elapsed_s(self) -> float:
        """From begin to end, pauses included."""
        return (self.end - self.begin) * SECONDS_A_DAY


def time_span(observations: Sequence[Observation], weights: Sequence[float] = ()) -> TimeSpan | None:
    """Span of a set of exposures; None where one has no date.

    Parameters
    ----------
    observations : sequence of Observation
        The exposures.
    weights : sequence of float
        Share of each in the spectrum, which is that of the photons counted; without them each weighs as its open-shutter time, as the
        photons of a steady source through clear air do.
    """
    if not observations or not all(math.isfinite(one.mjd) for one in observations):
        return None
    ends = [one.mjd + one.duration_s / SECONDS_A_DAY for one in observations]
    weights = weights if sum(weights) > 0 else [one.exptime_s * one.integrations for one in observations]
    middles = [0.5 * (one.mjd + end) for one, end in zip(observations, ends, strict=True)]
    mean = sum(w * m for w, m in zip(weights, middles, strict=True)) / sum(weights)
    return TimeSpan(begin=min(one.mjd for one in observations), end=max(ends), mean=mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """The arc behind a dispersion solution.

    Attributes
    ----------
    mjd : float
        Start; NaN if unknown.
    seconds : float
        How long it took.
    rotator_deg : float or None
        Angle of the rotator; None if unknown.
    """

    mjd: float = float("nan")
    seconds: float = 0.0
    rotator_deg: float | None = None
