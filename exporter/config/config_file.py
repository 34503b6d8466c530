"""The configuration file, read; and where state is kept unless it says so."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from exporter.config.load import load_config
from exporter.config.settings import Config
from exporter.errors import ConfigError, ConfigProblem


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where state is kept by default: `$XDG_STATE_HOME/hex-exporter`, else under the home folder.

    A relative path in either is ignored, as the XDG Base Directory Specification has it: the ledger would be wherever
    the process was started. Without any home it is `/var/lib/hex-exporter`.
    """
    root = _absolute(environ.get("XDG_STATE_HOME"))
    if root is None:
        home = _absolute(environ.get("HOME")) or _home_of_user()
        root = Path("/var/lib") if home is None else home / ".local/state"
    return root / "hex-exporter"


def _absolute(path: str | None) -> Path | None:
    return Path(path) if path and os.path.isabs(path) else None


def _home_of_user() -> Path | None:
    try:
        return _absolute(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None  # a container that runs as a number only


def read_config_file(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, or the default one for None; raises ConfigError with every mistake."""
    text = None if path is None else _read(path)
    source = "defaults" if path is None else str(path)
    return load_config(text, source=source, environ=environ, state_dir=state_dir(environ))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); name a YAML file that this user may read"
        raise ConfigError(ConfigProblem(str(path), problem)) from error
