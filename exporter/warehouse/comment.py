"""The comment that Hex adds to each query it sends: which project, cell and context the query is for."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

TAIL_CHARACTERS = 4096
"""How much of a query's text is looked at, from its end: Hex's comment is the last thing in it."""

MARKER = "Hex query metadata:"

_OPENING = re.compile(rf"(?:--|/\*)[ \t]*{re.escape(MARKER)}[ \t]*")
_ONLY_COMMENTS = re.compile(r"\s*(?:--[^\n]*(?:\n\s*|\Z)|/\*.*?\*/\s*)*\Z", re.DOTALL)
_AFTER = re.compile(r"[ \t]*(?:\*/)?[\s;]*(?:--[^\n]*(?:\n|\Z)\s*|/\*.*?\*/[\s;]*)*\Z", re.DOTALL)
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_CONTEXT = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_LONGEST_NAME = 200

_DECODER = json.JSONDecoder(object_pairs_hook=lambda pairs: _without_second_keys(pairs))


class Comment(NamedTuple):
    """What a query is for. `context` is in lower case; `cell_id` and `connection` are empty where it has none."""

    project_id: str
    context: str
    cell_id: str
    connection: str


def parse_comment(text: str) -> Comment | None:
    """The comment of a query whose text, or its end, this is; None where it cannot be read without a guess.

    It stands first or last. One that is cut off or broken, and two that differ, are None. Never raises.
    """
    found: set[Comment | None] = set()
    for start, end, fields in _marked(text):
        is_first = _ONLY_COMMENTS.match(text, 0, start) is not None
        if is_first or end is None or _AFTER.match(text, end) is not None:
            found.add(None if fields is None else _comment(fields))
    return found.pop() if len(found) == 1 else None


def _marked(text: str) -> Iterator[tuple[int, int | None, object]]:
    """Where each marker begins and its JSON ends, with what the JSON says; no end where it cannot be read."""
    at = 0
    while (opening := _OPENING.search(text, at)) is not None:
        try:
            fields, at = _DECODER.raw_decode(text, opening.end())
            yield opening.start(), at, fields
        except (ValueError, RecursionError):
            at = opening.end()
            # A broken one within the text may be a literal of the query; one on the last line is Hex's, cut off.
            is_last = "\n" not in text[at:].rstrip()
            yield opening.start(), None if is_last else at, None


def _comment(fields: object) -> Comment | None:
    if not isinstance(fields, dict):
        return None
    project_id, context = fields.get("project_id"), fields.get("context")
    if not isinstance(project_id, str) or not _ID.fullmatch(project_id):
        return None
    is_context = isinstance(context, str) and _CONTEXT.fullmatch(context)
    connection = fields.get("connection")
    is_name = isinstance(connection, str) and len(connection) <= _LONGEST_NAME and connection.isprintable()
    return Comment(
        project_id,
        str(context).lower() if is_context else "unknown",
        _cell_of(fields.get("project_url")),
        str(connection) if is_name else "",
    )


def _cell_of(url: object) -> str:
    if not isinstance(url, str):
        return ""
    try:
        cells = parse_qs(urlsplit(url).query).get("selectedCellId", [])
    except ValueError:
        return ""
    return cells[0] if len(cells) == 1 and _ID.fullmatch(cells[0]) else ""


def _without_second_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key is there twice")
    return fields
