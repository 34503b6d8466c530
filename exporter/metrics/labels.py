"""Label values that every scraper can read, whatever Hex or its users called a thing."""

import re
from collections.abc import Sequence

MAX_CHARACTERS = 200
"""Longer values are cut and end in an ellipsis."""

# C0 and C1 controls, lone surrogates (legal in JSON, not in UTF-8) and the two separators that end a line for some
# readers; the newline stays, because the format can escape it.
_UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_ESCAPED = re.compile('[\\\\"\n]')
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def safe_label(value: str) -> str:
    """The value with what no scraper could read replaced by U+FFFD, and at most 200 characters long."""
    if len(value) > MAX_CHARACTERS:
        value = value[: MAX_CHARACTERS - 1] + "…"
    return _UNSAFE.sub("\ufffd", value)


def escaped_label(value: str) -> str:
    """The safe value as it stands between the quotes of a sample line."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], safe_label(value))


def written(template: str, values: tuple[str, ...]) -> str:
    """The template with each `"%s"` filled in by an escaped value; it has no other quote and nothing to escape."""
    text = template % values
    # Nearly every text is plain, and to see that once costs less than to go through its values.
    is_plain = len(text) <= MAX_CHARACTERS and _is_plain(text, 2 * len(values))
    return text if is_plain else template % tuple(map(escaped_label, values))


def all_written(template: str, labels: Sequence[tuple[str, ...]]) -> list[str]:
    """`written` of each; where all are plain, which is seen by one look, it costs a third."""
    texts = [template % values for values in labels]
    together = "".join(texts)
    quotes = 2 * sum(map(len, labels))
    are_plain = max(map(len, texts), default=0) <= MAX_CHARACTERS and _is_plain(together, quotes)
    return texts if are_plain else [written(template, values) for values in labels]


def _is_plain(text: str, quotes: int) -> bool:
    return text.isprintable() and "\\" not in text and text.count('"') == quotes
