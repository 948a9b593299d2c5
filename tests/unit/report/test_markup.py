"""Elements escape whatever is not HTML already."""

from __future__ import annotations

from soxspipe.report.markup import Html, escaped, joined, table, tag


def test_text_and_attributes_are_escaped() -> None:
    made = tag("p", "<script>alert('1')</script> & more", title='"><img src=x>')
    assert made == ('<p title="&quot;&gt;&lt;img src=x&gt;">&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; more</p>')


def test_html_passes_and_nests() -> None:
    assert tag("ul", (tag("li", n) for n in (1, 2.5))) == "<ul><li>1</li><li>2.5</li></ul>"
    assert joined(Html("<br>"), None, ["a", ["<"]]) == "<br>a&lt;"


def test_bare_absent_and_named_attributes() -> None:
    assert (
        tag("input", checked=True, disabled=False, class_="a", data_do=None, aria_label="x") == '<input checked class="a" aria-label="x">'
    )


def test_control_characters_are_left_out() -> None:
    assert escaped("a\x00b\x1bc\u202ed\te") == "abcd\te"


def test_table_heads_are_scoped_and_it_has_a_caption() -> None:
    made = table("Inputs", ("file", "kind"), [["a<b", "raw"]])
    assert "<caption>Inputs</caption>" in made
    assert '<th scope="col">file</th>' in made
    assert '<th scope="row">a&lt;b</th><td data-head="kind">raw</td>' in made
