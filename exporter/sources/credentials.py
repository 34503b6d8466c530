"""Secrets of sources: read from the environment or a file when they are needed, so that a new one applies at once."""

from collections.abc import Mapping

from exporter.hexapi import Secret
from exporter.sources.open_file import opened_regular
from exporter.sources.probe import ProbeError

_LENGTH_LIMIT = 16 * 1024


class Credential:
    """Where one secret is: an environment variable or a file, exactly one of them. The secret itself is not kept."""

    def __init__(self, environ: Mapping[str, str], *, env: str | None = None, file: str | None = None) -> None:
        if (env is None) == (file is None):
            raise ValueError("a secret comes from the environment or a file, exactly one of them")
        self._environ = environ
        self._env = env
        self._file = file

    def __repr__(self) -> str:
        return f"Credential({self._env or self._file})"

    def read(self) -> Secret:
        """The secret as it is right now; raises ProbeError that names the place when there is none."""
        where = f"the environment variable {self._env}" if self._env is not None else f"the file {self._file}"
        written = self._environ.get(self._env, "") if self._env is not None else _content(str(self._file))
        secret = Secret(written.strip("\r\n \t"))
        if not secret.reveal():
            raise ProbeError(f"{where} is empty or not set")
        if len(secret.reveal()) > _LENGTH_LIMIT or not secret.reveal().isprintable():
            raise ProbeError(f"{where} holds more than one line of text")
        return secret


def _content(file: str) -> str:
    try:
        with opened_regular(file) as opened:
            return opened.read(_LENGTH_LIMIT + 1).decode("utf-8", "replace")
    except OSError as error:
        raise ProbeError(f"the file {file} cannot be read: {error.strerror or type(error).__name__}") from None
