"""A recipe's tables as data: what it makes and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from soxspipe.datamodel.metric import Metric

Run = TypeVar("Run")
Contents = Iterable[bytes | memoryview]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(Generic[Run]):
    """One file that a recipe can make.

    Attributes
    ----------
    label : str
        As on the recipe page, blanks as underscores.
    description : str
        One line.
    file_type : str
        ``FITS``, ``TXT``, ``PDF``, ``HTML``, ``JSON``, ``YAML`` or ``LOG``.
    folder : {'reduced', 'qc'}
        Where it goes.
    suffix : callable
        What follows the SOF's name in the file name.
    when : callable
        Whether the run has what it takes.
    contents : callable
        The file's bytes, in pieces.
    draws : bool
        True for files drawn with matplotlib, in a process of their own.
    upper_case : bool
        Whether the SOF's name is written in upper case.
    parts_of : callable or None
        The rows, one a file, that this one stands for in a given run.
    """

    label: str
    description: str
    file_type: str
    folder: Literal["reduced", "qc"]
    suffix: Callable[[Run], str]
    when: Callable[[Run], bool]
    contents: Callable[[Run], Contents]
    draws: bool = False
    upper_case: bool = False
    parts_of: Callable[[Run], Sequence[ProductRow[Run]]] | None = None

    def parts(self, run: Run) -> Sequence[ProductRow[Run]]:
        """The row itself, or a row for each of several files that it stands for."""
        return (self,) if self.parts_of is None else self.parts_of(run)

    @property
    def kind(self) -> str:
        """``PROD`` for data, ``QC`` for everything that helps to judge them."""
        return "PROD" if self.folder == "reduced" else "QC"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow(Generic[Run]):
    """Metrics that are measured together; `labels` are their names, ``<N>`` standing for an order."""

    labels: tuple[str, ...]
    measure: Callable[[Run], tuple[Metric, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSpec(Generic[Run]):
    """A recipe's products, in the order in which they get their names, and its metrics."""

    name: str
    products: tuple[ProductRow[Run], ...]
    metrics: tuple[MetricRow[Run], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A file that was made."""

    label: str
    description: str
    file_type: str
    kind: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a run left behind: the final product, all files, metrics with ranges, and what the user should know."""

    final: Path
    products: tuple[ProductRecord, ...]
    metrics: tuple[Metric, ...]
    warnings: tuple[str, ...] = ()
    made_at: str = ""

    @property
    def failed_metrics(self) -> tuple[Metric, ...]:
        """Metrics out of their range."""
        return tuple(metric for metric in self.metrics if metric.flag == "fail")


def always(_run: Any) -> bool:
    """For products that every run has."""
    return True


def fixed(suffix: str) -> Callable[[Any], str]:
    """A suffix that is the same in every run."""

    def answer(_run: Any) -> str:
        return suffix

    return answer
