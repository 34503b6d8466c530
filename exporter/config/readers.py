"""Readers: each turns one YAML node into a typed value, or adds what is wrong to the problems and raises RejectedError.

A mapping is read by `Keys`, one of values of one kind by `Table`, a list by `Items`, anything else by `Scalar`; they
nest as the file does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import yaml

from exporter.config.error_wording import guess, invalid, kind, printable, shown, tag
from exporter.config.problems import Problems, RejectedError, UnfitError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
StructT = TypeVar("StructT", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Spot:
    """One value in the file: its node, its name (`workspaces[0].rate_limit`, empty at the top), the problems."""

    node: yaml.Node
    name: str
    problems: Problems

    def refuse(self, sentence: str, node: yaml.Node | None = None) -> RejectedError:
        """Add a problem here, or at a node within, and return what to raise if reading cannot go on."""
        line = self.line if node is None else node.start_mark.line + 1
        self.problems.add(line, f"{self.name}: {sentence}" if self.name else sentence)
        return RejectedError()

    @property
    def line(self) -> int:
        """The line in the file where it begins, the first being 1."""
        return int(self.node.start_mark.line) + 1

    def under(self, key: str, node: yaml.Node) -> "Spot":
        """The spot of one key's value."""
        return Spot(node, f"{self.name}.{key}" if self.name else key, self.problems)

    def at(self, key: str) -> "Spot":
        """The spot of the value that the key has here, this very spot if it has none."""
        pairs = self.node.value if isinstance(self.node, yaml.MappingNode) else ()
        found = (self.under(key, node) for name, node in pairs if getattr(name, "value", None) == key)
        return next(found, self)

    def keys(self) -> set[str]:
        """The keys given here, none if this is no mapping."""
        if not isinstance(self.node, yaml.MappingNode):
            return set()
        return {key.value for key, _ in self.node.value if isinstance(key, yaml.ScalarNode)}


class Reader(Protocol[T_co]):
    """What `Scalar`, `Keys` and `Items` have in common."""

    @property
    def expected(self) -> str:
        """What the reader takes, as messages and docs say it."""

    def __call__(self, spot: Spot) -> T_co:
        """The value; raises RejectedError when the problems have the reason."""

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """The dotted name of every key below, and what is expected there."""


@dataclass(frozen=True, slots=True)
class Scalar(Generic[T]):
    """Reads one plain value.

    `parse` gets the text and YAML's type of it and raises ValueError for what it cannot use, UnfitError to say so
    in its own words. Where a secret might stand by mistake, `is_shown` is false and messages do not repeat the value.
    """

    expected: str
    parse: Callable[[str, str], T]
    is_shown: bool = True

    def __call__(self, spot: Spot) -> T:
        """The value; raises RejectedError."""
        sentence = invalid(self._found(spot.node), self.expected)
        if isinstance(spot.node, yaml.ScalarNode):
            try:
                return self.parse(spot.node.value, tag(spot.node))
            except UnfitError as unfit:
                sentence = str(unfit)
            except ValueError:
                pass
        raise spot.refuse(sentence)

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """Nothing: there are no keys below."""
        return iter(())

    def _found(self, node: yaml.Node) -> str:
        if self.is_shown:
            return shown(node)
        return "the value" if tag(node) == "str" else kind(node)


@dataclass(frozen=True, slots=True)
class Keys(Generic[StructT]):
    """Reads a mapping into a struct: one reader a key; a key with an empty value is taken as not given.

    A struct's field is found by its encoded name. `defaults`, by field name, are those that only the caller knows.
    A ValueError from the struct's own checks becomes a problem of the mapping; `check` looks at a struct that was read
    without one.
    """

    build: type[StructT]
    readers: Mapping[str, Reader[object]]
    defaults: Mapping[str, object] = field(default_factory=dict)
    check: Callable[[Spot, StructT], None] | None = None

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        return f"a mapping of {', '.join(self.readers)}"

    def __call__(self, spot: Spot) -> StructT:
        """The struct; raises RejectedError if not even a part of it could be used."""
        given = _given(spot, self.readers, self.expected)
        attributes = {attribute.encode_name: attribute for attribute in msgspec.structs.fields(self.build)}
        values: dict[str, Any] = dict(self.defaults)
        is_whole = True
        for key, child in given.items():
            try:
                values[attributes[key].name] = self.readers[key](child)
            except RejectedError:
                is_whole = False

        lacking = [key for key, known in attributes.items() if known.required and known.name not in values]
        if missing := [key for key in lacking if key not in given]:
            verb, pronoun = ("is", "it") if len(missing) == 1 else ("are", "them")
            raise spot.refuse(f"{' and '.join(missing)} {verb} missing; add {pronoun}")
        if lacking:
            raise RejectedError
        try:
            built = self.build(**values)
        except ValueError as error:
            if is_whole:
                spot.refuse(str(error))
            raise RejectedError from None
        if self.check is not None and is_whole:
            self.check(spot, built)
        return built

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """The dotted name of every key below, and what is expected there."""
        for key, reader in self.readers.items():
            dotted = f"{name}.{key}" if name else key
            yield dotted, reader.expected
            yield from reader.settings(dotted)


