"""What the command says: plain lines for files and pipes, a little colour for people at a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from soxspipe.datamodel.remark import Remark
from soxspipe.reductions.progress import StepReport

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from soxspipe.reductions.spec import Published

LONGEST_LINE = 1000
"""Longer lines are those of broken headers; both ends of them tell enough."""
MERGED = "_EXTRACTED_MERGED.fits"


class Console:
    """Progress, warnings and errors on standard error; the closing tables on standard output."""

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose

    def say(self, text: str) -> None:
        """A line on standard output."""
        _say(text, sys.stdout)

    def step(self, report: StepReport, /) -> None:
        """One line for a step that ended: name, seconds, and the number that matters."""
        _say(f"  {report.step:<24}", sys.stderr, f"{report.seconds:7.2f} s", "dim", f"  {one_line(report.note)}".rstrip())

    def note(self, text: str) -> None:
        """A line of no urgency."""
        _say(one_line(text), sys.stderr)

    def warn(self, text: str) -> None:
        """Something that the user should know; a remark is no fault, and called a note."""
        word, style = ("note:", "dim") if isinstance(text, Remark) else ("warning:", "yellow")
        _say("", sys.stderr, word, style, f" {one_line(text)}")

    def fail(self, text: str) -> None:
        """The one line that says why nothing was made."""
        _say("", sys.stderr, "soxspipe:", "red", f" {one_line(text)}")

    def close(self, recipe: str, published: Published) -> None:
        """Closing tables of QC and products, and where the final product is."""
        if _is_terminal(sys.stdout):
            try:
                self._rich_tables(recipe, published)
            except (OSError, ValueError) as err:
                _give_up(sys.stdout, getattr(err, "strerror", None) or str(err))
        else:
            from soxspipe.reductions.summary_tables import report_text

            _say(report_text(recipe, published, verbose=self.verbose), sys.stdout)
        _say("", sys.stdout)
        _say(f"final product: {published.final}", sys.stdout)
        report = next((record.path for record in published.products if record.label == "REPORT"), None)
        if report is not None:
            _say(f"report:        {report}", sys.stdout)
        failed = published.failed_metrics
        if failed:
            names = ", ".join(metric.name for metric in failed)
            self.warn(
                f"out of the acceptable range: {names} (look at the report or plots; `qc-acceptable-ranges` in the settings changes ranges)"
            )

    def verdict(self, published: Published) -> None:
        """The verdict of the report with its reasons, the last thing that is said."""
        if published.verdict:
            _say(f"verdict: {published.verdict}", sys.stdout)
            for reason in published.reasons:
                _say(f"  {one_line(reason)}", sys.stdout)

    def _product_tables(self, recipe: str, published: Published) -> Iterator[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
        """One table with full paths, or one a folder in which the set's name is left out, so that lines stay short."""
        from soxspipe.reductions.summary_tables import PRODUCT_HEAD, product_rows

        if self.verbose:
            yield f"{recipe} products", PRODUCT_HEAD, product_rows(published.products, full_path=True)
            return
        start = next((r.path.name.removesuffix(MERGED) for r in published.products if r.path.name.endswith(MERGED)), "")
        for folder in dict.fromkeys(record.path.parent for record in published.products):
            rows = product_rows((record for record in published.products if record.path.parent == folder), full_path=False)
            short = [(label, kind, f"…{name[len(start) :]}" if name.startswith(start) else name, text) for label, kind, name, text in rows]
            yield f"{recipe} products (… is {start})\nin {folder}", PRODUCT_HEAD, short

    def _rich_tables(self, recipe: str, published: Published) -> None:
        from rich.table import Table
        from rich.text import Text

        from soxspipe.reductions.summary_tables import QC_HEAD, qc_rows

        rich = _rich(sys.stdout)
        for title, head, rows in (
            (f"{recipe} quality control", QC_HEAD, qc_rows(published.metrics, per_order=self.verbose)),
            *self._product_tables(recipe, published),
        ):
            rich.print(Text(title, style="italic"), soft_wrap=True)
            table: Any = Table(box=None, pad_edge=False, header_style="bold")
            for name in head:
                table.add_column(name, overflow="fold")
            for row in rows:
                style = "red" if "fail" in row else ""
                table.add_row(*(Text(cell, style=style) for cell in row))
            rich.print(table)
            rich.print()


def one_line(text: str) -> str:
    """Text without line breaks and control characters, so that no header or path can play tricks with the terminal; its middle left out if long."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} ... {line[-LONGEST_LINE // 2 :]}"


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _say(text: str, stream: Any, marked: str = "", style: str = "", rest: str = "") -> None:
    """One line: text, a piece in a style of its own, the rest.  A stream that is closed or full costs the line and nothing else."""
    if stream is None:
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        pieces = [piece.encode(encoding, "replace").decode(encoding) for piece in (text, marked, rest)]
        if not marked or not _is_terminal(stream):
            print("".join(pieces), file=stream, flush=True)
        else:
            from rich.text import Text

            _rich(stream).print(Text.assemble(pieces[0], (pieces[1], style), pieces[2]), soft_wrap=True)
    except (OSError, ValueError) as err:
        _give_up(stream, getattr(err, "strerror", None) or str(err))


def _give_up(stream: Any, reason: str) -> None:
    """Let a stream that cannot be written to lead nowhere, and say so once on the other."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    is_out = stream is sys.stdout
    name, other = ("output", sys.stderr) if is_out else ("error", sys.stdout)
    if other is not None and other is not stream:
        with contextlib.suppress(OSError, ValueError):
            print(f"warning: standard {name} cannot be written to ({one_line(reason)}); products are not affected", file=other, flush=True)


def _rich(stream: Any) -> RichConsole:
    """Terminal that shows what it can: nothing but letters where colour is not wanted."""
    from rich.console import Console as RichConsole

    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return RichConsole(file=stream, highlight=False, color_system=None if plain else "auto")
