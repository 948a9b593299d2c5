"""Numbers about the exposures of a set and the noise of their pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.frame import ReadoutPattern
from soxspipe.datamodel.metric import Metric


def measure_exposures(records: Sequence[ExposureRecord]) -> tuple[Metric, ...]:
    """N EXPOSURES, N EXP LEFT OUT, N EXP GROUPS, EXP POS RANGE and EXP LIGHT MIN: how alike the exposures of the set are."""
    used = [record for record in records if not record.left_out]
    positions = [record.position_arcsec for record in used if math.isfinite(record.position_arcsec)]
    return (
        Metric(name="N EXPOSURES", value=len(records), comment="Number of exposures"),
        Metric(name="N EXP LEFT OUT", value=len(records) - len(used), comment="Exposures that could not be used"),
        Metric(name="N EXP GROUPS", value=len({record.group for record in used}), comment="Groups of exposures solved on their own"),
        Metric(
            name="EXP POS RANGE",
            value=round(max(positions) - min(positions), 3) if positions else None,
            unit="arcsec",
            comment="Range of the object's positions on the slit",
        ),
        Metric(
            name="EXP LIGHT MIN",
            value=round(min(record.throughput for record in used), 4) if used else None,
            comment="Least light per second, over the spectrum's level",
        ),
    )


def measure_dead_lines(dead: Sequence[Sequence[DeadLines]]) -> tuple[Metric, ...]:
    """DEAD LINES: rows and columns without light, of the exposure that has most of them."""
    most = max((sum(block.stop - block.first for block in blocks) for blocks in dead), default=0)
    return (Metric(name="DEAD LINES", value=most, comment="Detector rows and columns without light"),)


def measure_read_noise(expected_e: Sequence[float], measured_e: Sequence[float | None]) -> tuple[Metric, ...]:
    """READ NOISE and READ NOISE RATIO: of pixels without light, mean of the exposures, and over what header or master say."""
    known = [(noise, wanted) for noise, wanted in zip(measured_e, expected_e, strict=True) if noise is not None]
    mean = sum(noise for noise, _ in known) / len(known) if known else None
    ratio = None if mean is None else mean / (sum(wanted for _, wanted in known) / len(known))
    return (
        Metric(name="READ NOISE", value=mean, unit="electrons", comment="Read noise that pixels without light show"),
        Metric(name="READ NOISE RATIO", value=ratio, comment="Over that of header, master or detector file"),
    )


def measure_afterglow(shares: Sequence[float | None]) -> tuple[Metric, ...]:
    """PERSISTENCE: largest share of an exposure's charge that the next one shows again; 0 for none, no metric where it was not measured."""
    measured = [share for share in shares if share is not None]
    comment = "Charge of the exposure before that is seen again"
    return (Metric(name="PERSISTENCE", value=max(measured), comment=comment),) if measured else ()


def measure_readout_pattern(patterns: Sequence[ReadoutPattern | None]) -> tuple[Metric, ...]:
    """READOUT PATTERN and READOUT PATTERN ERR: rms of what was taken off the exposure that has most of it, and its error; 0 for none."""
    size, error = max(((one.size_e, math.sqrt(one.variance)) for one in patterns if one is not None), default=(0.0, 0.0))
    return (
        Metric(name="READOUT PATTERN", value=size, unit="electrons", comment="Offsets of columns and rows taken off, rms"),
        Metric(name="READOUT PATTERN ERR", value=error, unit="electrons", comment="Error of it, in the variance of each pixel"),
    )
