"""The table of settings is the one that the settings classes give."""

import importlib.util
from pathlib import Path

from soxspipe.settings.published_names import leaves

SCRIPT = Path(__file__).resolve().parents[2] / "docs/make_tables.py"


def load_script():
    spec = importlib.util.spec_from_file_location("make_tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_setting_has_its_row_and_advice():
    script = load_script()
    assert script.PAGE.read_text(encoding="utf-8") == script.page_with(script.settings_table()), "run python docs/make_tables.py"
    assert {leaf.field for leaf in leaves()} == set(script.ADVICE)
