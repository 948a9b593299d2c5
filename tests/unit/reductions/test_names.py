"""Names in a sentence."""

from __future__ import annotations

import pytest

from soxspipe.reductions.names import first_and_more


@pytest.mark.parametrize(("names", "said"), [(["a"], "a"), (["a", "b"], "a and 1 more"), (("a", "b", "c"), "a and 2 more")])
def test_the_first_and_how_many_more(names, said) -> None:
    assert first_and_more(names) == said
