"""A recipe from end to end: gather, reduce, publish, with a step report for whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol

import numpy as np

from soxspipe import __version__
from soxspipe.errors import AlgorithmError
from soxspipe.io.sof import InputFrames
from soxspipe.numerics.threads import one_blas_thread
from soxspipe.reductions.gathered import Chosen, Context, Gathered, In, Out, made_at
from soxspipe.reductions.names import first_and_more
from soxspipe.reductions.progress import Done, Listener, StepReport, StepTimer, silent
from soxspipe.reductions.publish import claim_products, measure_metrics, publish
from soxspipe.reductions.spec import Published, RecipeSpec
from soxspipe.settings.dump import dump_settings
from soxspipe.settings.load import SettingsSource


class Gather(Protocol[In, Chosen]):
    """Find, check and read everything that one reduction needs."""

    def __call__(
        self, inputs: InputFrames, settings_source: SettingsSource = None, *, verb: str | None = None, command: str = "", workers: int = 2
    ) -> Gathered[In, Chosen]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction(Generic[In, Out, Chosen]):
    """A recipe.

    Attributes
    ----------
    spec : RecipeSpec
        Its tables.
    gather : callable
        Files to values: ``gather(inputs, settings, verb=..., command=..., workers=...)``; `verb` is the command that was typed, None
        when called from Python.
    reduce : callable
        Values to values: ``reduce(inputs, settings, done)``.
    describe : callable
        What was gathered, in one line for the user.
    split : callable or None
        The sets that are reduced in the place of the one gathered, each with products of its own; None reduces what was gathered.
    recalibrate : callable or None
        ``recalibrate(last product, calibration, output)``: finish a set that was reduced before with a calibration that came later,
        without its frames; None where the recipe has no such calibration.
    """

    spec: RecipeSpec[Context[In, Out, Chosen]]
    gather: Gather[In, Chosen]
    reduce: Callable[[In, Chosen, Done], Out]
    describe: Callable[[In], str]
    split: Callable[[Gathered[In, Chosen]], tuple[Gathered[In, Chosen], ...]] | None = None
    recalibrate: Callable[[Path, Path, Path | None], Published] | None = None


def gather(
    reduction: Reduction[In, Out, Chosen],
    inputs: InputFrames,
    settings: SettingsSource = None,
    *,
    verb: str | None = None,
    command: str = "",
    workers: int = 2,
) -> Gathered[In, Chosen]:
    """Find, check and read what a recipe needs.

    Parameters
    ----------
    reduction : Reduction
        The recipe.
    inputs : str, path, or iterable of them
        Set-of-files, folder or list of FITS files.
    settings : mapping, path, settings, False or None
        The user's settings.
    verb : str, optional
        The command that was typed.
    command : str
        The whole command line, for the products' headers.
    workers : int
        Threads that read files and compute checksums.

    Raises
    ------
    InputError
        If the files do not suit the recipe; `MissingInputError` where something is not there.
    SettingsError
        If a setting is wrong.
    """
    with one_blas_thread():
        return reduction.gather(inputs, settings, verb=verb, command=command, workers=workers)


def run_reduction(
    reduction: Reduction[In, Out, Chosen],
    gathered: Gathered[In, Chosen],
    output: Path,
    *,
    overwrite: bool = False,
    listener: Listener = silent,
    debug: bool = False,
) -> Published:
    """Reduce what was gathered and write every product; of several sets the first one's final product and metrics are returned.

    Parameters
    ----------
    reduction : Reduction
        The recipe.
    gathered : Gathered
        Inputs and settings.
    output : Path
        Folder above ``reduced`` and ``qc``.
    overwrite : bool
        Make products again that exist already.
    listener : callable
        Hears of every step.
    debug : bool
        Draw more figures.

    Raises
    ------
    ProductExistsError
        If the products exist and may not be overwritten; nothing has been reduced then.
    AlgorithmError
        If the data cannot be reduced.
    ProductError
        If a product could not be written.
    """
    runs = (gathered,) if reduction.split is None else reduction.split(gathered)
    published = [_run_one(reduction, one, output, overwrite=overwrite, listener=listener, debug=debug) for one in runs]
    if len(published) == 1:
        return published[0]
    return replace(
        published[0],
        products=tuple(record for one in published for record in one.products),
        warnings=tuple(dict.fromkeys(warning for one in published for warning in one.warnings)),
    )


def _run_one(
    reduction: Reduction[In, Out, Chosen], gathered: Gathered[In, Chosen], output: Path, *, overwrite: bool, listener: Listener, debug: bool
) -> Published:
    story: list[StepReport] = []

    def remembered(report: StepReport, /) -> None:
        story.append(report)
        listener(report)

    with claim_products(reduction.spec, gathered.provenance_so_far(), output, overwrite=overwrite), one_blas_thread():
        done = StepTimer(remembered)
        with _named(gathered):
            result = reduction.reduce(gathered.inputs, gathered.settings, done)
        context = make_context(gathered, result, debug=debug)
        context = replace(context, metrics=measure_metrics(reduction.spec, context), story=tuple(story))
        return publish(reduction.spec, context, output, done)


def make_context(gathered: Gathered[In, Chosen], result: Out, *, debug: bool = False) -> Context[In, Out, Chosen]:
    """A result and its circumstances; its warnings are those of the inputs and its own."""
    all_warnings = tuple(dict.fromkeys((*gathered.warnings, *result.warnings)))
    return Context(
        inputs=gathered.inputs,
        result=_with_warnings(result, all_warnings),
        settings=gathered.settings,
        settings_text=_settings_text(gathered),
        provenance=gathered.provenance(),
        made_at=made_at(),
        debug=debug,
    )


def _with_warnings(result: Any, warnings: tuple[str, ...]) -> Any:
    """A result, which is a dataclass, with other warnings."""
    return replace(result, warnings=warnings)


@contextmanager
def _named(gathered: Gathered[Any, Any]) -> Iterator[None]:
    """Say in errors which exposures they are about."""
    try:
        yield
    except AlgorithmError as error:
        if str(error).startswith(tuple(raw.name for raw in gathered.inputs.raw)):
            raise  # the sentence names its exposure already
        raise error.about(_exposures(gathered)) from error.__cause__
    except np.linalg.LinAlgError as error:
        raise AlgorithmError(f"{_exposures(gathered)}: the data do not determine a fit ({error})") from error


def _exposures(gathered: Gathered[Any, Any]) -> str:
    return first_and_more([raw.name for raw in gathered.inputs.raw])


def _settings_text(gathered: Gathered[Any, Any]) -> str:
    head = f"# settings used by soxspipe {__version__}, ready for the option -s\n"
    return head + dump_settings(gathered.settings, recipe=gathered.recipe, arm=gathered.inputs.arm.name)
