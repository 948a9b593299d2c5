"""Commands for whole nights: ``night``, and the habits of users of the reference pipeline."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soxspipe.errors import InputError

if TYPE_CHECKING:
    from soxspipe.cli.console import Console
    from soxspipe.night.plan import Task
    from soxspipe.night.run import Night, Request

SHOWN_FAILURES = 20
"""Failures that the closing lines name; the page names all."""

Folder = Annotated[str, typer.Argument(metavar="[FOLDER]", help="Folder of raw files, searched with everything below it.")]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="OUT", help="Folder for products; default: the working directory.", show_default=False),
]
SettingsFile = Annotated[str | None, typer.Option("-s", "--settings", metavar="FILE", help="Settings (YAML).", show_default=False)]
Workers = Annotated[
    int | None, typer.Option("-c", "--workers", min=1, max=1024, help="Processes on this machine; default: one a processor.", show_default=False)
]  # fmt: skip
Scheduler = Annotated[
    str, typer.Option("--scheduler", metavar="ADDRESS", help="Run on the Dask scheduler at this address (tcp://... or tls://...).")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="ARM|TARGET|SOF", help="Reduce only this, and what it needs; may be repeated.", show_default=False),
]
Verbose = Annotated[bool, typer.Option("-V", "--verbose", help="Every warning.")]


LOOKED = "Exit status: 0 done, 2 wrong usage or folder."
REDUCED = (
    "Exit status: 0 all done; 1 a reduction failed; 2 wrong usage, settings or folder; 3 all made, but a standard star or a master is out of "
    "its acceptable ranges; 130 interrupted."
)


def add_night_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("night", epilog=f"Example: soxspipe night raw -o out.  {REDUCED}")(_night)
    app.command("prep", epilog=f"Example: soxspipe prep raw -o out.  {LOOKED}")(_prep)
    reduce = typer.Typer(help="Reduce what `prep` found: everything, or one set-of-files.", no_args_is_help=True, rich_markup_mode=None)
    reduce.command("all", epilog=f"Example: soxspipe reduce all raw -o out.  {REDUCED}")(_reduce_all)
    reduce.command("sof", epilog=f"Example: soxspipe reduce sof NAME raw -o out.  {REDUCED}")(_reduce_sof)
    app.add_typer(reduce, name="reduce")
    listing = typer.Typer(help="List observation blocks or sets-of-files.", no_args_is_help=True, rich_markup_mode=None)
    listing.command("ob", epilog=f"Example: soxspipe list ob raw.  {LOOKED}")(_list_ob)
    listing.command("sof", epilog=f"Example: soxspipe list sof raw.  {LOOKED}")(_list_sof)
    app.add_typer(listing, name="list")
    raw = typer.Typer(help="Copy the raw frames that a set-of-files needs.", no_args_is_help=True, rich_markup_mode=None)
    raw.callback()(_raw)
    raw.command("sof", epilog=f"Example: soxspipe raw sof NAME raw.  {LOOKED}")(_raw_sof)
    app.add_typer(raw, name="raw")
    app.command("watch", epilog="Example: soxspipe night raw --watch -o out.  Exit status: 0 said, 2 for start and wrong usage.")(_watch)


def _night(
    folder: Folder = ".",
    output: Output = None,
    settings: SettingsFile = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, write the sets-of-files, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan, or what became of it, as JSON.")] = False,
    workers: Workers = None,
    scheduler: Scheduler = "",
    only: Only = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop at the first reduction that fails.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on for ever: reduce each exposure as soon as its file is complete.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="With --watch: first the spectrum and the report, the rest later.")] = False,
    redo: Annotated[bool, typer.Option("--redo", help="With --watch: reduce again when better calibrations arrive.")] = False,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Serve Dask's dashboard on this machine.")] = False,
    verbose: Verbose = False,
) -> int:
    """Reduce a folder of raw files: calibrations, standards and targets, to calibrated spectra.

    Moves no file.  A rerun does what is not done yet.
    """
    request = _request(folder, output, settings, only, workers=workers, scheduler=scheduler, stop=stop, dashboard=dashboard)
    if plan:
        return _print_plan(request, as_json=as_json)
    if watch:
        return _keep_watch(request, quick=quick, redo=redo, verbose=verbose)
    return _run(request, as_json=as_json, verbose=verbose)


def _prep(
    folder: Folder = ".",
    output: Output = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read every header again.")] = False,
    vlt: Annotated[bool, typer.Option("--vlt", hidden=True)] = False,
) -> int:
    """Index a folder, choose calibrations and write sets-of-files; the same as `night --plan`.  Moves no file."""
    request = _request(folder, output, None, None)
    if refresh:
        from soxspipe.night.index import INDEX_NAME

        (request.output / INDEX_NAME).unlink(missing_ok=True)
    return _print_plan(request, as_json=False)


def _reduce_all(
    folder: Folder = ".",
    output: Output = None,
    settings: SettingsFile = None,
    quit_at_failure: Annotated[bool, typer.Option("-q", "--quitOnFail", help="Stop at the first reduction that fails.")] = False,
    most: Annotated[
        int | None, typer.Option("-b", "--batch", min=1, metavar="N", help="Stop after N reductions.", show_default=False)
    ] = None,
    workers: Workers = None,
    prepare: Annotated[bool, typer.Option("-p", "--prep", hidden=True)] = False,
    parallel: Annotated[bool, typer.Option("-m", "--multiprocess", hidden=True)] = False,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="The same as `night --watch`.")] = False,
    verbose: Verbose = False,
) -> int:
    """Reduce everything in a folder; the same as `night`."""
    request = _request(folder, output, settings, None, workers=workers, stop=quit_at_failure, most=most)
    return _keep_watch(request, quick=False, redo=False, verbose=verbose) if watch else _run(request, as_json=False, verbose=verbose)


def _reduce_sof(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a set-of-files.", show_default=False)],
    folder: Folder = ".",
    output: Output = None,
    settings: SettingsFile = None,
    overwrite: Annotated[bool, typer.Option("-x", "--overwrite", help="Reduce it again, even if it is done.")] = False,
    quit_at_failure: Annotated[bool, typer.Option("-q", "--quitOnFail", hidden=True)] = False,
    workers: Workers = None,
    verbose: Verbose = False,
) -> int:
    """Reduce one set-of-files and the calibrations that it needs; the same as `night --only NAME`."""
    request = _request(folder, output, settings, [name], workers=workers, stop=quit_at_failure)
    if overwrite:
        from soxspipe.night.run import plan_folder
        from soxspipe.night.state import record_path

        for task in plan_folder(request).tasks:
            if task.name == name.removesuffix(".sof").rpartition("/")[2]:
                record_path(request.output, task.frames.night, task.name).unlink(missing_ok=True)
    return _run(request, as_json=False, verbose=verbose)


def _list_ob(folder: Folder = ".", output: Output = None) -> int:
    """List the observation blocks of the targets."""
    rows = {
        (task.frames.night, task.frames.first.ob_id, task.frames.first.ob_name, task.frames.first.target)
        for task in _targets(_request(folder, output, None, None))
    }
    _table(("night", "OB", "name", "target"), sorted(rows))
    return 0


def _list_sof(folder: Folder = ".", output: Output = None) -> int:
    """List the sets-of-files of the targets."""
    rows = [
        (task.name, task.frames.first.date_obs[:19], task.frames.first.slit, task.frames.first.ob_name, task.state)
        for task in _targets(_request(folder, output, None, None))
    ]
    _table(("set", "date", "slit", "OB", "state"), rows)
    return 0


def _raw() -> None:
    """Copy the raw frames that a set-of-files needs."""


def _raw_sof(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a set-of-files.", show_default=False)],
    folder: Folder = ".",
    output: Output = None,
) -> int:
    """Copy all raw frames that a set-of-files and its calibrations need to `exported` in the folder of products."""
    from soxspipe.night.index import EXPORTED
    from soxspipe.night.plan import frames_of
    from soxspipe.night.run import plan_folder

    request = _request(folder, output, None, [name])
    rows = list(frames_of(plan_folder(request).tasks))
    names = Counter(row.name for row in rows)
    target = request.output / EXPORTED
    for row in rows:
        copy = target / (row.name if names[row.name] == 1 else Path(row.path).relative_to(request.folder))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(row.path, copy)
    typer.echo(f"{len(rows)} raw frames copied to {target.resolve()}")
    return 0


def _watch(what: Annotated[str, typer.Argument(metavar="start|stop|status", help="As in the reference pipeline.")] = "status") -> int:
    """Say how to watch a folder: there is no daemon, `soxspipe night FOLDER --watch` runs in the foreground."""
    if what not in ("start", "stop", "status"):
        raise typer.BadParameter(f"{what!r} is not one of start, stop, status")
    typer.echo(
        "There is no daemon. `soxspipe night FOLDER --watch` watches a folder in the foreground: it reduces each exposure as soon as its file "
        "is complete, and Ctrl-C ends it. In a terminal that you may close: `nohup soxspipe night FOLDER --watch &`, or tmux."
    )
    return 2 if what == "start" else 0


def _request(
    folder: str, output: str | None, settings: str | None, only: list[str] | None, *, workers: int | None = None, scheduler: str = "",
    stop: bool = False, dashboard: bool = False, most: int | None = None,
) -> Request:  # fmt: skip
    from soxspipe.night.run import Request, default_workers, make_output_folder
    from soxspipe.reductions.output_folder import output_folder

    answer = Request(
        folder=Path(os.path.abspath(os.path.expanduser(folder))),
        output=output_folder(output, settings),
        settings=os.path.abspath(os.path.expanduser(settings)) if settings else None,
        only=tuple(only or ()), stop=stop, scheduler=scheduler, workers=workers or default_workers(), dashboard=dashboard,
        most=most,
    )  # fmt: skip
    if not answer.folder.is_dir():
        raise InputError(f"{answer.folder}: {'is not a folder' if answer.folder.exists() else 'does not exist'}")
    make_output_folder(answer.output)
    return answer


def _console(verbose: bool) -> Console:
    from soxspipe.cli.console import Console

    return Console(verbose=verbose)


def _print_plan(request: Request, *, as_json: bool) -> int:
    from soxspipe.night.plan_text import plan_json, plan_lines, summary_line
    from soxspipe.night.run import plan_folder, replaced_sofs, write_sofs

    plan = plan_folder(request)
    n = write_sofs(plan)
    if as_json:
        typer.echo(plan_json(plan))
        return 0
    for line in plan_lines(plan):
        typer.echo(line)
    typer.echo(summary_line(plan))
    for sentence in replaced_sofs(plan):
        typer.echo(sentence)
    typer.echo(f"{n} sets-of-files in {request.output / 'sof'}; `soxspipe night` without --plan reduces them")
    return 0


def _run(request: Request, *, as_json: bool, verbose: bool) -> int:
    from soxspipe.cli.night_progress import progress_for
    from soxspipe.night.finishing import finish, finishings
    from soxspipe.night.index import open_index
    from soxspipe.night.pages import write_pages
    from soxspipe.night.plan_text import summary_line
    from soxspipe.night.run import plan_folder, reduce_night, replaced_sofs, write_sofs
    from soxspipe.night.workers import Workers

    console, began = _console(verbose), time.perf_counter()
    index = open_index(request.output)
    with Workers(request, console.note) as workers:
        plan = plan_folder(request, index=index, seen=workers.begin)
        write_sofs(plan)
        console.note(summary_line(plan))
        for sentence in replaced_sofs(plan):
            console.note(sentence)
        last = finishings(plan, request)
        night = reduce_night(request, plan, index=index, listener=progress_for(console), workers=workers, sequels=last)
        finished = finish(night, request, workers.each)
    pages = write_pages(night)
    _close(console, night, as_json=as_json)
    for remark in finished.remarks:
        console.note(remark)
    for page in pages:
        console.note(f"page of the night: {page}")
    console.note(f"done in {time.perf_counter() - began:.1f} s")
    return night.exit_status


def _close(console: Console, night: Night, *, as_json: bool) -> None:
    """Say what became of the night."""
    from soxspipe.night.outcome_text import outcome_json, outcome_lines

    for outcome in night.with_status("failed", "lost")[:SHOWN_FAILURES]:
        console.fail(f"{outcome.verb} {outcome.name}: {outcome.cause}")
    if as_json:
        typer.echo(outcome_json(night))
        return
    for line in outcome_lines(night, verbose=console.verbose):
        typer.echo(line)


def _keep_watch(request: Request, *, quick: bool, redo: bool, verbose: bool) -> int:
    from soxspipe.cli.night_progress import describe
    from soxspipe.night.pages import page_path
    from soxspipe.night.watch import Watching, watch

    console = _console(verbose)
    console.note(f"watching {request.folder}; Ctrl-C ends it. The page of each night is {page_path(request.output, '<date>')}")
    night = watch(request, Watching(quick=quick, redo=redo, say=lambda outcome: console.note(describe(outcome)), note=console.note))
    _close(console, night, as_json=False)
    return night.exit_status


def _targets(request: Request) -> list[Task]:
    from soxspipe.night.run import plan_folder

    return [task for task in plan_folder(request).tasks if task.frames.rule.is_target]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from soxspipe.reductions.summary_tables import grid

    typer.echo(grid(head, rows))
