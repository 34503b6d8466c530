"""`demo`: a simulated workspace and the exporter that follows it, in one process, with nothing to set up."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from importlib import resources
from pathlib import Path

import click

from exporter.cli.demo_traffic import trigger
from exporter.clock import SystemClock
from exporter.config import Week
from exporter.errors import ConfigError, LedgerBusyError, LedgerError
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
    state_dir,
)
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app, invoice_csv
from exporter.web import Server, bind, parse_address

PLANT_EVERY_SECONDS = 5.0
"""So that something is always to be seen: a run every few seconds."""

_PLANT_MEMORY_SECONDS = 2 * 3600
_TRIGGERED_PROJECTS = 4
_TOKEN = "hxtw_" + "de" * 48

_ZONE = "Europe/Zurich"
"""As in demo.yml: a month begins at its midnight."""

_NOW_AND_THEN_429 = Fault(kind="429", retry_after=3, probability=0.0002)


def run_demo(
    projects: int,
    seed: int,
    storage: Path | None,
    *,
    environ: Mapping[str, str],
    web: WebFlags,
    log_level: str,
    log_format: str,
) -> None:
    """Simulate and serve until a signal."""
    end_quietly_on_signals()
    configure_logs(log_level, log_format)
    folder = storage if storage is not None else state_dir(environ) / "demo"
    ledger_url = f"sqlite:///{folder / f'ledger-{projects}-{seed}.db'}"
    lock = _lock(folder)  # held until the process ends: nothing of a demo that runs is overwritten

    simulation = Simulation(seed, projects, clock=SystemClock(), plant_since_ms=_plant_since_ms(ledger_url))
    app = create_app(simulation, faults=Faults([_NOW_AND_THEN_429], seed), limits=RateLimits.off())
    hex_server = Server(app, listen=[_free("127.0.0.1:9890")])
    hex_address = hex_server.bind()[0]
    base_url = f"http://{hex_address}/api/v1"

    config_file = _write_config(folder, str(hex_address), ledger_url)
    invoice_file, month = _write_invoice(folder, simulation)
    token = TokenSource(value=_TOKEN)
    service = Service(lambda: Assignment(read_config(config_file, environ), {"demo": token}, environ))
    server, health_server = service.server(web), service.health_server(web)
    paths = web.paths()
    url = paths.url(server.scheme, server.bind()[0])
    health_server.bind()
    assert service.gateway is not None
    gateway_url = f"http://{service.gateway.bind()}/api/v1"
    click.echo(
        f"""A simulated Hex workspace of {projects} projects with 90 days of history, and the exporter that follows it.

  metrics    {url}{paths.telemetry}
  overview   {url}/
  Hex API    {base_url} (any token)
  gateway    {gateway_url} (the same, without runs that repeat what is known)
  ledger     {ledger_url.removeprefix("sqlite:///")}
  report     hex-exporter report --config.file {config_file}
  audit      hex-exporter audit --config.file {config_file}
  invoice    hex-exporter reconcile {invoice_file} --month {month} --config.file {config_file}

A run starts every {PLANT_EVERY_SECONDS:.0f} seconds, and a client asks the gateway for one every fifteen. A new
counter shows 0 for its first 90 seconds; reading the history takes about a minute. Ctrl-C ends it.
"""
    )
    sys.stdout.flush()
    # What was planted to be switched off stays as it was planted.
    planted = {subject for waste in simulation.waste for subject in waste.subjects}
    runnable = [project.project_id for project in simulation.projects if project.is_runnable]
    triggered = [project_id for project_id in runnable if project_id not in planted][:_TRIGGERED_PROJECTS]
    try:
        asyncio.run(_serve(service, [hex_server, server, health_server], trigger(gateway_url, _TOKEN, triggered)))
    finally:
        lock.release()


async def _serve(service: Service, servers: Sequence[Server], client: Coroutine[None, None, None]) -> None:
    """Serve until a signal, with the client at work meanwhile."""
    asking = asyncio.ensure_future(client)
    try:
        await service.run(servers)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def _lock(folder: Path) -> WriterLock:
    """Keep other demos out of the folder. Raises LedgerBusyError while one runs there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return WriterLock(folder / "demo.lock")
    except LedgerBusyError:
        raise LedgerBusyError(f"{folder}: a demo runs here already: stop it, or give this one --storage DIR") from None


def _free(usual: str) -> str:
    """The usual address, so that links stay, or any of this machine if that is taken."""
    try:
        bind(parse_address(usual)).close()
    except ConfigError:
        return "127.0.0.1:0"
    return usual


def _write_config(folder: Path, hex_address: str, url: str) -> Path:
    """Write the demo's configuration to its folder, for `report` and for trying changes with a reload; the file."""
    template = (resources.files("exporter.cli") / "demo.yml").read_text("utf-8")
    file = folder / "demo.yml"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = {"HEX_ADDRESS": hex_address, "STORAGE_URL": url, "GATEWAY_ADDRESS": _free("127.0.0.1:9892")}
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
