"""Any text of any user becomes a label value that every scraper can read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.metrics.labels import MAX_CHARACTERS, escaped_label, safe_label, written


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Weekly revenue", "Weekly revenue"),
        ("Ünïcode — 数据 🚀", "Ünïcode — 数据 🚀"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("bell\x07 null\x00 delete\x7f", "bell\ufffd null\ufffd delete\ufffd"),
        ("next\x85line", "next\ufffdline"),
        ("line\u2028 paragraph\u2029", "line\ufffd paragraph\ufffd"),
        ("carriage\rreturn\ttab", "carriage\ufffdreturn\ufffdtab"),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_what_no_scraper_could_read_is_replaced(text: str, safe: str) -> None:
    assert safe_label(text) == safe


def test_long_text_ends_in_an_ellipsis() -> None:
    assert safe_label("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
    assert safe_label("x" * (MAX_CHARACTERS + 1)) == "x" * (MAX_CHARACTERS - 1) + "…"


def test_quotes_backslashes_and_newlines_are_escaped() -> None:
    assert escaped_label('a "b" \\ c\nd') == 'a \\"b\\" \\\\ c\\nd'


any_text = st.text(st.characters() | st.sampled_from('"\\\n\x00\ud800'), max_size=250)


@settings(max_examples=200, deadline=None)
@given(any_text)
def test_making_safe_twice_changes_nothing_more(text: str) -> None:
    safe = safe_label(text)

    assert safe_label(safe) == safe
    assert len(safe) <= MAX_CHARACTERS
    safe.encode()


@settings(max_examples=200, deadline=None)
@given(st.tuples(any_text, any_text))
def test_the_short_way_writes_what_the_long_way_would(values: tuple[str, str]) -> None:
    template = 'name{a="%s",b="%s"} '

    assert written(template, values) == template % tuple(map(escaped_label, values))
