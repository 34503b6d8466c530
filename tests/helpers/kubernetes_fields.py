"""What an API server would refuse in a manifest: fields that it does not know or misses, and values of another type."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).resolve().parents[1] / "bundle" / "kubernetes_fields.txt").read_text()

_DAY = "(sun|mon|tues|wednes|thurs|fri|satur)day"
_FORMS = {
    "quantity": r"\d+(\.\d+)?(m|[kMGTPE]i?)?",
    "duration": r"(?=.)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?|0",
    "clock": r"([01]\d|2[0-3]):[0-5]\d|24:00",
    "weekdays": f"{_DAY}(:{_DAY})?",
    "month": r"1[0-2]|[1-9]",
}
"""The patterns of the operator, and that of quantities."""

_TYPES = {"str": (str,), "int": (int,), "bool": (bool,), "int-or-str": (int, str)}


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """Each with the path of the field; empty where an API server would take the manifest."""
    kind = manifest["kind"]
    return list(_object(manifest, kind, kind)) if kind in FIELDS else [f"{kind}: no such kind here"]


def _read(text: str) -> dict[str, dict[str, str]]:
    joined = re.sub(r"#.*\n", "", text).replace("\n    ", " ")
    types = (line.partition(" = ") for line in joined.splitlines())
    return {name: dict(field.partition(":")[::2] for field in fields.split()) for name, _, fields in types}


FIELDS = _read(TEXT)


def _object(value: Any, name: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not a mapping"
        return
    fields = FIELDS[name]
    yield from (f"{path}.{key}: unknown" for key in value if key not in fields)
    yield from (f"{path}.{key}: missing" for key, kind in fields.items() if kind.endswith("!") and key not in value)
    for key, one in value.items():
        yield from _value(one, fields.get(key, "").removesuffix("!"), f"{path}.{key}")


def _value(value: Any, kind: str, path: str) -> Iterator[str]:
    if kind in FIELDS and value != kind:
        yield from _object(value, kind, path)
    elif kind[:1] == "[":
        yield from (
            (fault for index, one in enumerate(value) for fault in _value(one, kind[1:-1], f"{path}[{index}]"))
            if isinstance(value, list)
            else [f"{path}: not a list"]
        )
    elif kind[:1] == "{":
        yield from (
            (fault for key, one in value.items() for fault in _value(one, kind[1:-1], f"{path}.{key}"))
            if isinstance(value, dict)
            else [f"{path}: not a mapping"]
        )
    elif kind and not _is_scalar(value, kind):
        yield f"{path}: {value!r} is not {kind}"


def _is_scalar(value: Any, kind: str) -> bool:
    if kind in _TYPES:
        return type(value) in _TYPES[kind]
    if kind in _FORMS:
        return isinstance(value, str) and re.fullmatch(_FORMS[kind], value) is not None
    return value in kind.split("|")
