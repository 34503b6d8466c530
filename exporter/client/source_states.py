"""The state of a project's source data as a digest: of what a function returns, or of a configured source's probe."""

import asyncio
import hashlib
import inspect
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exporter import strict_json

SourceState = Callable[[], Any] | Any
"""A function (or coroutine function) that returns the state of the data, or the state itself: a time, a count, rows."""


async def source_digest(source: SourceState) -> str | None:
    """The state as 64 hexadecimal digits; None where there is none: nothing is known of the data then.

    Text, bytes, numbers, booleans, and lists and mappings of them are states by their values; anything else, a date
    for instance, by its `repr`, which has to be the same for the same state. A plain function is called on a thread of
    its own. Raises what the function raises.
    """
    if callable(source):
        if inspect.iscoroutinefunction(source):
            state = await source()
        else:
            state = await asyncio.to_thread(source)
        if isinstance(state, Awaitable):
            state = await state
    else:
        state = source
    if state is None:
        return None
    text = state if isinstance(state, bytes) else strict_json.canonical(strict_json.plain(state, repr))
    return hashlib.sha256(type(state).__name__.encode() + b"\0" + text).hexdigest()


def configured_source(config_file: str | Path, project_id: str, *, workspace: str | None = None) -> Callable[[], str]:
    """A function that probes the source that a configuration file gives a project: `sources` of hex-exporter.

    The function returns the state's digest and raises ProbeError where the source cannot be read. Raises ConfigError
    for a file that cannot be used and ValueError where no source is for the project.
    """
    # Probes bring database drivers; who brings a function of their own needs none of it.
    from exporter.client.configured_probe import configured_probe

    return configured_probe(Path(config_file), project_id, workspace, dict(os.environ))
