"""From arguments and environment to a checked configuration and the tokens that it names."""

from collections.abc import Mapping
from pathlib import Path

from exporter.config import Config, Workspace, load_config
from exporter.errors import ConfigError, ConfigProblem
from exporter.hexapi import TokenSource


def state_dir(environ: Mapping[str, str]) -> Path:
    """Where state is kept by default: `$XDG_STATE_HOME/hex-exporter`, else under the home folder."""
    root = environ.get("XDG_STATE_HOME")
    return (Path(root) if root else Path(environ.get("HOME") or ".") / ".local/state") / "hex-exporter"


def read_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, or the default one; raises ConfigError with every mistake."""
    if path is None:
        return load_config(None, source="defaults", environ=environ, state_dir=state_dir(environ))
    try:
        text = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror}), expected a YAML file"
        raise ConfigError(ConfigProblem(str(path), problem)) from error
    return load_config(text, source=str(path), environ=environ, state_dir=state_dir(environ))


def token_of(workspace: Workspace, environ: Mapping[str, str]) -> TokenSource:
    """Where the workspace's token comes from, read once to see that it is there; raises ConfigError if not."""
    if workspace.token_file is not None:
        source = TokenSource(file=workspace.token_file)
    else:
        variable = workspace.token_env or ""
        value = environ.get(variable, "").strip()
        if not value:
            problem = f"is not set, expected the token of workspace {workspace.name!r} (or set token_file)"
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
