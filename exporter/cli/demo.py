"""`demo`: a simulated workspace and the exporter that follows it, in one process, with nothing to set up."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import click

from exporter.cli.demo_banner import banner, own_program
from exporter.cli.demo_traffic import trigger
from exporter.cli.demo_triggers import demo_triggers, load_order, load_orders, remember_changes
from exporter.clock import SystemClock
from exporter.config import Config, Week, state_dir
from exporter.errors import ConfigError, ConfigProblem, LedgerBusyError, LedgerError
from exporter.hexapi import TokenSource
from exporter.insight import local_day, period_at, period_before
from exporter.ledger import WriterLock, open_ledger
from exporter.service import (
    Assignment,
    Service,
    WebFlags,
    configure_logs,
    end_quietly_on_signals,
    read_config,
)
from exporter.simulator import (
    Fault,
    Faults,
    QueryLogTables,
    RateLimits,
    Simulation,
    Tokens,
    VendorLog,
    create_app,
    invoice_csv,
    writes_on_runs,
)
from exporter.web import Server, bind, parse_address

PLANT_EVERY_SECONDS = 5.0
"""So that something is always to be seen: a run every few seconds."""

_PLANT_MEMORY_SECONDS = 2 * 3600
_TRIGGERED_PROJECTS = 2
"""Of the gateway's three places one is left to whoever tries a run."""

_TOKEN = "hxtw_" + "de" * 48

_ZONE = "Europe/Zurich"
"""As in demo.yml: a month begins at its midnight."""

_WAREHOUSE_URL_FILE = "warehouse-url"

_FILL_SECONDS = 20.0
"""So that an hour that is over is whole in the warehouses' logs when they are looked at."""

_NOW_AND_THEN_429 = Fault(kind="429", retry_after=3, probability=0.0002)


def run_demo(
    projects: int,
    seed: int,
    storage: Path | None,
    config_file: Path | None,
    *,
    environ: Mapping[str, str],
    web: WebFlags,
    log_level: str,
    log_format: str,
) -> None:
    """Simulate and serve until a signal, with the configuration of the file, or one that is written anew."""
    end_quietly_on_signals()
    configure_logs(log_level, log_format)
    folder = storage if storage is not None else state_dir(environ) / "demo"
    lock = _lock(folder)  # held until the process ends: nothing of a demo that runs is overwritten
    is_new = config_file is None
    if config_file is None:
        hex_address = _free("127.0.0.1:9890")
        config_file = _write_config(folder, hex_address, f"sqlite:///{folder / f'ledger-{projects}-{seed}.db'}")
    else:
        hex_address = _named_address(read_config(config_file, environ), config_file)
    ledger_url = read_config(config_file, environ).storage.url

    simulation = Simulation(seed, projects, clock=SystemClock(), plant_since_ms=_plant_since_ms(ledger_url))
    faults, tokens = Faults([_NOW_AND_THEN_429], seed), Tokens(is_open=True)
    app = create_app(simulation, faults=faults, limits=RateLimits.off(), tokens=tokens)
    hex_server = Server(app, listen=[hex_address], flag=f"{config_file}: workspaces[0].base_url")
    hex_server.bind()

    triggered, to_run = _triggered(simulation)
    triggers = demo_triggers(simulation, [*triggered, to_run])
    if is_new:
        config_file.write_text(triggers.configured(config_file.read_text("utf-8"), folder), "utf-8")
    load_order(folder)
    remember_changes(read_config(config_file, environ), simulation, triggers.hourly)
    invoice = _write_invoice(folder, simulation)
    logs = _query_logs(folder / f"warehouse-{projects}-{seed}.db", simulation)
    service = Service(lambda: _assignment(config_file, environ))
    server, health_server = service.server(web), service.health_server(web)
    paths = web.paths()
    url = paths.url(server.scheme, server.bind()[0])
    health_server.bind()
    addresses = [
        ("overview", f"{url}/"),
        ("metrics", f"{url}{paths.telemetry}"),
        ("Hex API", f"http://{hex_address}/api/v1 (any token)"),
        ("ledger", ledger_url.removeprefix("sqlite:///")),
    ]
    gateway_url = to_try = writing = None
    if service.gateway is not None:
        to_try, writing = to_run, _writing(simulation)
        gateway_url = f"http://{service.gateway.bind()}/api/v1"
        addresses.insert(3, ("gateway", f"{gateway_url} (the same, without runs that repeat what is known)"))
    click.echo(
        f"""A simulated Hex workspace of {projects} projects with 90 days of history, and the exporter that follows it.

{banner(addresses, config_file, invoice, to_try, own_program(), writing)}

A run starts every {PLANT_EVERY_SECONDS:.0f} seconds, and a client asks the gateway for one every fifteen. A new
counter shows 0 for its first 90 seconds; reading the history takes about a minute. Ctrl-C ends it.
"""
    )
    sys.stdout.flush()
    try:
        works = [_fill(logs, simulation), load_orders(folder)]
        works += [] if gateway_url is None else [trigger(gateway_url, _TOKEN, triggered)]
        asyncio.run(_serve(service, [hex_server, server, health_server], works))
    finally:
        lock.release()


def _assignment(config_file: Path, environ: Mapping[str, str]) -> Assignment:
    """The demo's configuration as it is now; the simulated Hex accepts any token, so all workspaces have the same."""
    config = read_config(config_file, environ)
    return Assignment(config, {one.name: TokenSource(value=_TOKEN) for one in config.workspaces}, environ)


