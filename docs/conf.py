"""Sphinx: Markdown pages beside this file, and the API from docstrings."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from soxspipe import __version__

project = "soxs-stare"
author = "The soxs-stare developers"
copyright = author
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
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
html_math_renderer = "mathml"
html_title = "soxs-stare"


def name_references(_app: object, _what: str, name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Give the numbered references of a docstring labels of their own, since one page holds many docstrings."""
    label = name.removeprefix("soxspipe.").replace(".", "-").replace("_", "-")
    lines[:] = [re.sub(r"^(\.\. \[)(\d+\])", rf"\g<1>{label}-\g<2>", line) for line in lines]


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """An equation as MathML, which browsers show without a script or the network."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def write_display(writer: HTML5Translator, node: nodes.math_block) -> None:
    """An equation on a line of its own."""
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register equations, and the hook after napoleon's."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_display, None))
    app.connect("autodoc-process-docstring", name_references, priority=900)
