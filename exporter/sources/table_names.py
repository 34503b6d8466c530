"""Names of tables, as people and Hex write them: user input, parsed before it goes anywhere near SQL."""

import re
from dataclasses import dataclass

from exporter.redaction import redact
from exporter.sources.probe import ProbeError

_LONGEST_PART = 255
_LONGEST_NAME = 3 * _LONGEST_PART + 8
_MOST_PARTS = 3
_PLAIN = re.compile(r"[^\W\d][\w$]*(?:-[\w$]+)*")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_BACKTICKED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Part:
    """One identifier. `is_quoted`: it was written in quotes, so its case is meant."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class TableName:
    """One to three identifiers, the table's own last."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return ".".join(part.text for part in self.parts)


def parse_table(written: str) -> TableName:
    """The table that is meant by `table`, `schema.table` or `database.schema.table`.

    A part may stand in double quotes (doubled within) or in backticks; backticks around the whole name, as BigQuery
    has them, are undone. Raises ProbeError for anything else: no part is ever guessed at.
    """
    text = written.strip()
    if not 0 < len(text) <= _LONGEST_NAME:
        raise _unfit(written)
    whole = _BACKTICKED.fullmatch(text)
    # Inside backticks a dot separates, and every part keeps its case.
    parts = _parts(text, written) if whole is None else [Part(part, True) for part in whole[1].split(".")]
    if len(parts) > _MOST_PARTS or not all(_is_name(part.text) for part in parts):
        raise _unfit(written)
    return TableName(tuple(parts))


def _parts(text: str, written: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    while True:
        if quoted := _QUOTED.match(text, at):
            parts.append(Part(quoted[1].replace('""', '"'), True))
            at = quoted.end()
        elif backticked := _BACKTICKED.match(text, at):
            parts.append(Part(backticked[1], True))
            at = backticked.end()
        elif plain := _PLAIN.match(text, at):
            parts.append(Part(plain[0]))
            at = plain.end()
        else:
            raise _unfit(written)
        if at == len(text):
            return parts
        if text[at] != ".":
            raise _unfit(written)
        at += 1


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= _LONGEST_PART and text.isprintable()


def _unfit(written: str) -> ProbeError:
    return ProbeError(f"found the table name {redact(written)[:80]!r}, expected NAME, SCHEMA.NAME or A.B.C")
