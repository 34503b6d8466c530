"""`bundle`: everything that goes with the exporter, written to a folder."""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import click

from exporter.bundle import ADVERTISE_VARIABLE, CLUSTER_FOLDER, LEDGER_VARIABLE, Addresses, Cluster, write_bundle
from exporter.config import Config, UnfitError, host_and_port, load_config, normal_person_url
from exporter.errors import ConfigError, ConfigProblem

ONLY_FOLDER = ("target", "alertmanager", "prometheus_url", "is_default_datasource", "has_grafana_alerts")
"""What manifests have no use for: the operator finds the exporter and its programs by labels."""

ONLY_KUBERNETES = ("image", "labels", "namespace", "replicas")

_TAKEN = ("/", "/etc/hex-exporter", "/run/secrets/hex", "/var/lib/hex-exporter")
"""Where the pod has its configuration, its token and its ledger."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?" + _NAME.pattern)
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def run_bundle(
    folder: Path,
    options: Mapping[str, Any],
    given: Collection[str],
    *,
    config_file: Path | None,
    is_kubernetes: bool,
    is_forced: bool,
) -> None:
    """Write the bundle and say what comes next; `given` names the options that a person wrote.

    Raises ConfigError for an option that the form does not use or that is no address, and where something is in the
    way.
    """
    unused = [name for name in (ONLY_FOLDER if is_kubernetes else ONLY_KUBERNETES) if name in given]
    if unused:
        form = "with --kubernetes" if is_kubernetes else "without --kubernetes"
        raise ConfigError(*(ConfigProblem(_option(name), f"has no use {form}; leave it out") for name in unused))
    text, config = _configuration(config_file)
    week = None if config is None else config.week(config.workspaces[0].name)
    addresses = Addresses(
        job=_checked("job", options, _job),
        target=_checked("target", options, _host_and_port),
        alertmanager=_checked("alertmanager", options, _host_and_port),
        prometheus_url=_checked("prometheus_url", options, normal_person_url),
        grafana_url=_checked("grafana_url", options, normal_person_url),
        runbook_url=_checked("runbook_url", options, _runbooks),
        is_default_datasource=options["is_default_datasource"],
        has_grafana_alerts=options["has_grafana_alerts"],
        week=week,
    )
    cluster = (
        _cluster(options, text, config, None if config_file is None else config_file.parent) if is_kubernetes else None
    )
    folder = folder.absolute()
    count = write_bundle(folder, addresses, cluster, is_forced=is_forced)
    click.echo(f"{count} files in {folder}; next: see {folder}/README.md")


def _cluster(options: Mapping[str, Any], text: str | None, config: Config | None, folder: Path | None) -> Cluster:
    gateway = None if config is None else config.gateway
    web_config = None if gateway is None else gateway.web_config_file
    if web_config is not None and (Path(web_config).parent == folder or str(Path(web_config).parent) in _TAKEN):
        problem = "its certificate is mounted beside it, in a folder of its own; write /run/secrets/tls/web.yml"
        raise ConfigError(ConfigProblem("gateway.web_config_file", problem))
    replicas: int = options["replicas"]
    if replicas > 1 and config is not None:
        _check_shared(config)
    return Cluster(
        replicas=replicas,
        image=_checked("image", options, _image),
        namespace=None if options["namespace"] is None else _checked("namespace", options, _namespace),
        labels=dict(_label(written) for written in options["labels"]),
        config=text,
        gateway_port=None if gateway is None else host_and_port(gateway.listen_address)[1],
        gateway_web_config=None if web_config is None else PurePosixPath(web_config),
    )


def _check_shared(config: Config) -> None:
    """Raise ConfigError for a configuration that replicas cannot share."""
    if config.storage.url_env != LEDGER_VARIABLE:
        problem = f"replicas share a ledger whose address is in a secret; write storage: {{url_env: {LEDGER_VARIABLE}}}"
        raise ConfigError(ConfigProblem("storage", problem))
    cluster = config.cluster
    if config.gateway is not None and (cluster is None or cluster.advertise_env != ADVERTISE_VARIABLE):
        wanted = f"{{advertise_env: {ADVERTISE_VARIABLE}, secret_file: {CLUSTER_FOLDER}/secret}}"
        raise ConfigError(ConfigProblem("cluster", f"replicas have a gateway each; write cluster: {wanted}"))


def _configuration(file: Path | None) -> tuple[str | None, Config | None]:
    if file is None:
        return None, None
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(ConfigProblem(str(file), f"cannot be read: {reason}; name the exporter's file")) from None
    environ = {LEDGER_VARIABLE: "postgresql://ledger/hex"}  # its address is in a secret of the cluster
    return text, load_config(text, source=str(file), environ=environ, state_dir=Path("/var/lib/hex-exporter"))


def _checked(name: str, options: Mapping[str, Any], check: Callable[[str], str]) -> str:
    try:
        return check(options[name])
    except UnfitError as unfit:
        raise ConfigError(ConfigProblem(_option(name), str(unfit))) from None


def _option(name: str) -> str:
    return {
        "is_default_datasource": "--default-datasource",
        "has_grafana_alerts": "--grafana-alerts",
        "labels": "--label",
    }.get(name, "--" + name.replace("_", "-"))


def _job(text: str) -> str:
    if not text.strip():
        raise UnfitError("an empty name is not valid; write what Prometheus calls the exporter, such as hex")
    return text


def _host_and_port(text: str) -> str:
    host, port = host_and_port(text)
    if not host or not port:
        raise UnfitError(f'"{text}" has no host; write HOST:PORT')
    return text


def _runbooks(text: str) -> str:
    """A path is right too: of the file beside the rules."""
    return normal_person_url(text) if "://" in text else text


def _image(text: str) -> str:
    if not text or not text.isascii() or set(text) & set(" \t\n"):
        raise UnfitError(f'"{text}" is not the name of an image; write one such as registry.example/hex-exporter:1.0')
    return text


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise UnfitError(f'"{text}" is not a namespace; write lower-case letters, digits and hyphens')
    return text


def _label(written: str) -> tuple[str, str]:
    key, sign, value = written.partition("=")
    if not (sign and _LABEL_KEY.fullmatch(key) and (not value or _NAME.fullmatch(value))):
        raise ConfigError(
            ConfigProblem("--label", f'"{written}" is not a label; write KEY=VALUE, such as release=prom')
        )
    return key, value
