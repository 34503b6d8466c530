"""Logs on standard error, one event a line, as logfmt or JSON; those of libraries too, from `warning` up."""

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.stdlib import ProcessorFormatter, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str, log_format: str) -> None:
    """Set up structlog for the whole process; libraries log from `warning` up, whatever the level.

    httpx logs each URL with its query at `info`, asyncio and uvicorn their inner life at `debug`: cursors and ids do
    not belong in logs, and our own events must stay easy to find.
    """
    renderers: list[Processor] = (
        [_without_surrogates, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            _escaped,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ]
    )
    stream = cast(TextIO, _LogStream(sys.stderr))
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*common, structlog.processors.format_exc_info, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    _configure_library_logs([*common, add_logger_name], renderers, stream)


def _configure_library_logs(common: list[Processor], renderers: list[Processor], stream: TextIO) -> None:
    """Give the standard library's root logger one handler, in place of the one from an earlier call."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *renderers,
            ],
        )
    )
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one.formatter, ProcessorFormatter)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # It warns of how a connection ends whose error has been raised, and reported as the ledger's.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


class _LogStream:
    """Standard error, without errors: a disk that is full or a reader that has left costs lines, never the polling."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _escaped(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Each value as text without control characters: none may end the line, or move a terminal's cursor.

    Line breaks are left to the renderer, which escapes them itself.
    """
    return {name: value if _is_plain(value) else _printable(str(value)) for name, value in event.items()}


def _is_plain(value: object) -> bool:
    return value.isprintable() if type(value) is str else value is None or isinstance(value, bool | int | float)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def _without_surrogates(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The same without half surrogate pairs: JSON can write them, but many who read it refuse the whole line."""
    return cast(EventDict, _encodable(dict(event)))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {_encodable(name): _encodable(one) for name, one in value.items()}
        case list() | tuple():
            return [_encodable(one) for one in value]
        case _:
            return value
