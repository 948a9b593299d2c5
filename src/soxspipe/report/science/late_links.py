"""A link for a page that has been written: the other arm's report exists only when both arms are reduced."""

from __future__ import annotations

from soxspipe.datamodel.links import Link
from soxspipe.report.markup import tag
from soxspipe.report.science.sections import SEE_ALSO

_OPENING = f'class="also">{SEE_ALSO}'


def with_link(page: str, link: Link) -> str:
    """The page with the link first of those it has; as it is where it leads there already, or has none.

    Parameters
    ----------
    page : str
        A report, HTML.
    link : Link
        Words and address.
    """
    anchor = tag("a", link.text, href=link.href)
    before, opening, after = page.partition(_OPENING)
    if not opening or f">{link.text}</a>" in after.partition("</p>")[0]:
        return page
    return f"{before}{opening}{anchor} · {after}"
