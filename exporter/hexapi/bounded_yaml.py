"""YAML from somebody else: mappings, lists and short scalars, built event by event within bounds.

Neither tags nor long text are kept: what a file says in SQL, code or prose never becomes an object. Of what a cell
computes (`source`) only a digest is.
"""

from collections.abc import Callable

import yaml

from exporter.errors import HexExporterError
from exporter.hexapi.cell_source import source_digest

MOST_BYTES = 8 * 1024 * 1024
"""A project of a thousand cells has a tenth of it."""

MOST_DEPTH = 100
"""Cells nested thirty deep fit; what is deeper was made to be."""

MOST_ALIASES = 1000
"""Hex writes none. An alias costs nothing by itself; thousands of them are a bomb."""

MOST_EVENTS = 500_000
"""Bounds time and memory where the text is all brackets: about five seconds, and some 50 MB. A cell has a hundred."""

KEPT_TEXT = 200
"""The longest scalar that is kept; a longer one is an empty string."""

_LONGEST_INTEGER = 18

_DIGESTED = "source"
"""The key under which a cell has its SQL or code."""

Tree = dict[str, object]

_PLAIN: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}


class BadYamlError(HexExporterError):
    """Text that is not YAML, or beyond the bounds; the message quotes nothing of it."""


def read_tree(content: str) -> Tree:
    """The mapping that the text holds.

    Raises BadYamlError, for a key that comes twice in one mapping too: which of the two applies is not known. Takes
    seconds for text near the bounds: not for an event loop.
    """
    text = content[: MOST_BYTES + 1].encode(errors="replace")
    if len(text) > MOST_BYTES:
        raise BadYamlError(f"more than {MOST_BYTES // 1024 // 1024} MiB of YAML")
    builder = _Builder()
    flaw = "not YAML"
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if count > MOST_EVENTS:
                raise BadYamlError(f"YAML of more than {MOST_EVENTS} parts")
            builder.take(event)
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        flaw = flaw if mark is None else f"not YAML, line {mark.line + 1}"
    else:
        if isinstance(builder.document, dict):
            return builder.document
        flaw = "YAML whose top level is not a mapping"
    raise BadYamlError(flaw)


class _Builder:
    """Builds the first document from its events, without recursion."""

    def __init__(self) -> None:
        self.document: object = None
        self._sinks: list[Callable[[object], None]] = [self._finish]
        self._anchors: dict[str, object] = {}
        self._aliases = 0
        self._is_finished = False

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                sink, value = self._sinks[-1], _scalar(event)
                if isinstance(sink, _Pairs) and sink.key == _DIGESTED and value is not None:
                    value = source_digest("", event.value) if event.value.strip() else None
                self._add(event.anchor, value)
            case yaml.MappingStartEvent():
                found: Tree = {}
                self._add(event.anchor, found)
                self._enter(_Pairs(found))
            case yaml.SequenceStartEvent():
                items: list[object] = []
                self._add(event.anchor, items)
                self._enter(items.append)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._sinks.pop()
            case yaml.AliasEvent():
                self._aliases += 1
                if self._aliases > MOST_ALIASES:
                    raise BadYamlError(f"YAML with more than {MOST_ALIASES} aliases")
                self._add(None, self._anchors.get(event.anchor or ""))

    def _enter(self, sink: Callable[[object], None]) -> None:
        self._sinks.append(sink)
        if len(self._sinks) > MOST_DEPTH:
            raise BadYamlError(f"YAML nested more than {MOST_DEPTH} deep")

    def _add(self, anchor: str | None, value: object) -> None:
        if anchor is not None:
            self._anchors[anchor] = value
        self._sinks[-1](value)

    def _finish(self, value: object) -> None:
        if not self._is_finished:
            self.document = value
            self._is_finished = True


class _Pairs:
    """Takes the keys and values of a mapping in turn; a key that is no scalar goes with its value."""

    def __init__(self, found: Tree) -> None:
        self._found = found
        self.key: object = None
        self._has_key = False

    def __call__(self, value: object) -> None:
        if self._has_key and isinstance(self.key, str | int | float):
            if str(self.key) in self._found:
                raise BadYamlError("YAML with a key that comes twice in one mapping")
            self._found[str(self.key)] = value
        self.key = None if self._has_key else value
        self._has_key = not self._has_key


def _scalar(event: yaml.ScalarEvent) -> object:
    value: str = event.value
    if len(value) > KEPT_TEXT:
        return ""
    is_plain = event.implicit[0] and not event.style
    if not is_plain:
        return value
    lower = value.lower()
    if lower in _PLAIN:
        return _PLAIN[lower]
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_INTEGER:
        return int(value)
    return value
