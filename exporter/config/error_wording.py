"""How messages say what is wrong in a file, what to do about it, and what may have been meant.

Each is one line: `KEY: WHAT IS WRONG; WHAT TO DO`, with `; did you mean X?` where a known word is near.
"""

import difflib
from collections.abc import Iterable

import yaml

_LONGEST = 60
_CORE = "tag:yaml.org,2002:"
_KINDS = {
    "map": "a mapping",
    "seq": "a list",
    "null": "an empty value",
    "bool": "a truth value",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
    "str": "text",
}


def tag(node: yaml.Node) -> str:
    """YAML's own type of a node (`str`, `int`, `map`...), a foreign tag as it is written."""
    return str(node.tag).removeprefix(_CORE)


def kind(node: yaml.Node) -> str:
    """What sort of thing a node is, without what it says."""
    return _KINDS.get(tag(node)) or f"the tag {printable(str(node.tag))}"


def printable(text: str) -> str:
    """The text cut to a line's length, with escapes for all that a terminal cannot show."""
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def shown(node: yaml.Node) -> str:
    """What a node says: text in quotes, other scalars as they are written, the kind of all else."""
    if not isinstance(node, yaml.ScalarNode) or tag(node) == "null" or tag(node) not in _KINDS:
        return kind(node)
    said = printable(node.value)
    return f'"{said}"' if tag(node) == "str" else said


def invalid(found: str, expected: str) -> str:
    """The sentence of every mistake: what is wrong, then what to do."""
    return f"{found} is not valid; write {expected}"


def guess(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` with the known word that is nearest, nothing if none is near."""
    by_lower_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:_LONGEST].lower(), by_lower_case, n=1)
    return f"; did you mean {by_lower_case[near[0]]}?" if near else ""
