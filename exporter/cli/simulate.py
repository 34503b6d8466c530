"""`simulate`: a workspace that answers like Hex, for any client of its API."""

import asyncio
import signal
import sys
from collections.abc import Sequence

import click
import structlog

from exporter.clock import SystemClock
from exporter.errors import ConfigError, ConfigProblem
from exporter.service import configure_logs
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app, parse_fault, parse_limits
from exporter.web import Server

_log = structlog.get_logger()


def run_simulate(
    *,
    listen: str,
    projects: int,
    seed: int,
    limits: str,
    faults: Sequence[str],
    plant_every: float | None,
    log_level: str,
    log_format: str,
) -> None:
    """Answer like Hex until a signal; raises ConfigError for an address that cannot be had."""
    configure_logs(log_level, log_format)
    simulation = _simulation(seed, projects, plant_every)
    app = create_app(simulation, faults=Faults(read_faults(faults), seed), limits=read_limits(limits))
    server = Server(app, listen=[listen])
    addresses = server.bind()
    base_url = f"http://{addresses[0]}/api/v1"
    click.echo(f"A simulated Hex workspace of {projects} projects (seed {seed}) answers at {base_url}")
    click.echo(f"  HEX_API_TOKEN=hxtw_any HEX_BASE_URL={base_url} hex-exporter")
    sys.stdout.flush()
    asyncio.run(_serve(server))


def _simulation(seed: int, projects: int, plant_every: float | None) -> Simulation:
    clock = SystemClock()
    if plant_every is None:
        return Simulation(seed, projects, clock=clock)
    since_ms = round(clock.now() * 1000)
    return Simulation(seed, projects, clock=clock, plant_since_ms=since_ms, plant_every_seconds=plant_every)


def read_faults(texts: Sequence[str]) -> list[Fault]:
    """The faults of the `--fault` flags; raises ConfigError for one that cannot be read."""
    faults = []
    for text in texts:
        try:
            faults.append(parse_fault(text))
        except ValueError as error:
            raise ConfigError(ConfigProblem("--fault", str(error))) from error
    return faults


def read_limits(text: str) -> RateLimits:
    """The limits of the `--limits` flag; raises ConfigError if it cannot be read."""
    try:
        return parse_limits(text)
    except ValueError as error:
        raise ConfigError(ConfigProblem("--limits", str(error))) from error


async def _serve(server: Server) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    await server.serve(stop)
