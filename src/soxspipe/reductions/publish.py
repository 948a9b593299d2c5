"""From values to files, for every recipe: measure the metrics, write every product that the run has, all of them or none."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Provenance
from soxspipe.errors import InputError, ProductError, ProductExistsError
from soxspipe.io.atomic import Staged, discard, remove_unfinished, require_writable, stage
from soxspipe.io.commit_set import commit_set, recover, require_replaceable
from soxspipe.io.file_names import file_name, qc_folder, reduced_folder
from soxspipe.io.fits import read_header
from soxspipe.io.fits_header import Header
from soxspipe.io.headers import text_of
from soxspipe.io.lock import only_run
from soxspipe.io.product_headers import SOF_KEYWORD, as_read, differences
from soxspipe.qc.ranges import chosen_ranges, with_ranges
from soxspipe.reductions.gathered import Context
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.spec import ProductRecord, ProductRow, Published, RecipeSpec

LOCK_TIMEOUT_S = 600.0
"""Longer than any reduction takes, so that a second run of the same set waits for the first."""

SHOWN = 4
"""Settings that a message names; the others are counted."""

Run = Context[Any, Any, Any]
Spec = RecipeSpec[Any]


def measure_metrics(spec: Spec, context: Run) -> tuple[Metric, ...]:
    """Every metric of the recipe, with the recipe's acceptable ranges and those that the user set over them."""
    measured = tuple(metric for row in spec.metrics for metric in row.measure(context))
    page = spec.ranges(context.provenance.recipe, context.inputs.arm)
    return with_ranges(measured, chosen_ranges(page, context.settings.qc_acceptable_ranges))


