"""Text of strangers, titles above all, made harmless for the place where it is printed."""

import re

_FORMULA = re.compile(r"[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_MARKDOWN = re.compile(r"([\\`*\[\]<>|~!#&]|(?<![a-z0-9])_|_(?![a-z0-9]))", re.IGNORECASE)


def for_terminal(text: str) -> str:
    """On one line, and without what would steer a terminal or turn the direction of reading."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text)


def for_markdown(text: str) -> str:
    """In one cell of a table or one item of a list: no markup, no link, no HTML."""
    return _MARKDOWN.sub(r"\\\1", for_terminal(text))


def for_spreadsheet(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that could be begins with an apostrophe."""
    shown = for_terminal(text)
    # What began with a tab or a line's end begins with a space now, which spreadsheets cut off.
    return f"'{shown}" if _FORMULA.match(shown) else shown
