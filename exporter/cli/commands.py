"""Every command and its flags; what a command needs is imported when it runs, so that `--help` is quick."""

import os
import sys
from functools import wraps
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from exporter import __version__
from exporter.cli.flags import Command, config_flag, log_flags, quiet_log_flags, web_flags
from exporter.cli.standard_streams import Program
from exporter.errors import ConfigError, HexExporterError

DEFAULT_JOB = "hex"

DEFAULT_INSTANCE = "localhost:9891"
"""With the job, what alerts/prometheus.yml and the bundle make of the exporter's address."""

RUNBOOK_URL = "https://github.com/hex-exporter/hex-exporter/blob/main/docs/runbooks.md"

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


def prints_errors(command: Command) -> Command:
    """Print the errors that a person can correct as sentences on standard error, and exit with status 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"hex-exporter: {problem}", err=True)
            sys.exit(1)
        except HexExporterError as error:
            click.echo(f"hex-exporter: {error}", err=True)
            sys.exit(1)

    return wrapped


@click.group(cls=Program, invoke_without_command=True, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="hex-exporter")
@config_flag
@web_flags
@log_flags
@click.pass_context
@prints_errors
def main(context: click.Context, **flags: Any) -> None:
    """What a Hex workspace runs, holds and costs, as Prometheus metrics.

    Without a command it serves: HEX_API_TOKEN=... hex-exporter
    """
    if context.invoked_subcommand is None:
        _serve(**flags)
    else:
        _hand_down_options(context, context.invoked_subcommand)


def _hand_down_options(context: click.Context, name: str) -> None:
    """Make options given before a command the defaults of its own; raises UsageError for one that it does not have."""
    given = {param for param in main.params if _is_given(context, param)}
    own = {param.name for param in main.commands[name].params}
    for param in main.params:
        if param in given and param.name not in own:
            raise click.UsageError(f"{name} has no option {param.opts[0]}; leave it out")
    context.default_map = {name: {param.name: context.params[param.name] for param in given if param.name}}


def _is_given(context: click.Context, param: click.Parameter) -> bool:
    return param.name is not None and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE


@main.command()
@config_flag
@web_flags
@log_flags
@prints_errors
def serve(**flags: Any) -> None:
    """Poll Hex and serve /metrics (the default command)."""
    _serve(**flags)


@main.command()
@click.option("--projects", metavar="N", default=40, type=click.IntRange(1, 5000), help="Size of the workspace.")
@click.option("--seed", metavar="N", default=1, type=int, help="The same seed gives the same workspace.")
@click.option("--storage", metavar="DIR", type=click.Path(path_type=Path), help="Where the demo keeps its ledger.")
@click.option(
    "--config.file",
    "--config",
    "config_file",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="A changed copy of the demo.yml that it writes.",
)
@web_flags
@quiet_log_flags
@prints_errors
def demo(projects: int, seed: int, storage: Path | None, config_file: Path | None, **flags: Any) -> None:
    """Serve a simulated workspace with 90 days of history; no token needed."""
    from exporter.cli.demo import run_demo
    from exporter.service import WebFlags

    log = {name: flags.pop(name) for name in ("log_level", "log_format")}
    run_demo(projects, seed, storage, config_file, environ=os.environ, web=WebFlags(**flags), **log)


@main.command()
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:9890")
@click.option("--projects", metavar="N", default=40, type=click.IntRange(1, 5000), help="Size of the workspace.")
@click.option("--seed", metavar="N", default=1, type=int, help="The same seed gives the same workspace.")
@click.option("--limits", metavar="LIMITS", default="documented", help="documented, off, or PER_MINUTE/PER_HOUR.")
@click.option("--fault", "faults", metavar="FAULT", multiple=True, help="Such as `429,endpoint=runs,probability=0.1`.")
@click.option(
    "--plant-every",
    metavar="SECONDS",
    type=click.FloatRange(0.1),
    help="Add a project that runs every so many seconds.",
)
@log_flags
@prints_errors
def simulate(**flags: Any) -> None:
    """Only the simulated workspace, over HTTP, for any client of Hex's API."""
    from exporter.cli.simulate import run_simulate

    run_simulate(**flags)


@main.command()
@config_flag
@web_flags
@click.option(
    "--offline", "is_offline", is_flag=True, help="Query neither Hex nor a source nor a warehouse: only what is here."
)
@prints_errors
def check(config_file: Path | None, is_offline: bool, **web: Any) -> None:
    """Is the file right, does the token work, what will polling cost? Exits 0, 1 or 2.

    With the flags that serve gets, these are checked too.
    """
    from exporter.cli.check import run_check
    from exporter.service import WebFlags

    sys.exit(run_check(config_file, os.environ, WebFlags(**web), is_offline=is_offline))


