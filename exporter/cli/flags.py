"""The flags that several commands share, named as Prometheus names them."""

from collections.abc import Callable
from pathlib import Path

import click

DEFAULT_LISTEN_ADDRESS = "127.0.0.1:9891"

Command = Callable[..., None]


def config_flag(command: Command) -> Command:
    """The file that a command reads."""
    return click.option(
        "--config.file",
        "config_file",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="YAML configuration; without it HEX_API_TOKEN and HEX_BASE_URL are enough.",
    )(command)


def log_flags(command: Command, level: str = "info") -> Command:
    """How a command logs, by default from this level on."""
    for flag in (
        click.option("--log.format", "log_format", type=click.Choice(["logfmt", "json"]), default="logfmt"),
        click.option("--log.level", "log_level", type=click.Choice(["debug", "info", "warn", "error"]), default=level),
    ):
        command = flag(command)
    return command


def quiet_log_flags(command: Command) -> Command:
    """How a command logs whose own words are to stay in sight."""
    return log_flags(command, level="warn")


def web_flags(command: Command) -> Command:
    """How the exporter is served: the fields of `service.WebFlags`."""
    for flag in (
        click.option("--web.enable-lifecycle", "enable_lifecycle", is_flag=True, help="Allow POST /-/reload."),
        click.option(
            "--web.config.file",
            "web_config_file",
            metavar="PATH",
            type=click.Path(path_type=Path),
            help="TLS, client certificates and users, in exporter-toolkit's format.",
        ),
        click.option(
            "--web.health-listen-address",
            "health_addresses",
            metavar="HOST:PORT",
            multiple=True,
            help="Answer /-/healthy and /-/ready there too, without password or TLS.",
        ),
        click.option(
            "--web.route-prefix",
            "route_prefix",
            metavar="PATH",
            help="Serve everything below this path; else below that of --web.external-url.",
        ),
        click.option(
            "--grafana-url",
            "grafana_url",
            metavar="URL",
            help="Where Grafana is, for links to the boards on the page at /; else `overview.grafana_url`.",
        ),
        click.option("--web.external-url", "external_url", metavar="URL", help="Where people reach the exporter."),
        click.option("--web.telemetry-path", "telemetry_path", metavar="PATH", default="/metrics"),
        click.option(
            "--web.listen-address",
            "listen_addresses",
            metavar="HOST:PORT",
            multiple=True,
            default=[DEFAULT_LISTEN_ADDRESS],
            help="Where to serve; may be given more than once, `:9891` is every address.",
        ),
    ):
        command = flag(command)
    return command
