"""JSON that can be read in one way only: read strictly, written again with its numbers as they came, or canonically."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

DEPTH_LIMIT = 64
"""How deep arrays and objects may be in each other."""

NUMBER_LIMIT = 1000
"""Characters of a number."""

VALUES_LIMIT = 20_000
"""Values in all, arrays and objects included: read within a tenth of a second, so that no other caller waits for it."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)  # one that is cut off goes to the end
_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")


class JsonError(Exception):
    """The text is no JSON, or more than one reading of it is possible; the message is a phrase without its contents."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: no float in between takes digits from it."""

    text: str

    @property
    def canonical(self) -> str:
        """The same text for every way to write this number: `1`, `1.0` and `10e-1` are `1e0`, `-0.0` is `0`."""
        found = _NUMBER.fullmatch(self.text)
        assert found, "JSON's grammar has let it pass"
        sign, whole, fraction, exponent = found.groups()
        digits = (whole + (fraction or "")).lstrip("0")
        significant = digits.rstrip("0")
        if not significant:
            return "0"
        power = int(exponent or 0) - len(fraction or "") + len(digits) - len(significant)
        return f"{sign}{significant}e{power}"


def read(text: bytes) -> object:
    """What the text says: dict, list, str, bool, None, and a Number for each number.

    Raises JsonError for what is no JSON in UTF-8, and for a byte order mark, a key that stands twice in an object, NaN
    and infinities, and more than NUMBER_LIMIT characters of a number, DEPTH_LIMIT levels or VALUES_LIMIT values.
    """
    if _most_values(text) > VALUES_LIMIT:
        raise JsonError(f"more than {VALUES_LIMIT} values")
    try:
        found = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        raise JsonError("no UTF-8") from None
    except RecursionError:
        raise JsonError(f"more than {DEPTH_LIMIT} levels") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"no JSON from character {error.pos} on") from None
    _check_depth(found)
    return found


def written(value: object) -> bytes:
    """The value as compact ASCII JSON: keys in their order, numbers as they came."""
    return _text(value, list, lambda number: number.text).encode("ascii")


def canonical(value: object) -> bytes:
    """One text for all ways to write the value: keys sorted, numbers by their quantity, strings as they are."""
    return _text(value, sorted, lambda number: number.canonical).encode("ascii")


def plain(value: object, otherwise: Callable[[object], object] = lambda value: value) -> object:
    """A value of Python's as `read` would have it; a float must be finite.

    Keys become text and tuples lists; `otherwise` gives what stands for a value that JSON does not have.
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return Number(json.dumps(value, allow_nan=False))
        case list() | tuple():
            return [plain(one, otherwise) for one in value]
        case dict():
            return {str(key): plain(one, otherwise) for key, one in value.items()}
        case _:
            return otherwise(value)


def _text(value: object, order: Callable[[dict[str, object]], list[str]], number: Callable[[Number], str]) -> str:
    match value:
        case Number():
            return number(value)
        case dict():
            items = (f"{json.dumps(key)}:{_text(value[key], order, number)}" for key in order(value))
            return "{" + ",".join(items) + "}"
        case list():
            return "[" + ",".join(_text(item, order, number) for item in value) + "]"
        case _:
            return json.dumps(value)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("a key that stands twice in one object")
    return found


def _number(text: str) -> Number:
    if len(text) > NUMBER_LIMIT:
        raise JsonError(f"a number of more than {NUMBER_LIMIT} characters")
    return Number(text)


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name}, which is no JSON")


def _most_values(text: bytes) -> int:
    """How many values there can be at most: each comes first, or after a comma or an opening bracket."""
    outside = _STRING.sub(b"", text)
    return 1 + sum(map(outside.count, (b",", b"[", b"{")))


def _check_depth(value: object) -> None:
    level, depth = [value], 0
    while level:
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
        if depth > DEPTH_LIMIT:
            raise JsonError(f"more than {DEPTH_LIMIT} levels")
