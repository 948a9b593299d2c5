"""Metrics and products as tables: for people (text) and for programs (`astropy.table.Table`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from soxspipe.datamodel.metric import Metric
from soxspipe.reductions.spec import ProductRecord, Published

if TYPE_CHECKING:
    from astropy.table import Table

QC_HEAD = ("metric", "value", "unit", "range", "flag", "meaning")
PRODUCT_HEAD = ("product", "type", "file", "content")


def qc_rows(metrics: Iterable[Metric], *, per_order: bool) -> list[tuple[str, ...]]:
    """Text of the metrics that were measured; `per_order` includes those of single orders."""
    return [
        (metric.name, number_text(metric.value), metric.unit, range_text(metric), flag_text(metric), metric.comment)
        for metric in metrics
        if metric.value is not None and (per_order or metric.order == "-1")
    ]


def product_rows(products: Iterable[ProductRecord], *, full_path: bool) -> list[tuple[str, str, str, str]]:
    """Text of the product list, data first."""
    ranked = sorted(products, key=lambda record: (record.kind != "PROD", record.label))
    return [(record.label, record.file_type, str(record.path) if full_path else record.path.name, record.description) for record in ranked]


def number_text(value: float | int | str | None) -> str:
    """A number with as many digits as are worth reading; text as it is."""
    if value is None:
        return "-"
    if isinstance(value, int | str):
        return str(value)
    return f"{value:.3f}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.3g}"


def flag_text(metric: Metric) -> str:
    """``pass`` or ``fail``; a dash where nothing is asked of the metric."""
    return "–" if metric.low is None and metric.high is None else metric.flag


def range_text(metric: Metric) -> str:
    """The acceptable range, empty if there is none."""
    if metric.low is None and metric.high is None:
        return ""
    low, high = ("" if limit is None else f"{limit:g}" for limit in (metric.low, metric.high))
    return low if low == high else f"{low} .. {high}"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned table in plain text, without trailing blanks."""
    cells = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def report_text(recipe: str, published: Published, *, verbose: bool) -> str:
    """QC and product tables under their headings."""
    title = recipe.upper()
    return "\n".join(
        [
            f"# {title} QC METRICS",
            grid(QC_HEAD, qc_rows(published.metrics, per_order=verbose)),
            "",
            f"# {title} RECIPE PRODUCTS & QC OUTPUTS",
            grid(PRODUCT_HEAD, product_rows(published.products, full_path=verbose)),
        ]
    )


def qc_table(metrics: Iterable[Metric], *, recipe: str, sof_name: str, date_obs: str, made_at: str) -> Table:
    """The metrics as a table, one row each; values that were not measured are masked, values that are text stand in `qc_text`."""
    rows = list(metrics)
    columns: dict[str, list[Any]] = {
        "soxspipe_recipe": [recipe] * len(rows),
        "qc_name": [metric.name for metric in rows],
        "qc_value": [metric.number for metric in rows],
        "qc_unit": [metric.unit for metric in rows],
        "qc_order": [metric.order for metric in rows],
        "qc_comment": [metric.comment for metric in rows],
        "obs_date_utc": [date_obs] * len(rows),
        "reduction_date_utc": [made_at] * len(rows),
        "to_header": [metric.value is not None for metric in rows],
        "qc_flag": [metric.flag for metric in rows],
        "qc_value_min": [metric.low for metric in rows],
        "qc_value_max": [metric.high for metric in rows],
        "sof_name": [sof_name] * len(rows),
        "qc_text": [metric.value if isinstance(metric.value, str) else "" for metric in rows],
    }
    return _table(columns, numbers=("qc_value", "qc_value_min", "qc_value_max"))


def product_table(products: Iterable[ProductRecord], *, recipe: str, date_obs: str, made_at: str) -> Table:
    """The products as a table, one row a file."""
    rows = list(products)
    columns: dict[str, list[Any]] = {
        "soxspipe_recipe": [recipe] * len(rows),
        "product_label": [record.label for record in rows],
        "file_name": [record.path.name for record in rows],
        "file_type": [record.file_type for record in rows],
        "obs_date_utc": [date_obs] * len(rows),
        "reduction_date_utc": [made_at] * len(rows),
        "product_desc": [record.description for record in rows],
        "file_path": [os.fspath(record.path) for record in rows],
        "label": [record.kind for record in rows],
    }
    return _table(columns, numbers=())


def _table(columns: dict[str, list[Any]], numbers: Sequence[str]) -> Table:
    import numpy as np
    from astropy.table import MaskedColumn, Table

    made = Table()
    for name, values in columns.items():
        if name in numbers:
            missing = [value is None for value in values]
            made[name] = MaskedColumn(np.array([np.nan if value is None else value for value in values], dtype=np.float64), mask=missing)
        elif name == "to_header":
            made[name] = np.array(values, dtype=bool)
        else:
            made[name] = np.array(values, dtype=str)
    return made
