"""Where the gateway is to listen, looked at before anything is sent there: can it be had, is it safe?"""

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.config import Config, Gateway, is_public
from exporter.errors import ConfigError, ConfigProblem
from exporter.facts import Project
from exporter.web import WebConfigFile, bind, parse_address

_KEY = "gateway.web_config_file"


def gateway_web_file(gateway: Gateway) -> WebConfigFile | None:
    """The rules for connections to the gateway, None if it has none.

    Raises ConfigError for a file that cannot be used, for one without TLS where other machines reach the gateway, and
    for one with users: callers send the token for Hex where a password would be.
    """
    if gateway.web_config_file is None:
        return None
    web_file = WebConfigFile(Path(gateway.web_config_file))
    rules = web_file.current()
    if rules.tls is None and is_public(gateway.listen_address) and not gateway.allow_insecure:
        problem = (
            f"the file has no TLS for the public address {gateway.listen_address}, and callers send their Hex tokens "
            "there; add tls_server_config to it, write a loopback address, or add allow_insecure: true"
        )
        raise ConfigError(ConfigProblem(_KEY, problem))
    if rules.config.users:
        problem = "the file has basic_auth_users; remove them: a caller's Authorization is its Hex token"
        raise ConfigError(ConfigProblem(_KEY, problem))
    return web_file


def gateway_faults(config: Config) -> Iterator[str]:
    """What keeps the gateway from listening."""
    if config.gateway is None:
        return
    try:
        gateway_web_file(config.gateway)
    except ConfigError as error:
        yield from map(str, error.problems)
    reason = _unavailable(config.gateway)
    if reason is not None and not reason.endswith(os.strerror(errno.EADDRINUSE)):
        yield f"gateway: {reason}"


def gateway_notes(projects: Sequence[Project], config: Config, workspace_name: str) -> Iterator[str]:
    """What is odd about the gateway of this workspace, if it has one."""
    gateway = config.gateway
    if gateway is None or config.gateway_workspace.name != workspace_name:
        return
    reason = _unavailable(gateway)
    if reason is not None and reason.endswith(os.strerror(errno.EADDRINUSE)):
        yield f"gateway: {reason}; by this exporter, if it runs already"
    if gateway.public_url is None and is_public(gateway.listen_address):
        yield "gateway: no public_url, so links in answers lead to its listen address"
    for number, policy in enumerate(gateway.policies):
        if projects and not any(gateway.policy(workspace_name, project) is policy for project in projects):
            yield f"gateway.policies[{number}] applies to no project: none matches, or an earlier policy has them all"


def _unavailable(gateway: Gateway) -> str | None:
    """Why it is impossible to listen there, None if it is possible."""
    try:
        bind(parse_address(gateway.listen_address)).close()
    except ConfigError as error:
        return error.problems[0].message
    return None
