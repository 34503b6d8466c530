"""The logs of this package within a program that has not configured structlog: warnings, on standard error."""

import logging
import sys

import structlog


def keep_output_clean() -> None:
    """Have structlog print nothing on standard output, unless the program has said what it should do."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
