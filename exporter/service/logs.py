"""Logs on standard error, one event a line, as logfmt or JSON; those of libraries too, from `warning` up."""

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter, add_logger_name
from structlog.typing import Processor

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str, log_format: str) -> None:
    """Set up structlog for the whole process; libraries log from `warning` up, whatever the level.

    httpx logs each URL with its query at `info`, asyncio and uvicorn their inner life at `debug`: cursors and ids do
    not belong in logs, and our own events must stay easy to find.
    """
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*common, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _configure_library_logs([*common, add_logger_name], renderer)


def _configure_library_logs(common: list[Processor], renderer: Processor) -> None:
    """Give the standard library's root logger one handler, in place of the one from an earlier call."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one.formatter, ProcessorFormatter)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