def _named_address(config: Config, file: Path) -> str:
    """Where a configuration that was given back expects the simulated Hex; raises ConfigError for any other Hex."""
    address = urlsplit(config.workspaces[0].base_url)
    if len(config.workspaces) > 1 or address.hostname != "127.0.0.1" or address.port is None:
        problem = (
            "is not the address of a simulated Hex on this machine, such as http://127.0.0.1:9890/api/v1; "
            "give the demo a copy of its demo.yml, and start `hex-exporter serve` for a real workspace"
        )
        raise ConfigError(ConfigProblem(f"{file}: workspaces[0].base_url", problem))
    return address.netloc


def _triggered(simulation: Simulation) -> tuple[Sequence[str], str]:
    """The projects that the demo's client triggers, and the one whose run a person waits for: the shortest of all.

    What was planted to be switched off stays as it was planted.
    """
    wasteful = {subject for waste in simulation.waste for subject in waste.subjects}
    runnable = [one for one in simulation.projects if one.is_runnable and one is not simulation.planted]
    # A small workspace may have nothing but what was planted.
    others = [one for one in runnable if one.project_id not in wasteful and not writes_on_runs(one)] or runnable
    others.sort(key=lambda one: one.median_seconds)
    to_run = simulation.planted or others[0]
    return [one.project_id for one in others[:_TRIGGERED_PROJECTS]], to_run.project_id


def _writing(simulation: Simulation) -> str | None:
    """The project that writes when it runs, the shortest of them, None in a workspace without one."""
    writing = [one for one in simulation.projects if one.is_runnable and writes_on_runs(one)]
    return min(writing, key=lambda one: one.median_seconds).project_id if writing else None


def _query_logs(file: Path, simulation: Simulation) -> QueryLogTables:
    """The logs of two warehouses behind the simulated Hex, filled with their past, and their address beside them."""
    (file.parent / _WAREHOUSE_URL_FILE).write_text(f"sqlite:///{file}", "utf-8")
    logs = {
        "snowflake_queries": VendorLog(simulation, "snowflake", ["Snowflake*"]),
        "bigquery_queries": VendorLog(simulation, "bigquery", ["Marketing events"]),
    }
    tables = QueryLogTables(file, logs)
    tables.fill(simulation.now_ms)
    return tables


async def _fill(logs: QueryLogTables, simulation: Simulation) -> None:
    """Write what Hex sent to its warehouses since, until cancelled."""
    while True:
        await asyncio.sleep(_FILL_SECONDS)
        logs.fill(simulation.now_ms)


async def _serve(service: Service, servers: Sequence[Server], works: Sequence[Coroutine[None, None, None]]) -> None:
    """Serve until a signal, with the clients and the warehouses at work meanwhile."""
    working = asyncio.gather(*works, return_exceptions=True)
    try:
        await service.run(servers)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _lock(folder: Path) -> WriterLock:
    """Keep other demos out of the folder. Raises LedgerBusyError while one runs there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return WriterLock(folder / "demo.lock")
    except LedgerBusyError:
        raise LedgerBusyError(f"{folder}: a demo runs here already: stop it, or give this one --storage DIR") from None


def _free(usual: str) -> str:
    """The usual address, so that links stay, or another of this machine if that is taken."""
    try:
        bind(parse_address(usual)).close()
    except ConfigError:
        with bind(parse_address("127.0.0.1:0")) as free:
            return f"127.0.0.1:{free.getsockname()[1]}"
    return usual


def _write_config(folder: Path, hex_address: str, url: str) -> Path:
    """Write the demo's configuration and token to its folder, for the other commands and to be changed; the file."""
    template = (resources.files("exporter.cli") / "demo.yml").read_text("utf-8")
    file = folder / "demo.yml"
    (folder / "token").write_text(_TOKEN, "utf-8")
    values = {
        "HEX_ADDRESS": hex_address,
        "STORAGE_URL": url,
        "TOKEN_FILE": str(folder / "token"),
        "GATEWAY_ADDRESS": _free("127.0.0.1:9892"),
        "WAREHOUSE_URL_FILE": str(folder / _WAREHOUSE_URL_FILE),
    }
    for name, value in values.items():
        template = template.replace(name, value)
    file.write_text(template, "utf-8")
    return file


def _write_invoice(folder: Path, simulation: Simulation) -> tuple[Path, str]:
    """Write what the simulated vendor billed for the last whole month to the demo's folder; the file, and the month."""
    zone = Week(timezone=_ZONE)
    period = period_before(period_at(simulation.now_ms, "month", zone), "month", zone)
    month = f"{local_day(period[0], _ZONE):%Y-%m}"
    file = folder / f"invoice-{month}.csv"
    file.write_text(invoice_csv(simulation, period), "utf-8")
    return file, month


def _plant_since_ms(url: str) -> int:
    """Since when the planted runs come: since the demo's first start, at the most two hours ago.

    The simulation is a function of time, so a demo that is killed and started again has the same past.
    """
    now_ms = round(time.time() * 1000)
    try:
        ledger = open_ledger(url, clock=SystemClock(), read_only=True)
    except LedgerError:
        return now_ms
    created_ms = ledger.created_ms
    ledger.close()
    return max(created_ms, now_ms - _PLANT_MEMORY_SECONDS * 1000)
