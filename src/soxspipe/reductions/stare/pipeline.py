"""The stare recipe from end to end: gather → reduce → publish, with a step report for whoever listens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from soxspipe import __version__
from soxspipe.errors import AlgorithmError, SettingsError
from soxspipe.reductions.progress import Listener, StepReport, StepTimer, silent
from soxspipe.reductions.spec import Published
from soxspipe.reductions.stare.gather import Gathered
from soxspipe.reductions.stare.publish import claim_products, measure_metrics, publish_stare
from soxspipe.reductions.stare.run import StareRun
from soxspipe.reductions.stare.values import StareResult
from soxspipe.settings.dump import dump_settings
from soxspipe.settings.load import SettingsSource
from soxspipe.settings.names import normalised
from soxspipe.settings.yaml_text import read_yaml


def run_stare(
    gathered: Gathered, output: Path, *, overwrite: bool = False, listener: Listener = silent, debug: bool = False, n_threads: int = 2
) -> Published:
    """Reduce what was gathered and write every product.

    Parameters
    ----------
    gathered : Gathered
        Inputs and settings.
    output : Path
        Folder above ``reduced`` and ``qc``.
    overwrite : bool
        Make products again that exist already.
    listener : callable
        Hears of every step.
    debug : bool
        Draw the sky model of every order.
    n_threads : int
        Threads that share the orders; the products do not depend on it.

    Raises
    ------
    ProductExistsError
        If the products exist and may not be overwritten; nothing has been reduced then.
    AlgorithmError
        If the data cannot be reduced.
    ProductError
        If a product could not be written.
    """
    from soxspipe.reductions.stare.reduce import reduce_stare

    story: list[StepReport] = []

    def remembered(report: StepReport, /) -> None:
        story.append(report)
        listener(report)

    with claim_products(gathered.names(), output, overwrite=overwrite):
        done = StepTimer(remembered)
        with _named(gathered):
            result = reduce_stare(gathered.inputs, gathered.settings, done, n_threads=n_threads)
        run = make_run(gathered, result, debug=debug)
        run = replace(run, metrics=measure_metrics(run), story=tuple(story))
        return publish_stare(run, output, done)


@contextmanager
def _named(gathered: Gathered) -> Iterator[None]:
    """Say of which exposures it is that an error speaks."""
    try:
        yield
    except AlgorithmError as error:
        raise error.about(_exposures(gathered)) from error.__cause__
    except np.linalg.LinAlgError as error:
        raise AlgorithmError(f"{_exposures(gathered)}: the data do not determine a fit ({error})") from error


def _exposures(gathered: Gathered) -> str:
    names = [raw.name for raw in gathered.inputs.raw]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def make_run(gathered: Gathered, result: StareResult, *, debug: bool = False) -> StareRun:
    """A result and its circumstances."""
    return StareRun(
        inputs=gathered.inputs,
        result=replace(result, warnings=tuple(dict.fromkeys((*gathered.warnings, *result.warnings)))),
        settings=gathered.settings,
        settings_text=_settings_text(gathered),
        provenance=gathered.provenance(),
        made_at=made_at(),
        debug=debug,
    )


def made_at() -> str:
    """Time of the reduction, UTC; ``SOURCE_DATE_EPOCH`` stands for it where set, which makes products reproducible to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() and len(epoch) < 12 else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def output_folder(chosen: str | os.PathLike[str] | None, settings: SettingsSource) -> Path:
    """Folder for products: the one chosen, else ``workspace-root-dir`` of the settings, else the working directory.

    Raises
    ------
    SettingsError
        If it cannot be the name of a folder.
    """
    named = os.fspath(chosen or _workspace(settings) or ".")
    if "\0" in named:
        raise SettingsError(f"the folder for products is {named[:60]!r}, which is no name of a folder")
    return Path(os.path.abspath(os.path.expanduser(named)))


def _workspace(settings: SettingsSource) -> str:
    content = read_yaml(settings) if isinstance(settings, str | os.PathLike) else settings
    if not isinstance(content, Mapping):
        return ""
    value = next((value for key, value in content.items() if normalised(key) == "workspace_root_dir"), None)
    return value if isinstance(value, str) else ""


def _settings_text(gathered: Gathered) -> str:
    head = f"# settings used by soxspipe {__version__}, ready for the option -s\n"
    return head + dump_settings(gathered.settings, recipe=gathered.recipe, arm=gathered.inputs.arm.name)
