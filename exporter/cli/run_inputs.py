"""From `--input NAME=VALUE` to the parameters of a run."""

import json
from collections.abc import Sequence
from typing import Any

import click


def read_inputs(written: Sequence[str]) -> dict[str, Any]:
    """The parameters by name: a value that is JSON is read as JSON, any other as text.

    Raises click.BadParameter for one without `=`, without a name or given twice.
    """
    inputs: dict[str, Any] = {}
    for text in written:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise click.BadParameter(f"{text!r} is not valid; write NAME=VALUE", param_hint="--input")
        if name in inputs:
            raise click.BadParameter(f"{name!r} is there twice; remove one of them", param_hint="--input")
        inputs[name] = _value(value)
    return inputs


def _value(written: str) -> Any:
    try:
        return json.loads(written, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return written


def _refuse_constant(name: str) -> None:
    """`NaN` and its like are no JSON, whatever Python says; as values they are text."""
    raise ValueError(name)
