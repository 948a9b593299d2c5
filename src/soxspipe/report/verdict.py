"""Is the reduction good, and what is there to worry about: the first thing that a report says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.remark import Remark

Level = Literal["good", "check", "fail"]

TITLES: dict[Level, str] = {"good": "Good", "check": "Look closer", "fail": "Not good"}
MAX_WORRIES = 2
"""Remarks in the headline; the others unfold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How good a reduction is.

    Attributes
    ----------
    level : {'good', 'check', 'fail'}
        ``fail`` when no object was found or a metric is out of range, ``check`` when there is something to look at.
    summary : str
        What was reduced, in one sentence.
    worries : tuple of str
        One sentence each, gravest first; empty when all is well.
    remarks : tuple of str
        What is said and is no fault.
    """

    level: Level
    summary: str
    worries: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The level in words, the same everywhere."""
        return TITLES[self.level]

    @property
    def advice(self) -> str:
        """The gravest worries in one or two sentences."""
        if not self.worries:
            return "Nothing stands out."
        shown = " ".join(self.worries[:MAX_WORRIES])
        more = len(self.worries) - MAX_WORRIES
        return shown if more <= 0 else f"{shown} ({more} more below.)"


def weigh(grave: Sequence[str], lesser: Sequence[str], warnings: Sequence[str], summary: str) -> Verdict:
    """The verdict: not good with a grave worry, to be looked at with a lesser one; each is said once, remarks among the warnings apart.

    Parameters
    ----------
    grave, lesser : sequence of str
        Sentences.
    warnings : sequence of str
        Of the reduction; those that are a `Remark` are not a worry.
    summary : str
        What was made, in one sentence.
    """
    level: Level = "fail" if grave else "check" if lesser else "good"
    remarks = tuple(as_sentence(warning) for warning in warnings if isinstance(warning, Remark))
    return Verdict(level=level, summary=summary, worries=tuple(dict.fromkeys((*grave, *lesser))), remarks=remarks)


def judge_calibration(metrics: Sequence[Metric], warnings: Sequence[str], summary: str = "") -> Verdict:
    """Judge a calibration by its metrics (with ranges) and warnings alone."""
    return weigh(tuple(out_of_range(metrics)), tuple(worrying(warnings)), warnings, summary)


def out_of_range(metrics: Sequence[Metric]) -> Iterator[str]:
    """A sentence about each metric out of its range."""
    for metric in metrics:
        if metric.flag == "fail":
            yield f"{metric.name} is {shown_value(metric)}, outside {shown_range(metric)}."


def worrying(warnings: Sequence[str]) -> Iterator[str]:
    """The warnings that are not remarks, as sentences."""
    yield from (as_sentence(warning) for warning in warnings if warning.strip() and not isinstance(warning, Remark))


def as_sentence(text: str) -> str:
    """Text with a capital first letter, unless it begins with the name of a file or of a setting, and one full stop."""
    plain = text.strip().rstrip(".")
    is_name = any(mark in plain.split()[0] for mark in "._/")
    return f"{plain}." if is_name else f"{plain[0].upper()}{plain[1:]}."


def shown_value(metric: Metric) -> str:
    """A metric's value with its unit, for people."""
    if isinstance(metric.value, str):
        return metric.value
    if metric.value is None or not np.isfinite(metric.value):
        return "not measured"
    number = f"{metric.value:,d}".replace(",", " ") if isinstance(metric.value, int) else f"{metric.value:.4g}"
    return f"{number} {metric.unit}".strip()


def shown_range(metric: Metric) -> str:
    """A metric's acceptable range; empty if it has none."""
    if metric.low is None and metric.high is None:
        return ""
    if metric.low is not None and metric.low == metric.high:
        return f"{metric.low:g}"
    if metric.low is None:
        return f"≤ {metric.high:g}"
    return f"≥ {metric.low:g}" if metric.high is None else f"{metric.low:g} to {metric.high:g}"
