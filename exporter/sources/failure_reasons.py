"""What drivers and systems say when something fails, as a phrase that is safe to log and to store."""

from collections.abc import Iterable

_LIMIT = 200
_HIDDEN = "***"


def harmless(said: str, secrets: Iterable[str] = ()) -> str:
    """The first line of `said`, short and printable, with `***` in place of each secret."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        said = said.replace(secret, _HIDDEN)
    line = next((line for line in said.splitlines() if line.strip()), "")
    printable = "".join(character if character.isprintable() else " " for character in line)
    short = " ".join(printable.split())
    return short if len(short) <= _LIMIT else short[: _LIMIT - 1] + "…"


def failure(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The error's kind and what it says."""
    said = harmless(str(error), secrets)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
