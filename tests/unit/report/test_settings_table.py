"""The page's table of settings."""

from __future__ import annotations

from collections.abc import Callable

from soxspipe.report.science import ReportContent
from soxspipe.report.settings_table import SettingRow, settings_rows
from soxspipe.settings.base import ReductionSettings

Make = Callable[..., ReportContent]


def _rows(base: ReportContent, settings: ReductionSettings | None) -> tuple[SettingRow, ...]:
    return settings_rows(settings, base.reduction.geometry.arm, base.provenance)


def test_mappings_among_the_settings_are_read_as_words(content: Make) -> None:
    base = content()
    assert base.settings is not None
    changed = base.settings.model_copy(
        update={"plots": {"report": True, "bkground": False}, "qc_acceptable_ranges": {"n-orders": (3.0, 4.0)}}
    )
    values = {row.name: row.value for row in _rows(base, changed)}
    assert values["plots"] == "report: yes; bkground: no"
    assert values["qc-acceptable-ranges"] == "n-orders: 3 to 4"


def test_changed_settings_stand_first_with_their_defaults(content: Make) -> None:
    base = content()
    assert base.settings is not None
    changed = base.settings.model_copy(update={"use_flat": False})
    rows = _rows(base, changed)
    assert (rows[0].name, rows[0].value, rows[0].default, rows[0].changed) == ("use_flat", "no", "yes", True)
    assert sum(row.changed for row in rows) == 1
    assert all(row.description for row in rows)
    bare = _rows(base, None)
    assert [(row.name, row.value) for row in bare] == [("use_flat", "yes"), ("order-deg", "4")]
