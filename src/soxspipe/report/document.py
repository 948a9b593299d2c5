"""The HTML document around a page: head, styles, and what the page may do."""

from __future__ import annotations

from collections.abc import Sequence

from soxspipe.report.assets import asset
from soxspipe.report.markup import Attribute, Html, joined, tag

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; {scripts}base-uri 'none'; form-action 'none'"
"""The page may show its own pictures, run its own scripts if it has some, and fetch nothing from anywhere."""
_SCRIPTS = "script-src 'unsafe-inline'; "


def document(title: str, body: Html, *, styles: Sequence[tuple[str, str]], scripts: Sequence[Html] = (), **of_body: Attribute) -> str:
    """Make a whole page.

    Parameters
    ----------
    title : str
        In the window's frame; escaped.
    body : Html
        What is seen.
    styles : sequence of (str, str)
        Folder and name of the style sheets.
    scripts : sequence of Html
        Script elements, at the end of the body; without one the page may run none.
    **of_body : str or None
        Attributes of the body.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY.format(scripts=_SCRIPTS if scripts else "")),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html("".join(asset(folder, name) for folder, name in styles))),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", joined(body, *scripts), **of_body), lang="en") + "\n"


def script(code: str) -> Html:
    """A script element; the code comes from this package, never from data."""
    return tag("script", Html(code))
