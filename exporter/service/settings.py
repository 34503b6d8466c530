"""From arguments and environment to a checked configuration and the tokens that it names."""

from collections.abc import Mapping
from pathlib import Path

import structlog

from exporter.config import Config, Workspace, read_config_file
from exporter.errors import ConfigError, ConfigProblem
from exporter.hexapi import TokenSource
from exporter.sources import Credential, ProbeError

_log = structlog.get_logger()


def read_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration of a file, or the default one for None; raises ConfigError with every mistake."""
    config = read_config_file(path, environ)
    _log.debug(
        "config_read",
        file="defaults" if path is None else str(path),
        workspaces=",".join(workspace.name for workspace in config.workspaces),
        budgets=len(config.budgets),
        sources=len(config.sources),
        gateway=None if config.gateway is None else config.gateway.listen_address,
    )
    return config


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


def cluster_secret(config: Config) -> TokenSource | None:
    """What replicas know each other by, None where they pass no requests on."""
    if config.cluster is None or config.cluster.secret_file is None:
        return None
    return TokenSource(config.cluster.secret_file, setting="cluster.secret_file", holds="secret of the cluster")


def tokens_of(config: Config, environ: Mapping[str, str]) -> dict[str, TokenSource]:
    """The token of each workspace; raises ConfigError with all that are missing, of triggers and the cluster too."""
    tokens: dict[str, TokenSource] = {}
    problems: list[ConfigProblem] = []
    for workspace in config.workspaces:
        try:
            tokens[workspace.name] = token_of(workspace, environ)
        except ConfigError as error:
            problems += error.problems
    for number, trigger in enumerate(config.triggers):
        try:
            if not trigger.dry_run:
                Credential(environ, env=trigger.token_env, file=trigger.token_file).read()
        except ProbeError as error:
            problem = f"{error}; it needs a token that may run the projects, or dry_run: true"
            problems.append(ConfigProblem(f"triggers[{number}]", problem))
    try:
        if secret := cluster_secret(config):
            secret.read()
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return tokens