@main.command()
@config_flag
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
@click.option(
    "--blocks",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Make blocks in this folder, the data of Prometheus, with promtool from the PATH.",
)
@click.option("--days", metavar="N", default=90, type=click.IntRange(1, 3650), help="At most so many days back.")
@click.option("--job", metavar="NAME", default=DEFAULT_JOB, help="The label job that Prometheus gives the exporter.")
@click.option(
    "--instance",
    metavar="NAME",
    default=DEFAULT_INSTANCE,
    help="The label instance that Prometheus gives the exporter.",
)
@click.option(
    "--wait",
    "wait_seconds",
    metavar="SECONDS",
    default=0,
    type=click.IntRange(0),
    help="Wait at most so long for history that is still being read.",
)
@prints_errors
def history(config_file: Path | None, **flags: Any) -> None:
    """The run history for Prometheus: as its blocks, or as OpenMetrics with timestamps for promtool.

    promtool tsdb create-blocks-from openmetrics --max-block-duration=240h FILE DIR
    """
    from exporter.cli.history import run_history

    if flags["output"] is not None and flags["blocks"] is not None:
        raise click.UsageError("--output cannot be used with --blocks; leave one of them out")

    run_history(config_file, environ=os.environ, **flags)


@main.command()
@config_flag
@click.argument("project_id", metavar="PROJECT_ID")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input parameter: JSON, or else text.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the run has ended; exit 0 only if it completed.")
@click.option("--timeout", "timeout_seconds", metavar="SECONDS", default=3600.0, type=click.FloatRange(1))
@click.option("--gateway", metavar="URL", help="The gateway; else HEX_GATEWAY_URL, else that of the file.")
@click.option("--allow-insecure", "allows_insecure", is_flag=True, help="Send the token over plain http.")
@click.option("--no-cache", "is_fresh", is_flag=True, help="Start a run even if an earlier result is still right.")
@click.option("--proxy", metavar="URL", help="Go through http://HOST:PORT, or by `environment`: HTTPS_PROXY.")
@click.option(
    "--proxy-credentials-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="USER:PASSWORD for the proxy.",
)
@click.option(
    "--ca-file", metavar="FILE", type=click.Path(exists=True, dir_okay=False), help="Trust these authorities too."
)
@click.option("--trial", "trial_header", metavar="HEADER", help="Mark the request as a trial, by the policy's header.")
@prints_errors
def run(
    config_file: Path | None,
    project_id: str,
    proxy: str | None,
    proxy_credentials_file: str | None,
    ca_file: str | None,
    **flags: Any,
) -> None:
    """Request a run from the gateway: was an earlier result enough, and how did the run end?

    The token is that of HEX_API_TOKEN, else of the file's workspace. Exits 0 (granted; with --wait: completed), 1, 2
    (usage) or 130 (Ctrl-C; the run goes on).
    """
    from exporter.cli.run import run_run
    from exporter.cli.run_destination import route_of

    route = route_of(proxy, proxy_credentials_file, ca_file)
    sys.exit(run_run(config_file, os.environ, project_id, route=route, **flags))


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--grafana-url", metavar="URL", default="http://localhost:3000", help="What links to dashboards begin with."
)
@click.option("--runbook-url", metavar="URL", default=RUNBOOK_URL, help="Where the runbooks are.")
@click.option("--job", metavar="NAME", default=DEFAULT_JOB, help="What Prometheus calls the exporter.")
@click.option("--target", metavar="HOST:PORT", default=DEFAULT_INSTANCE, help="Where Prometheus finds the exporter.")
@click.option("--alertmanager", metavar="HOST:PORT", default="localhost:9093", help="Where it finds Alertmanager.")
@click.option(
    "--prometheus-url", metavar="URL", default="http://localhost:9090", help="Where Grafana finds Prometheus."
)
@click.option(
    "--default-datasource",
    "is_default_datasource",
    is_flag=True,
    help="Make Prometheus the default data source of Grafana, which must have no other default.",
)
@click.option(
    "--grafana-alerts",
    "has_grafana_alerts",
    is_flag=True,
    help="Write the alerts as Grafana's own rules, too, for a Grafana that notifies in the place of Alertmanager.",
)
@click.option("--image", metavar="NAME", default=f"hex-exporter:{__version__}", help="The image for Kubernetes.")
@click.option("--kubernetes", "is_kubernetes", is_flag=True, help="Write manifests instead.")
@click.option(
    "--replicas",
    type=click.IntRange(1, 100),
    metavar="N",
    default=1,
    show_default=True,
    help="How many pods; more than one share a ledger in PostgreSQL.",
)
@click.option("--namespace", metavar="NAME", help="Where the manifests go; alerts have it as a label.")
@click.option(
    "--label",
    "labels",
    metavar="KEY=VALUE",
    multiple=True,
    help="A label by which the operator selects, such as release=NAME of kube-prometheus-stack.",
)
@click.option("--force", "is_forced", is_flag=True, help="Write into a folder that is not empty.")
@config_flag
@click.pass_context
@prints_errors
def bundle(
    context: click.Context,
    folder: Path,
    config_file: Path | None,
    is_kubernetes: bool,
    is_forced: bool,
    **options: Any,
) -> None:
    """Write dashboards, rules and the configuration of the programs that use them to DIR.

    With --config.file boards and office hours go by the week's time zone, and manifests have that configuration and a
    Service for its gateway.
    """
    from exporter.cli.bundle import run_bundle

    run_bundle(
        folder,
        options,
        {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE},
        config_file=config_file,
        is_kubernetes=is_kubernetes,
        is_forced=is_forced,
    )


def _serve(config_file: Path | None, log_level: str, log_format: str, **web: Any) -> None:
    from exporter.service import WebFlags, run_serve

    run_serve(config_file, environ=os.environ, web=WebFlags(**web), log_level=log_level, log_format=log_format)
