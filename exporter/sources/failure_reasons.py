"""Errors of drivers and systems as a phrase that is safe to log and to store."""

from collections.abc import Iterable

from exporter.redaction import redact


def failure(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The error's kind and the first line of its text; what drivers write below it repeats the query."""
    first_line = next((line for line in str(error).splitlines() if line.strip()), "")
    return redact(f"{type(error).__name__}: {first_line}", secrets).removesuffix(":")
