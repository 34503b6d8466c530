"""Text of others, made safe: one definition of what looks like a token."""

import pytest

from exporter.redaction import looks_like_token, mask_tokens, redact


@pytest.mark.parametrize("token", ["hxtp_0123456789abcdef", "hxtw_" + "de" * 48, "hxt_12", "HXTW_ABCDEF"])
def test_what_looks_like_a_token_is_masked_in_any_text(token: str) -> None:
    assert mask_tokens(f"found {token}, expected a path") == "found ***, expected a path"
    assert redact(f"bad\n{token}") == "bad ***"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("hxtw_0123", True), ("hxtp_", True), ("hxt_token", True), ("HXT_TOKEN", False), ("next_hxtw_1", False)],
)
def test_a_token_is_known_by_how_it_begins(text: str, is_one: bool) -> None:
    assert looks_like_token(text) is is_one


def test_a_secret_is_masked_whole_even_if_another_is_a_part_of_it() -> None:
    assert redact("no such user: s3cret/s3", ["s3", "s3cret/s3", ""]) == "no such user: ***"


def test_a_long_text_is_cut_after_its_secrets_are_masked() -> None:
    assert redact("x" * 198 + "hidden", ["hidden"], longest=200) == "x" * 198 + "*…"


def test_what_would_steer_a_terminal_or_break_a_line_is_a_space() -> None:
    assert redact("a\r\n b\x1b[31m\u202e c ") == "a b [31m c"
