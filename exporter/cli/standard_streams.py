"""Standard output and error: UTF-8 whatever the terminal or the locale is, and a sentence where they cannot be written.

A locale says what a terminal shows, not what a file of OpenMetrics, JSON or CSV has to be.
"""

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any

import click

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EROFS})
"""Why output cannot be written; any other error of the operating system is a fault of this program."""


class Program(click.Group):
    """A group of commands that write UTF-8, and end with status 1 when what they print cannot be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; a closed pipe ends it without a word, a full disk with a sentence."""
        write_utf8()
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            _discard_the_rest()
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            with suppress(OSError):
                said = f"cannot write the output ({os.strerror(error.errno)}); make room, or write it elsewhere"
                click.echo(f"hex-exporter: {said}", err=True)
            _discard_the_rest()
        sys.exit(1)


def write_utf8() -> None:
    """Have both streams encode in UTF-8; half a surrogate pair, which is no text, becomes a question mark.

    One that was closed before the process began is replaced: its number must not go to the next file that is opened.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")  # writing fails, as it should
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _discard_the_rest() -> None:
    """Have what the streams still hold go nowhere: Python's own flush at exit must not complain again."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
            continue
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
