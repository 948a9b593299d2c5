"""Progress of a night: bars at a terminal, a line for each reduction in a file or pipe."""

from __future__ import annotations

import os
import sys
from typing import Any

from soxspipe.cli.console import Console, one_line
from soxspipe.night.progress import Standing
from soxspipe.night.state import Outcome

ALL = "all"


class Lines:
    """A line for each reduction that ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, standing: Standing) -> None:
        """Say how much there is to do."""
        parts = [f"{total - done} {verb}" for verb, (done, total) in standing.by_verb.items()]
        self._console.note(f"{standing.total - standing.done} reductions: {', '.join(parts)}")

    def done(self, outcome: Outcome, standing: Standing) -> None:
        """Say what became of it, and how long the rest will take."""
        place = f"[{standing.done:>{len(str(standing.total))}}/{standing.total}]"
        self._console.note(f"{place} {describe(outcome)}; {time_left(standing)}")

    def end(self) -> None:
        """Nothing to tidy up."""


class Bars:
    """A bar for each recipe and one for all; reductions that went wrong are named above them."""

    def __init__(self, console: Console) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = console
        rich = RichConsole(stderr=True, highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
        self._progress: Any = Progress(
            TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"), console=rich
        )  # fmt: skip
        self._bars: dict[str, Any] = {}

    def begin(self, standing: Standing) -> None:
        """Show the bars."""
        for verb, (done, total) in standing.by_verb.items():
            self._bars[verb] = self._progress.add_task(verb, total=total, completed=done, left="")
        self._bars[ALL] = self._progress.add_task(ALL, total=standing.total, completed=standing.done, left="")
        self._progress.start()

    def done(self, outcome: Outcome, standing: Standing) -> None:
        """Move them."""
        for verb, (done, total) in standing.by_verb.items():
            if verb not in self._bars:
                self._bars[verb] = self._progress.add_task(verb, total=total, left="")
            self._progress.update(self._bars[verb], completed=done, total=total)
        self._progress.update(self._bars[ALL], completed=standing.done, total=standing.total, left=time_left(standing))
        if not outcome.succeeded or outcome.out_of_range:
            self._progress.console.print(one_line(describe(outcome)), markup=False)

    def end(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


def progress_for(console: Console) -> Lines | Bars:
    """Bars at a terminal, lines elsewhere."""
    plain = os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
    return Lines(console) if plain else Bars(console)


def describe(outcome: Outcome) -> str:
    """One line about a reduction."""
    if outcome.status == "unchanged":
        word = "nothing to do"
    elif outcome.succeeded:
        word = f"{outcome.seconds:.1f} s"
    else:
        word = f"{outcome.status}: {outcome.cause}"
    out = f"; out of range: {', '.join(outcome.out_of_range)}" if outcome.out_of_range else ""
    return f"{outcome.verb} {outcome.name}: {word}{out}"


def time_left(standing: Standing) -> str:
    """How long the rest will take, in words."""
    if standing.done == standing.total:
        return "all done"
    if standing.left_s is None:
        return "time left not known yet"
    if standing.left_s < 60:
        return f"about {max(1, round(standing.left_s))} s left"
    return f"about {standing.left_s / 60:.0f} min left"
