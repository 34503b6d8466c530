"""Is a statement one that only reads? A guard against mistakes in the configuration, before the database's own."""

import re

from exporter.sources.probe import ProbeError

_READING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC"})
_FETCHED_BY_CURSOR = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CALL", "TRUNCATE"})

# Strings, quoted names and comments say nothing about what a statement does. Where dialects read a backslash
# differently, a quote may seem to end too early or too late: the database's own guard stands behind this one.
_SILENT = re.compile(
    r"""
      --[^\n]*
    | /\*.*?(?:\*/|\Z)
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)
    | '(?:[^']|'')*(?:'|\Z)
    | "(?:[^"]|"")*(?:"|\Z)
    | `[^`]*(?:`|\Z)
    """,
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(r"\w+")


def first_word(statement: str) -> str:
    """The keyword that the statement begins with, in upper case; empty if there is none."""
    found = _WORD.search(_bare(statement))
    return found.group().upper() if found else ""


def is_fetched_by_cursor(statement: str) -> bool:
    """Whether a cursor of the server can be put over it."""
    return first_word(statement) in _FETCHED_BY_CURSOR


def check_reading(statement: str) -> None:
    """Raises ProbeError unless it is one statement that reads: SELECT, WITH, VALUES, TABLE, SHOW or DESCRIBE."""
    bare = _bare(statement).strip()
    if ";" in bare.rstrip("; \t\r\n"):
        raise ProbeError("the query is more than one statement, expected one that reads")
    words = [word.upper() for word in _WORD.findall(bare)]
    if not words or words[0] not in _READING:
        raise ProbeError(f"the query begins with {words[0] if words else 'nothing'}, expected SELECT, WITH or SHOW")
    writing = next((word for word in words if word in _WRITING), None)
    if writing is not None:
        raise ProbeError(f"the query has the word {writing}, expected one that reads; a name like it goes in quotes")


def _bare(statement: str) -> str:
    return _SILENT.sub(" ", statement)
