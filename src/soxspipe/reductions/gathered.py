"""What every recipe's `gather` hands to the engine, and the circumstances under which products are written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.provenance import Card, InputFile, Provenance
from soxspipe.datamodel.stored_image import Pixels
from soxspipe.reductions.progress import StepReport
from soxspipe.reductions.select import Selected
from soxspipe.reductions.spec import Judged, ProductRecord
from soxspipe.settings.base import ReductionSettings
from soxspipe.settings.dump import parameters


class Exposed(Protocol):
    """What every raw frame knows of itself, whether it is held in memory or read row by row."""

    @property
    def name(self) -> str:
        """File name, for messages."""

    @property
    def observation(self) -> Observation:
        """What the header said."""

    @property
    def adu(self) -> Pixels:
        """Pixels as delivered."""


class Inputs(Protocol):
    """What the inputs of every recipe hold; the rest is the recipe's own."""

    @property
    def raw(self) -> Sequence[Exposed]:
        """Exposures, in order of time."""

    @property
    def observation(self) -> Observation:
        """Of the set of exposures."""

    @property
    def detector(self) -> Detector:
        """Facts of the detector, binned as the exposures are."""

    @property
    def arm(self) -> Arm:
        """Facts of the arm."""


class Result(Protocol):
    """What the results of every recipe hold."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """For the user, one sentence each."""


In = TypeVar("In", bound=Inputs)
Out = TypeVar("Out", bound=Result)
Chosen = TypeVar("Chosen", bound=ReductionSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered(Generic[In, Chosen]):
    """What `gather` found.

    Attributes
    ----------
    inputs : Inputs
        For the algorithm.
    settings : ReductionSettings
        Defaults with the user's choices over them.
    recipe : str
        Name of the block of settings and of the product folder, for example ``soxs-stare``.
    sof_name : str
        Base name of the products.
    night : str
        ``YYYY-MM-DD`` of the night's start.
    header : tuple of Card
        Primary header of the first exposure.
    files : Selected
        Files that take part.
    checksums : mapping of str to Future of str
        MD5 by path of every calibration, computed while the data are reduced.
    command : str
        The command that was typed.
    warnings : tuple of str
        For the user, one sentence each.
    notes : tuple of str
        For the log at debug level.
    """

    inputs: In
    settings: Chosen
    recipe: str
    sof_name: str
    night: str
    header: tuple[Card, ...]
    files: Selected
    checksums: Mapping[str, Future[str]] = field(default_factory=dict)
    command: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def provenance_so_far(self) -> Provenance:
        """Where data and choices came from, without the header and the checksums, which may not be there yet."""
        return Provenance(
            recipe=self.recipe,
            sof_name=self.sof_name,
            night=self.night,
            raw=tuple(InputFile(path=str(file.path), category=file.tag) for file in self.files.exposures),
            calibrations=tuple(InputFile(path=str(file.path), category=file.tag) for file in self.files.calibrations),
            parameters=parameters(self.settings),
            command=self.command,
        )

    def provenance(self) -> Provenance:
        """Where data and choices came from; waits for the checksums."""
        known = self.provenance_so_far()
        calibrations = tuple(replace(file, md5=self.checksums[file.path].result()) for file in known.calibrations)
        return replace(known, header=self.header, calibrations=calibrations)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context(Generic[In, Out, Chosen]):
    """One reduction and its circumstances: everything that products, figures and metrics are made from.

    Attributes
    ----------
    inputs, result : Inputs, Result
        What went in and what came out.
    settings : ReductionSettings
        As used.
    settings_text : str
        The same as YAML, ready to be read again.
    provenance : Provenance
        Files, header and names.
    made_at : str
        ISO time (UTC) of the reduction.
    metrics : tuple of Metric
        With ranges; empty until they are measured.
    debug : bool
        Draw more figures.
    story : tuple of StepReport
        Steps so far.
    files : tuple of ProductRecord
        What is being written.
    judged : Judged or None
        The verdict, once it is known.
    """

    inputs: In
    result: Out
    settings: Chosen
    settings_text: str
    provenance: Provenance
    made_at: str
    metrics: tuple[Metric, ...] = ()
    debug: bool = False
    story: tuple[StepReport, ...] = ()
    files: tuple[ProductRecord, ...] = ()
    judged: Judged | None = None

    @property
    def n_exposures(self) -> int:
        """Number of exposures."""
        return len(self.inputs.raw)

    @property
    def total_exptime_s(self) -> float:
        """Sum of their exposure times, all integrations of each."""
        return sum(raw.observation.exptime_s * raw.observation.integrations for raw in self.inputs.raw)

    def metric(self, name: str) -> float | int | None:
        """Value of a metric; None if it was not measured."""
        return next((metric.number for metric in self.metrics if metric.name == name), None)


def made_at() -> str:
    """Time of the reduction, UTC; ``SOURCE_DATE_EPOCH`` takes its place where it is set, which makes products reproducible to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() and len(epoch) < 12 else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
