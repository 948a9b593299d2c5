"""What became of one exposure of a set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

RECORD_HEAD = ("exposure", "start (UTC)", "time", "position", "seeing", "light", "sky", "lines", "weight", "group", "remark")
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRecord:
    """What is known of one exposure.

    Attributes
    ----------
    name : str
        File.
    mjd : float
        Start.
    exptime_s, integrations : float, int
        Time of one integration, and how many.
    position_arcsec, seeing_arcsec : float
        Of the object on the slit, and its FWHM; those of its group where several were averaged.
    throughput : float
        Light per second, 1 for the level that the spectrum has.
    sky_e : float
        Median sky, electrons per pixel.
    lines_px : float
        Motion of its sky lines against the first exposure.
    weight : float
        Share in the spectrum.
    group : int
        Exposures of one group were averaged as pixels.
    left_out : str
        Why it was; empty for exposures that were used.
    """

    name: str
    mjd: float
    exptime_s: float
    integrations: int
    position_arcsec: float
    seeing_arcsec: float
    throughput: float
    sky_e: float
    lines_px: float
    weight: float
    group: int
    left_out: str = ""

    def cells(self) -> tuple[str, ...]:
        """The record as one row of text under `RECORD_HEAD`; what is not known is a dash."""
        return (
            self.name,
            _clock(self.mjd),
            f"{self.integrations} x {self.exptime_s:g} s" if self.integrations > 1 else f"{self.exptime_s:g} s",
            _shown(self.position_arcsec, '{:+.2f}"'),
            _shown(self.seeing_arcsec, '{:.2f}"'),
            _shown(100.0 * self.throughput, "{:.1f} %"),
            _shown(self.sky_e, "{:.1f} e-"),
            _shown(self.lines_px, "{:+.2f} px"),
            _shown(100.0 * self.weight, "{:.1f} %"),
            str(self.group + 1) if self.group >= 0 else "-",
            f"left out: {self.left_out}" if self.left_out else "",
        )


def _shown(value: float, form: str) -> str:
    return form.format(value) if math.isfinite(value) else "-"


def _clock(mjd: float) -> str:
    if not math.isfinite(mjd) or not 0 < mjd < 200_000:
        return "-"
    return (_MJD_ZERO + timedelta(days=mjd)).strftime("%Y-%m-%d %H:%M:%S")
