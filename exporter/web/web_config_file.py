"""The web configuration file in force: read again when it or a certificate changes, kept when the new one is wrong."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from exporter.errors import ConfigError, ConfigProblem
from exporter.web.tls import Tls, make_tls
from exporter.web.web_config_schema import WebConfig, parse_web_config

logger = structlog.get_logger()

_Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for new connections and requests; `tls` None: plain HTTP."""

    config: WebConfig
    tls: Tls | None


class WebConfigFile:
    """A web configuration file and the certificates that it names. Used from one thread, the event loop's."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigError when it or what it names cannot be used."""
        self._path = path
        self._files: tuple[str, ...] = (str(path),)
        self._seen: _Signature = ()
        self._rules = self._read()

    def current(self) -> Rules:
        """The rules in force, from the newest files that could be used; costs a stat for each of them."""
        if self._seen != _signature(self._files):
            try:
                self._rules = self._read()
            except ConfigError as error:
                logger.warning("The web configuration is refused, the old one stays in force", reason=str(error))
            else:
                logger.info("The web configuration has been read again", file=str(self._path))
        return self._rules

    def _read(self) -> Rules:
        # What is seen is noted before it is read: a change in between is found at the next look.
        self._seen = _signature(self._files)
        file_seen = self._seen[:1]
        try:
            content = self._path.read_bytes()
        except OSError as error:
            message = f"cannot be read ({error.strerror}); name a web configuration file that this user may read"
            raise ConfigError(ConfigProblem(str(self._path), message)) from None
        config = parse_web_config(content, self._path)
        certificates = config.tls.files if config.tls else ()
        self._files = (str(self._path), *certificates)
        self._seen = file_seen + _signature(certificates)
        return Rules(config, make_tls(config.tls, self._path) if config.tls else None)


def _signature(files: Iterable[str]) -> _Signature:
    """What differs between two states of the files; None for a file that is not there."""
    return tuple(_state(file) for file in files)


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
