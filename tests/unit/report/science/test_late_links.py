"""A link that is added to a page when the other arm has been reduced."""

from __future__ import annotations

from soxspipe.datamodel.links import Link
from soxspipe.report.science.late_links import with_link

PAGE = '<p class="also">See also: <a href="a.fits">table</a></p><p>rest</p>'
LINK = Link(text="the same target in NIR", href="../x/n%20r_report.html")


def test_the_link_comes_first_and_once() -> None:
    once = with_link(PAGE, LINK)
    assert once == PAGE.replace("See also: ", 'See also: <a href="../x/n%20r_report.html">the same target in NIR</a> · ')
    assert with_link(once, LINK) == once


def test_a_page_without_links_stays() -> None:
    assert with_link("<p>nothing</p>", LINK) == "<p>nothing</p>"


def test_words_cannot_break_the_page() -> None:
    assert "<b>" not in with_link(PAGE, Link(text="<b>x", href="y"))