def publish(spec: Spec, context: Run, output: Path, done: StepTimer) -> Published:
    """Write the products of one run.

    Parameters
    ----------
    spec : RecipeSpec
        The recipe's tables.
    context : Context
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
    context = context if context.metrics else replace(context, metrics=measure_metrics(spec, context))
    judged = spec.judge(context) if spec.judge is not None else None
    failed = [metric.name for metric in context.metrics if metric.flag == "fail"]
    done("measure quality", f"out of range: {', '.join(failed)}" if failed else f"{len(context.metrics)} metrics")
    rows = [part for row in spec.products if row.when(context) for part in row.parts(context)]
    paths = [product_path(row, context, output) for row in rows]
    records = tuple(
        ProductRecord(label=row.label, description=row.description, file_type=row.file_type, kind=row.kind, path=path)
        for row, path in zip(rows, paths, strict=True)
    )
    staged = _stage_all(replace(context, files=records, judged=judged), rows, paths, done)
    try:
        outdated = [old for old in _standing(spec, context.provenance, output) if old not in paths and not old.is_dir()]
        commit_set(staged, outdated, last=last_path(spec, context.provenance, output), owner=_owner(context.provenance))
    except BaseException:
        discard(staged)
        raise
    return Published(
        final=final_product(spec, records),
        products=records,
        metrics=context.metrics,
        warnings=context.result.warnings,
        made_at=context.made_at,
        enforced=spec.enforced(context.provenance.recipe),
        verdict=judged.title if judged is not None else "",
        reasons=judged.worries if judged is not None else (),
    )


def final_product(spec: Spec, records: Sequence[ProductRecord]) -> Path:
    """The product that the user came for: the first of the final labels that was made."""
    paths = {record.label: record.path for record in records}
    return next(paths[label] for label in spec.final if label in paths)


@contextmanager
def claim_products(
    spec: Spec, provenance: Provenance, output: Path, *, overwrite: bool, timeout_s: float = LOCK_TIMEOUT_S
) -> Iterator[None]:
    """Keep other runs of the same set of files out while the body reduces it.

    Raises
    ------
    ProductExistsError
        If the products are there already and may not be overwritten.
    ProductError
        If another run does not finish in time, a folder cannot be written to, or something that is not a file stands in the place of a product.
    """
    require_new(spec, provenance, output, overwrite=overwrite)
    reduced = reduced_folder(output, provenance.night, provenance.recipe)
    with only_run(reduced / f".{file_name(provenance.sof_name, '.lock')}", timeout_s=timeout_s):
        recover(reduced, _owner(provenance))
        require_new(spec, provenance, output, overwrite=overwrite)
        for name in dict.fromkeys(row.folder for row in spec.products):
            folder = reduced if name == "reduced" else qc_folder(output, provenance.night, provenance.recipe)
            remove_unfinished(folder, _owner(provenance))
            require_writable(folder, owner=_owner(provenance))
        for old in _standing(spec, provenance, output):
            require_replaceable(old)
        yield


def require_new(spec: Spec, provenance: Provenance, output: Path, *, overwrite: bool) -> None:
    """Raise `ProductExistsError` if the products are there already and may not be overwritten.

    Raises
    ------
    ProductError
        If what is there was made from other inputs or with other settings, and may not be overwritten; or from a set of files of another
        name, which is never overwritten.
    """
    path = last_path(spec, provenance, output)
    shared = [row for row in spec.products if (row.upper_case or row.longest) and isinstance(row.suffix, str)]  # names two sets may share
    for place in (path, *(_path(row, str(row.suffix), provenance, output) for row in shared)):
        header = _header_of(place)
        owner = text_of(header, SOF_KEYWORD) if header else ""
        if owner and owner != as_read(SOF_KEYWORD, provenance.sof_name):
            raise ProductError(f"{place}: belongs to the set of files {owner!r}; rename one of the two or choose another folder (-o)")
    if path.exists() and not overwrite:
        header = _header_of(path)
        if header is None and path.suffix == ".fits":
            raise ProductError(f"{path}: exists, but cannot be read; use -x (overwrite) to make it again")
        different = differences(header, provenance) if header and text_of(header, SOF_KEYWORD) else ()
        if different:
            raise ProductError(f"{path}: exists, but was made with other {_shown(different)}; use -x (overwrite) to make it again")
        raise ProductExistsError(f"the product exists already, use -x (overwrite) to make it again: {path}")


def _header_of(path: Path) -> Header | None:
    """Header of a product; None if it is not there or cannot be read."""
    try:
        return read_header(path)
    except InputError:
        return None


def _shown(different: Sequence[str]) -> str:
    """``inputs``, ``settings (use_flat was True, is now False; ...)``, or both."""
    names = [name for name in different if name != "inputs"]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    settings = [f"settings ({'; '.join(names[:SHOWN])}{more})"] if names else []
    return " and ".join([*(["inputs"] if "inputs" in different else []), *settings])


def last_path(spec: Spec, provenance: Provenance, output: Path) -> Path:
    """Where the last product goes, whose presence says that the set of files has been reduced."""
    row = spec.last
    if not isinstance(row.suffix, str):
        raise ValueError(f"the last product of the recipe {spec.verb} has no fixed suffix")
    return _path(row, row.suffix, provenance, output)


def product_path(row: ProductRow[Any], context: Run, output: Path) -> Path:
    """Where a product goes."""
    return _path(row, row.suffix_in(context), context.provenance, output)


def _path(row: ProductRow[Any], suffix: str, provenance: Provenance, output: Path) -> Path:
    folder = reduced_folder if row.folder == "reduced" else qc_folder
    return folder(output, provenance.night, provenance.recipe) / row.named(provenance.sof_name, suffix)


def _stage_all(context: Run, rows: Sequence[ProductRow[Any]], paths: Sequence[Path], done: StepTimer) -> list[Staged]:
    """Stage every product, data first and figures after them; the files are in the order of the rows."""
    owner = _owner(context.provenance)
    made: dict[int, Staged] = {}
    try:
        for is_figure, step in ((False, "write products"), (True, "draw figures")):
            places = [place for place, row in enumerate(rows) if row.is_figure is is_figure]
            for place in places:
                made[place] = stage(paths[place], rows[place].contents(context), owner=owner)
            if places:
                size = sum(made[place].temporary.stat().st_size for place in places)
                done(step, f"{len(places)} files, {size / 1e6:.1f} MB")
    except BaseException:
        discard(made.values())
        raise
    return [made[place] for place in range(len(rows))]


def _standing(spec: Spec, provenance: Provenance, output: Path) -> list[Path]:
    """What stands in the places of products, those of earlier runs of the same set among them."""
    suffixes = [(row, row.suffix if isinstance(row.suffix, str) else row.pattern) for row in spec.products]
    patterns = [_path(row, suffix, provenance, output) for row, suffix in suffixes]
    return list(dict.fromkeys(old for path in patterns for old in path.parent.glob(glob.escape(path.name).replace("<N>", "*"))))


def _owner(provenance: Provenance) -> str:
    return file_name(provenance.sof_name, "")
