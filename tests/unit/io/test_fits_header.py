"""Header blocks to cards, also where the cards break the rules."""

from __future__ import annotations

import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.io.fits_header import parse_header


def block(*cards: str) -> bytes:
    return "".join(card.ljust(80)[:80] for card in (*cards, "END")).encode("latin-1")


@pytest.mark.parametrize(
    ("card", "keyword", "value", "comment"),
    [
        ("EXPTIME =                300.0 / [s] time", "EXPTIME", 300.0, "[s] time"),
        ("NAXIS1  =                 2048", "NAXIS1", 2048, ""),
        ("SIMPLE  =                    T / yes", "SIMPLE", True, "yes"),
        ("OBJECT  = 'O''Brien / 7 '      / a name", "OBJECT", "O'Brien / 7", "a name"),
        ("BSCALE  =              1.0D+02", "BSCALE", 100.0, ""),
        ("EMPTY   =                      / nothing", "EMPTY", None, "nothing"),
        ("HIERARCH ESO DET OUT1 CONAD = 1.25 / [e-/ADU]", "ESO DET OUT1 CONAD", 1.25, "[e-/ADU]"),
        ("HIERARCH ESO  SEQ ARM  = 'NIR     '", "ESO SEQ ARM", "NIR", ""),
        ("ODD     = (1.0, 2.0)", "ODD", "(1.0, 2.0)", ""),
        ("BROKEN  = 'no end", "BROKEN", "'no end", ""),
    ],
)
def test_card(card: str, keyword: str, value: object, comment: str) -> None:
    assert parse_header(block(card)).cards == ((keyword, value, comment),)


def test_long_strings_continue() -> None:
    header = parse_header(block("LONG    = 'first &' / one", "CONTINUE  'second &'", "CONTINUE  'third' / two"))
    assert header.get("LONG") == "first second third"


def test_commentary_is_kept_and_blank_lines_are_not() -> None:
    header = parse_header(block("COMMENT  made by hand", "", "HISTORY = not a value"))
    assert header.cards == (("COMMENT", " made by hand", ""), ("HISTORY", "= not a value", ""))
    assert "COMMENT" not in header


def test_first_of_two_equal_keywords_counts_and_case_does_not() -> None:
    header = parse_header(block("KEY     = 1", "KEY     = 2"))
    assert header.get("key") == 1
    assert "Key" in header


def test_bytes_that_are_not_text_become_question_marks() -> None:
    assert parse_header(block("OBJECT  = 'a\x07\xe9b'")).get("OBJECT") == "a??b"


def test_undefined_counts_as_absent() -> None:
    assert parse_header(block("EMPTY   =")).get("EMPTY", 7) == 7


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    parse_header(content)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"ESO [A-Z]{3} [A-Z0-9]{1,8}", fullmatch=True),
        st.one_of(
            st.integers(-(10**15), 10**15),
            st.booleans(),
            st.floats(allow_nan=False, allow_infinity=False, width=32),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.rstrip),
        ),
        max_size=5,
    )
)
def test_agrees_with_astropy(values: dict[str, object]) -> None:
    header = fits.Header()
    for keyword, value in values.items():
        header[f"HIERARCH {keyword}"] = value
    text = header.tostring()
    parsed, expected = parse_header(text.encode("ascii")), fits.Header.fromstring(text)
    for keyword, value in values.items():
        assert parsed.get(keyword) == (value if isinstance(value, str) else expected[keyword])
