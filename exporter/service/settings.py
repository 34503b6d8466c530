"""From arguments and environment to a checked configuration and the tokens that it names."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import structlog

from exporter.config import Config, Workspace, load_config
from exporter.errors import ConfigError, ConfigProblem
from exporter.hexapi import TokenSource

_log = structlog.get_logger()


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


def read_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, or the default one for None; raises ConfigError with every mistake."""
    text = None if path is None else _read(path)
    source = "defaults" if path is None else str(path)
    config = load_config(text, source=source, environ=environ, state_dir=state_dir(environ))
    _log.debug(
        "config_read",
        file=source,
        workspaces=",".join(workspace.name for workspace in config.workspaces),
        budgets=len(config.budgets),
        sources=len(config.sources),
        gateway=None if config.gateway is None else config.gateway.listen_address,
    )
    return config


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); name a YAML file that this user may read"
        raise ConfigError(ConfigProblem(str(path), problem)) from error


def token_of(workspace: Workspace, environ: Mapping[str, str]) -> TokenSource:
    """Where the workspace's token comes from, read once to see that it is there; raises ConfigError if not."""
    if workspace.token_file is not None:
        source = TokenSource(file=workspace.token_file)
    else:
        variable = workspace.token_env or ""
        value = environ.get(variable, "").strip()
        if not value:
            problem = f"is not set; put the token of workspace {workspace.name!r} into it, or configure token_file"
            raise ConfigError(ConfigProblem(variable, problem))
        source = TokenSource(value=value)
    source.read()
    return source


def tokens_of(config: Config, environ: Mapping[str, str]) -> dict[str, TokenSource]:
    """The token of each workspace; raises ConfigError with all that are missing."""
    tokens: dict[str, TokenSource] = {}
    problems: list[ConfigProblem] = []
    for workspace in config.workspaces:
        try:
            tokens[workspace.name] = token_of(workspace, environ)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return tokens
