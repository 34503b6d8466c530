"""The API token: where it comes from, and a wrapper that never shows it."""

import hmac
import os
import stat
from pathlib import Path

from exporter.errors import ConfigError, ConfigProblem

_LENGTH_LIMIT = 4096


class Secret:
    """A string that prints as `***` wherever it lands; `reveal` gives it for the one place that needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The string itself: pass it on at once, keep it in no variable."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is never written out")


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")


class TokenSource:
    """Where the token of a workspace comes from: a file, read again when it changes, or a fixed value.

    `setting` names, for errors, what a person would have to change, by default `token_file` or `HEX_API_TOKEN`, and
    `holds` what is expected there.
    Raises ValueError unless exactly one of `file` and `value` is given. For use by one thread.
    """

    def __init__(
        self,
        file: str | Path | None = None,
        value: str | None = None,
        *,
        setting: str | None = None,
        holds: str = "Hex API token",
    ) -> None:
        if (file is None) == (value is None):
            raise ValueError("a token comes from a file or as a value, exactly one of them")
        self._file = None if file is None else Path(file)
        self._setting = setting or ("HEX_API_TOKEN" if file is None else "token_file")
        self._holds = holds
        self._secret = Secret(_trimmed(value or ""))
        self._seen: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        return f"TokenSource({self._setting}{'' if self._file is None else f'={self._file}'})"

    def read(self) -> Secret:
        """The token as it is right now.

        Raises ConfigError with one sentence that names the setting when there is none to be had.
        """
        if self._file is not None:
            self._refresh(self._file)
        problem = _problem(self._secret, self._holds)
        if problem is not None:
            where = "it" if self._file is None else f"the file {self._file}"
            raise ConfigError(ConfigProblem(self._setting, f"{where} {problem}"))
        return self._secret

    @property
    def is_exposed(self) -> bool:
        """Whether users other than the file's owner may read it; False for a value or a file that is not there."""
        if self._file is None:
            return False
        try:
            return bool(self._file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
        except OSError:
            return False

    def _refresh(self, file: Path) -> None:
        """Read the file if it is not the one that was read last."""
        try:
            if _identity(file.stat()) == self._seen:
                return
            # Not blocking, so that a pipe in the token's place cannot hold the program up.
            with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
                status = os.fstat(opened.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise self._unreadable(file, "it is not a regular file")
                self._secret = Secret(_trimmed(opened.read(_LENGTH_LIMIT + 2).decode("latin-1")))
                self._seen = _identity(status)
        except OSError as error:
            raise self._unreadable(file, error.strerror or type(error).__name__) from None

    def _unreadable(self, file: Path, reason: str) -> ConfigError:
        self._seen = None
        problem = f"the file {file} cannot be read as a {_kind(self._holds)}: {reason}"
        return ConfigError(ConfigProblem(self._setting, problem))


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _trimmed(written: str) -> str:
    """Without the line ends and blank lines that editors, `echo` and templates leave around it."""
    lines = [line.removesuffix("\r") for line in written.split("\n")]
    filled = [number for number, line in enumerate(lines) if line.strip(" \t")]
    return "\n".join(lines[filled[0] : filled[-1] + 1]) if filled else ""


def _kind(holds: str) -> str:
    return "token" if holds.endswith("token") else holds


def _problem(secret: Secret, holds: str) -> str | None:
    """What is wrong with the token, as the end of a sentence; the token itself is not in it."""
    if not secret.reveal().strip():
        return f"is empty, a {holds} was expected"
    if len(secret.reveal()) > _LENGTH_LIMIT:
        return f"holds more than {_LENGTH_LIMIT} characters, a {holds} was expected"
    if not secret.reveal().isascii() or not secret.reveal().isprintable() or " " in secret.reveal():
        return f"holds spaces, line breaks or other characters that no {_kind(holds)} has, one {holds} was expected"
    return None