@dataclass(frozen=True, slots=True)
class Items(Generic[T]):
    """Reads a list into a tuple, items that cannot be used left out; `check` compares what is left.

    With `takes_one` a mapping stands for a list of itself. `noun` is what messages call an item.
    """

    item: Reader[T]
    check: Callable[[Sequence[tuple[Spot, T]]], None] | None = None
    takes_one: bool = False
    takes_none: bool = True
    noun: str = "mapping"

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        if self.takes_one:
            return f"a {self.noun} or a list of {self.noun}s"
        return f"a list of {self.noun}s" if self.takes_none else f"a list of at least one {self.noun}"

    def __call__(self, spot: Spot) -> tuple[T, ...]:
        """The values in their order; raises RejectedError."""
        if self.takes_one and isinstance(spot.node, yaml.MappingNode):
            only = self.item(spot)
            if self.check is not None:
                self.check([(spot, only)])
            return (only,)
        if not isinstance(spot.node, yaml.SequenceNode) or tag(spot.node) != "seq":
            raise spot.refuse(invalid(kind(spot.node), self.expected))
        if not (spot.node.value or self.takes_none):
            raise spot.refuse(invalid("an empty list", self.expected))

        entries: list[tuple[Spot, T]] = []
        for index, node in enumerate(spot.node.value):
            with suppress(RejectedError):
                item = Spot(node, f"{spot.name}[{index}]", spot.problems)
                entries.append((item, self.item(item)))
        if not (entries or self.takes_none):
            raise RejectedError
        if self.check is not None:
            self.check(entries)
        return tuple(value for _, value in entries)

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """The keys of an item, under the name of the list."""
        return self.item.settings(name)


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """Reads a mapping from known words to values of one kind; `stands_for` is what docs write in a word's place."""

    words: tuple[str, ...]
    value: Reader[T]
    stands_for: str

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        return f"a mapping of {', '.join(self.words)}"

    def __call__(self, spot: Spot) -> dict[str, T]:
        """The values by their words, those that cannot be used left out; raises RejectedError."""
        values: dict[str, T] = {}
        for word, child in _given(spot, self.words, self.expected).items():
            with suppress(RejectedError):
                values[word] = self.value(child)
        return values

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """The name that stands for every word, and the keys below it."""
        dotted = f"{name}.{self.stands_for}"
        yield dotted, self.value.expected
        yield from self.value.settings(dotted)


@dataclass(frozen=True, slots=True)
class OneOrTable(Generic[T]):
    """Reads the same as a `Table`, or one plain value, which stands for each of the words."""

    words: tuple[str, ...]
    value: Scalar[T]
    stands_for: str

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        return f"{self.value.expected}, or a mapping of {', '.join(self.words)}"

    def __call__(self, spot: Spot) -> dict[str, T]:
        """The values by their words; raises RejectedError."""
        if isinstance(spot.node, yaml.ScalarNode):
            return dict.fromkeys(self.words, self.value(spot))
        return Table(self.words, self.value, self.stands_for)(spot)

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """The name that stands for every word."""
        return Table(self.words, self.value, self.stands_for).settings(name)


def _given(spot: Spot, known: Collection[str], expected: str) -> dict[str, Spot]:
    """The known keys of a mapping that have something behind them; raises RejectedError if it is no mapping."""
    mapping = spot.node
    if not isinstance(mapping, yaml.MappingNode) or tag(mapping) != "map":
        raise spot.refuse(invalid(kind(mapping), expected))
    first_lines: dict[str, int] = {}
    given: dict[str, Spot] = {}
    for key_node, node in mapping.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None:
            spot.refuse(f"{kind(key_node)} is not valid as a key; write one of {', '.join(known)}", key_node)
        elif key in first_lines:
            said = f'the key "{printable(key)}" is there twice, first in line {first_lines[key]}; remove one of them'
            spot.refuse(said, key_node)
        elif key == "<<":
            spot.refuse("the merge key << is not supported; write the keys themselves", key_node)
        elif key not in known:
            said = f'unknown key "{printable(key)}"; write one of {", ".join(known)}'
            spot.refuse(said + guess(key, known), key_node)
        elif tag(node) != "null":
            given[key] = spot.under(key, node)
        if key is not None:
            first_lines.setdefault(key, key_node.start_mark.line + 1)
    return given
