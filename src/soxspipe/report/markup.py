"""HTML that cannot be injected into: whatever is not `Html` already is escaped when it is put into an element."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = str | int | float | Iterable["Child"] | None
Attribute: TypeAlias = str | int | float | bool | None

_MEANS_SOMETHING = re.compile("[&<>\"']")
_VOID = frozenset({"meta", "img", "input", "br", "link"})


def escaped(text: object) -> Html:
    """Text with the characters that mean something in HTML replaced, and control characters left out."""
    if isinstance(text, Html):
        return text
    shown = str(text)
    if not shown.isprintable():
        shown = "".join(character for character in shown if character.isprintable() or character in "\n\t")
    return Html(html.escape(shown, quote=True) if _MEANS_SOMETHING.search(shown) else shown)


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Make one element.

    Parameters
    ----------
    name : str
        Of the element; from the program, never from data.
    *children : str, number, None or iterables of these
        Escaped unless they are `Html`; None is left out.
    **attributes : str, number, bool or None
        Values are escaped; a trailing underscore is dropped from the name and others become hyphens; True gives the bare
        attribute, False and None none.

    Returns
    -------
    Html
        The element.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Children one after the other."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, str | int | float):
            parts.append(escaped(child))
        else:
            parts.append(joined(*child))
    return Html("".join(parts))


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], *, class_: str = "") -> Html:
    """Make a table whose first column heads its rows, in a box that scrolls sideways when it must."""
    head = tag("tr", (tag("th", text, scope="col") for text in heads))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            (tag("td", cell, data_head=head or None) for head, cell in zip(heads[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body), class_=class_ or None)
    return tag("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)


def radio(group: str, value: str, text: str, *, checked: bool) -> Html:
    """One of a group of choices."""
    return tag("label", tag("input", type="radio", name=group, value=value, checked=checked), tag("span", text))


def check(identity: str, text: str, *, checked: bool = False) -> Html:
    """A box to tick, with its words."""
    return tag("label", tag("input", type="checkbox", id=identity, checked=checked), f" {text}")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(value)}"'
