"""Sphinx: Markdown pages beside this file, and the API from docstrings."""

import re

from sphinx.application import Sphinx

from soxspipe import __version__

project = "soxs-stare"
author = "The soxs-stare developers"
copyright = author
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
default_role = "literal"  # `name` in docstrings
suppress_warnings = ["ref.python", "ref.citation"]  # types that several classes name alike; references that stand for the whole docstring

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "description"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "soxs-stare"


def name_references(_app: object, _what: str, name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Give the numbered references of a docstring labels of their own, since one page holds many docstrings."""
    label = name.removeprefix("soxspipe.").replace(".", "-").replace("_", "-")
    lines[:] = [re.sub(r"^(\.\. \[)(\d+\])", rf"\g<1>{label}-\g<2>", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Register the hook after napoleon's."""
    app.connect("autodoc-process-docstring", name_references, priority=900)
