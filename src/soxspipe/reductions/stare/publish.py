"""From values to files: measure the metrics, write every product that the run has, all of them or none."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Provenance
from soxspipe.errors import ProductExistsError
from soxspipe.io.atomic import Staged, commit, discard, remove_unfinished, stage
from soxspipe.io.lock import only_run
from soxspipe.io.names import file_name, qc_folder, reduced_folder
from soxspipe.qc.ranges import enforced_arm, stare_ranges, with_ranges
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.spec import ProductRecord, ProductRow, Published
from soxspipe.reductions.stare.forked import Child, can_fork
from soxspipe.reductions.stare.lean_imports import import_lean_matplotlib
from soxspipe.reductions.stare.run import StareRun
from soxspipe.reductions.stare.spec import STARE

FINAL = ("EXTRACTED_FLUXCAL_SPECTRUM", "EXTRACTED_MERGED_TABLE")
LOCK_TIMEOUT_S = 600.0


def measure_metrics(run: StareRun) -> tuple[Metric, ...]:
    """Every metric of the recipe; those of a flux standard carry the ranges of the page, and all those that the user set."""
    measured = tuple(metric for row in STARE.metrics for metric in row.measure(run))
    chosen = run.settings.qc_acceptable_ranges
    arm = enforced_arm(run.inputs.arm, is_standard=run.is_standard)
    return with_ranges(measured, stare_ranges(arm, chosen))


def publish_stare(run: StareRun, output: Path, done: StepTimer) -> Published:
    """Write the products of one run.

    Parameters
    ----------
    run : StareRun
        With its metrics measured or not.
    output : Path
        Folder above ``reduced`` and ``qc``.
    done : StepTimer
        Hears when metrics, products and figures are there.

    Returns
    -------
    Published

    Raises
    ------
    ProductError
        If a file could not be written; what stood on the disk before is untouched then.
    """
    run = run if run.metrics else replace(run, metrics=measure_metrics(run))
    failed = [metric.name for metric in run.metrics if metric.flag == "fail"]
    done("measure quality", f"out of range: {', '.join(failed)}" if failed else f"{len(run.metrics)} metrics")
    rows = [part for row in STARE.products if row.when(run) for part in row.parts(run)]
    paths = [product_path(row, run, output) for row in rows]
    records = tuple(
        ProductRecord(label=row.label, description=row.description, file_type=row.file_type, kind=row.kind, path=path)
        for row, path in zip(rows, paths, strict=True)
    )
    staged = _stage_all(replace(run, files=records), rows, paths, done)
    try:
        merged_path(run.provenance, output).unlink(missing_ok=True)  # a run killed between two names is then seen to be unfinished
        commit(staged)
    except BaseException:
        discard(staged)
        raise
    _remove_outdated(run, output, set(paths))
    return Published(final=final_product(records), products=records, metrics=run.metrics, warnings=run.result.warnings, made_at=run.made_at)


def final_product(records: Sequence[ProductRecord]) -> Path:
    """The flux-calibrated spectrum if there is one, else the merged spectrum."""
    paths = {record.label: record.path for record in records}
    return next(paths[label] for label in FINAL if label in paths)


@contextmanager
def claim_products(provenance: Provenance, output: Path, *, overwrite: bool, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Keep other runs of the same set of files out while the body reduces it.

    Raises
    ------
    ProductExistsError
        If the products are there already and may not be overwritten.
    ProductError
        If another run does not finish in time, or the folder cannot be written to.
    """
    require_new(provenance, output, overwrite=overwrite)
    reduced = reduced_folder(output, provenance.night, provenance.recipe)
    with only_run(reduced / f".{file_name(provenance.sof_name, '.lock')}", timeout_s=timeout_s):
        require_new(provenance, output, overwrite=overwrite)
        for folder in (reduced, qc_folder(output, provenance.night, provenance.recipe)):
            remove_unfinished(folder, _owner(provenance))
        yield


def require_new(provenance: Provenance, output: Path, *, overwrite: bool) -> None:
    """Raise `ProductExistsError` if the products are there already and may not be overwritten."""
    path = merged_path(provenance, output)
    if path.exists() and not overwrite:
        raise ProductExistsError(f"the product exists already, use -x (overwrite) to make it again: {path}")


def merged_path(provenance: Provenance, output: Path) -> Path:
    """Where the merged spectrum goes, whose presence says that the set of files has been reduced."""
    return reduced_folder(output, provenance.night, provenance.recipe) / file_name(provenance.sof_name, "_EXTRACTED_MERGED.fits")


def product_path(row: ProductRow[StareRun], run: StareRun, output: Path) -> Path:
    """Where a product goes."""
    folder = reduced_folder if row.folder == "reduced" else qc_folder
    name = file_name(run.provenance.sof_name, row.suffix(run), upper=row.upper_case)
    return folder(output, run.provenance.night, run.provenance.recipe) / name


def _stage_all(run: StareRun, rows: Sequence[ProductRow[StareRun]], paths: Sequence[Path], done: StepTimer) -> list[Staged]:
    """Stage every product: figures are drawn in a process of their own, where there can be one, while data are written in this one."""
    owner = _owner(run.provenance)

    def staged(places: Sequence[int]) -> dict[int, Staged]:
        made: dict[int, Staged] = {}
        try:
            for place in places:
                made[place] = stage(paths[place], rows[place].contents(run), owner=owner)
        except BaseException:
            discard(made.values())
            raise
        return made

    def drawn_apart() -> dict[int, Staged]:
        import_lean_matplotlib()
        return staged(draws)

    draws = [place for place, row in enumerate(rows) if row.draws]
    child: Child[dict[int, Staged]] | None = None
    if draws and can_fork():
        with suppress(OSError):  # where there are no more processes to be had, all is drawn here
            child = Child(drawn_apart)
    written: dict[int, Staged] = {}
    drawn: dict[int, Staged] | None = None
    try:
        written = staged([place for place, row in enumerate(rows) if not row.draws])
        size = sum(file.temporary.stat().st_size for file in written.values())
        done("write products", f"{len(written)} files, {size / 1e6:.0f} MB")
        drawn = child.take() if child else None
        drawn = staged(draws) if drawn is None else drawn
    except BaseException:
        discard(written.values())
        raise
    finally:
        if child and drawn is None:
            child.stop()
            for folder in {path.parent for path in paths}:
                remove_unfinished(folder, owner)
    if drawn:
        done("draw figures", f"{len(drawn)} files")
    return [{**written, **drawn}[place] for place in range(len(rows))]


def _remove_outdated(run: StareRun, output: Path, made: set[Path]) -> None:
    """Delete products of an earlier run on the same files that this run did not make again."""
    for row in STARE.products:
        path = product_path(row, run, output)
        for old in path.parent.glob(glob.escape(path.name).replace("<N>", "*")):
            if old not in made:
                old.unlink(missing_ok=True)


def _owner(provenance: Provenance) -> str:
    return file_name(provenance.sof_name, "")
