"""A recipe's tables as data: what it takes, what it makes and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.metric import Metric
from soxspipe.io.classify import Kind
from soxspipe.io.file_names import file_name
from soxspipe.qc.ranges import Range
from soxspipe.settings.base import ReductionSettings

Context = TypeVar("Context")
Contents: TypeAlias = Iterable[bytes | memoryview]
Match: TypeAlias = Literal["binning", "readout", "gain", "read_noise", "slit"]
Preference: TypeAlias = Literal["exposure_time", "no_background", "edges", "slit_positions", "three_planes"]

SAME_DETECTOR: tuple[Match, ...] = ("binning", "readout", "gain", "read_noise")
"""What images must share to be subtracted from each other."""
SAME_LIGHT: tuple[Match, ...] = (*SAME_DETECTOR, "slit")
"""What images must share to be divided by each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRow:
    """One kind of file that a recipe takes.

    Attributes
    ----------
    name : str
        How the recipe's `gather` asks for it, for example ``bias``.
    description : str
        What it is for, one line.
    kinds : tuple of Kind
        Kinds of file that serve, the preferred one first; only the first kind that is present is used.
    minimum : int
        Number of files needed, in the arms named; 0 for an optional input.
    maximum : int
        Largest number of files that are taken.
    arms : tuple of str
        Arms in which the minimum holds; it is optional in the others.  Empty: all arms.
    take : {'all', 'first', 'last'}
        Which files are used where there are more than one and all fit alike.
    prefers : tuple of str
        What makes one of several files the better one, most important first (`reductions.prefer`).
    match : tuple of str
        What must be the same in all files of the set that name it: ``binning``, ``readout``, ``gain``, ``read_noise``, ``slit``.
    made_by : str
        Verb of the recipe that makes it; empty for raw frames.
    replaces : str
        Name of the row that this one stands in for: it is used only where that one has no file, and fills its minimum.
    """

    name: str
    description: str
    kinds: tuple[Kind, ...]
    minimum: int = 1
    maximum: int = 1
    arms: tuple[str, ...] = ()
    take: Literal["all", "first", "last"] = "last"
    prefers: tuple[Preference, ...] = ()
    match: tuple[Match, ...] = ()
    made_by: str = ""
    replaces: str = ""

    @property
    def is_raw(self) -> bool:
        """True for exposures, False for what another recipe made."""
        return not self.made_by

    def needed(self, arm: str) -> int:
        """Number of files without which the recipe cannot work in an arm."""
        return self.minimum if not self.arms or arm in self.arms else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(Generic[Context]):
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
    suffix : str or callable
        What follows the SOF's name in the file name; a function of the context where it differs from run to run.
    pattern : str
        The suffix with ``<N>`` for what differs, where it is a function.
    when : callable
        Whether the run has what it takes.
    contents : callable
        The file's bytes, in pieces.
    is_figure : bool
        True for figures, which are drawn after the data are written.
    upper_case : bool
        Whether the SOF's name is written in upper case.
    longest : int or None
        Most characters of the file name; the SOF's name is shortened to fit.
    base_name : callable or None
        The SOF's name to the name that the file begins with, where the two differ.
    parts_of : callable or None
        The rows, one a file, that this one stands for in a given run.
    """

    label: str
    description: str
    file_type: str
    folder: Literal["reduced", "qc"]
    suffix: str | Callable[[Context], str]
    when: Callable[[Context], bool]
    contents: Callable[[Context], Contents]
    pattern: str = ""
    is_figure: bool = False
    upper_case: bool = False
    longest: int | None = None
    base_name: Callable[[str], str] | None = None
    parts_of: Callable[[Context], Sequence[ProductRow[Context]]] | None = None

    def parts(self, context: Context) -> Sequence[ProductRow[Context]]:
        """The row itself, or a row for each of several files that it stands for."""
        return (self,) if self.parts_of is None else self.parts_of(context)

    def suffix_in(self, context: Context) -> str:
        """What follows the SOF's name in this run."""
        return self.suffix if isinstance(self.suffix, str) else self.suffix(context)

    def named(self, sof_name: str, suffix: str) -> str:
        """Name of the file of one set of files."""
        base = sof_name if self.base_name is None else self.base_name(sof_name)
        return file_name(base, suffix, upper=self.upper_case, longest=self.longest)

    @property
    def kind(self) -> str:
        """``PROD`` for data, ``QC`` for everything that helps to judge them."""
        return "PROD" if self.folder == "reduced" else "QC"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow(Generic[Context]):
    """Metrics that are measured together; `labels` are their names, ``<N>`` standing for an order."""

    labels: tuple[str, ...]
    measure: Callable[[Context], tuple[Metric, ...]]


class Judged(Protocol):
    """A verdict: one word or two, and why."""

    @property
    def title(self) -> str:
        """``Good``, ``Look closer`` or ``Not good``."""

    @property
    def worries(self) -> tuple[str, ...]:
        """One sentence each, gravest first; empty when all is well."""


def no_ranges(_recipe: str, _arm: Arm) -> Mapping[str, Range]:
    """For recipes without acceptable ranges of their own."""
    return {}


def always(_value: Any) -> bool:
    """For products that every run has, and for recipes that always enforce their ranges."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSpec(Generic[Context]):
    """Everything about a recipe that is data.

    Attributes
    ----------
    verb : str
        Its command, for example ``mbias``.
    recipe_names : tuple of str
        Names of its blocks in the settings and of its folders, for example ``soxs-mbias``; a recipe may treat standards under a second
        name.
    settings : type
        Class of its settings.
    inputs : tuple of InputRow
        What it takes; the exposures that are reduced come first.
    products : tuple of ProductRow
        What it makes, in the order in which files get their names.  The last one has a fixed suffix and is in every run: where it
        stands, everything before it does.
    metrics : tuple of MetricRow
        What it measures.
    final : tuple of str
        Labels of the product that the user came for, the preferred one first.
    ranges : callable
        Acceptable ranges of the metrics, by name of the recipe and arm.
    enforced : callable
        Whether a metric out of range makes the command end with an error, by name of the recipe.
    judge : callable or None
        Verdict on a run; None takes the ranges of its metrics and its warnings.
    """

    verb: str
    recipe_names: tuple[str, ...]
    settings: type[ReductionSettings]
    inputs: tuple[InputRow, ...]
    products: tuple[ProductRow[Context], ...]
    metrics: tuple[MetricRow[Context], ...]
    final: tuple[str, ...]
    ranges: Callable[[str, Arm], Mapping[str, Range]] = no_ranges
    enforced: Callable[[str], bool] = always
    judge: Callable[[Context], Judged] | None = None

    @property
    def last(self) -> ProductRow[Context]:
        """The product whose presence says that a set of files has been reduced."""
        return self.products[-1]


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
    """What a run left behind: the final product, all files, metrics with ranges, and what the user should know.

    `verdict` and its reasons are those of the report; empty for recipes that give none.  `enforced` says whether metrics out of range make the run a failure.
    """

    final: Path
    products: tuple[ProductRecord, ...]
    metrics: tuple[Metric, ...]
    warnings: tuple[str, ...] = ()
    made_at: str = ""
    enforced: bool = False
    verdict: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def failed_metrics(self) -> tuple[Metric, ...]:
        """Metrics out of their range."""
        return tuple(metric for metric in self.metrics if metric.flag == "fail")
