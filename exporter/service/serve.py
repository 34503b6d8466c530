"""`serve`: bind first, then follow Hex in a thread and serve in this one, until a signal ends both."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import structs

from exporter.clock import SystemClock
from exporter.config import Config, UnfitError, normal_person_url, without_secrets
from exporter.errors import ConfigError, ConfigProblem, LedgerError
from exporter.metrics import Publisher, Status
from exporter.overview import STYLE_SHA256
from exporter.service.follower import Follower
from exporter.service.freed_memory import return_freed_memory
from exporter.service.logs import configure_logs
from exporter.service.overview_page import OverviewPage
from exporter.service.settings import read_config, tokens_of
from exporter.service.workers import Assignment
from exporter.web import (
    ReloadOutcome,
    Server,
    WebConfigFile,
    WebPaths,
    create_app,
    create_health_app,
    parse_address,
    read_web_paths,
)

if TYPE_CHECKING:
    from exporter.service.gateway_server import GatewayServer

_HEALTH_FLAG = "--web.health-listen-address"

_STOP_SECONDS = 0.8
_HAND_OVER_SECONDS = 5.0
"""For how long a replica's end may take: without handing over, the others wait until its leases have run out."""
_FIRST_PAGE_SECONDS = 0.5
_RELOAD_SECONDS = 30.0  # the clients are made in a second; a ledger that is locked is waited for a few times

_SWITCH_SECONDS = 0.0005
"""How long the polling may compute while an answer waits for its turn, several times an answer: with Python's own 5 ms
a hit of the gateway took twice as long while a long history was read."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFlags:
    """How the exporter is served, by the flags of its name. `health_addresses` need neither password nor TLS."""

    listen_addresses: Sequence[str]
    telemetry_path: str = "/metrics"
    web_config_file: Path | None = None
    enable_lifecycle: bool = False
    external_url: str | None = None
    route_prefix: str | None = None
    health_addresses: Sequence[str] = ()
    grafana_url: str | None = None

    def normal_grafana_url(self) -> str | None:
        """Where links to boards begin, without a trailing slash; raises ConfigError for what is no address."""
        if self.grafana_url is None:
            return None
        try:
            return normal_person_url(self.grafana_url)
        except UnfitError as unfit:
            raise ConfigError(ConfigProblem("--grafana-url", str(unfit))) from None

    def paths(self) -> WebPaths:
        """What is served where; raises ConfigError for flags that cannot be used."""
        return read_web_paths(
            telemetry_path=self.telemetry_path, external_url=self.external_url, route_prefix=self.route_prefix
        )

    def metrics_url(self) -> str:
        """Where the metrics are found once it is served; raises ConfigError for flags or a web file."""
        paths = self.paths()
        address, *_ = [parse_address(text) for text in self.listen_addresses]
        for text in self.health_addresses:
            parse_address(text, _HEALTH_FLAG)
        web_file = None if self.web_config_file is None else WebConfigFile(self.web_config_file)
        scheme = "https" if web_file is not None and web_file.current().tls is not None else "http"
        return paths.url(scheme, address) + paths.telemetry


def run_serve(
    config_file: Path | None, *, environ: Mapping[str, str], web: WebFlags, log_level: str, log_format: str
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError or LedgerError where it cannot start."""
    end_quietly_on_signals()
    return_freed_memory()
    sys.setswitchinterval(_SWITCH_SECONDS)
    configure_logs(log_level, log_format)

    def assignment() -> Assignment:
        config = read_config(config_file, environ)
        return Assignment(config, tokens_of(config, environ), environ)

    service = Service(assignment)
    server, health_server = service.server(web), service.health_server(web)
    paths = web.paths()
    for address in server.bind():
        _log.info(
            "Listening",
            address=str(address),
            telemetry_path=paths.below(paths.telemetry),
            url=paths.url(server.scheme, address),
        )
    for address in health_server.bind():
        _log.info("Health is answered", address=str(address))
    if gateway := service.gateway:
        _log.info("The gateway is listening", address=str(gateway.bind()))
    asyncio.run(service.run([server, health_server]))


def end_quietly_on_signals() -> None:
    """Let SIGTERM and SIGINT end the process with exit status 0 from the first moment, before there is a loop."""
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: sys.exit(0))


class Service:
    """The exporter as a whole: one follower, one page, and what HTTP may ask of them."""

    def __init__(self, read_assignment: Callable[[], Assignment]) -> None:
        """Reads the first assignment; raises ConfigError if it cannot be used."""
        self._read_assignment = read_assignment
        self._assignment = read_assignment()
        self._publisher = Publisher()
        self._status = Status()
        self._clock = SystemClock()
        self._overview = OverviewPage()
        self._follower = Follower(self._assignment, self._publisher, self._overview, self._status, self._clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.gateway = self._gateway()

    def server(self, web: WebFlags) -> Server:
        """The HTTP side, not yet bound."""
        paths = web.paths()
        self._overview.begin(
            self._assignment.tokens, telemetry_path=paths.telemetry, grafana_url=web.normal_grafana_url()
        )
        app = create_app(
            self._publisher,
            health=self._follower.health,
            ready=self._follower.ready,
            reload=self.reload if web.enable_lifecycle else None,
            landing=lambda: self._overview.body,
            landing_style_sha256=STYLE_SHA256,
            paths=paths,
        )
        web_file = None if web.web_config_file is None else WebConfigFile(web.web_config_file)
        return Server(app, listen=web.listen_addresses, web_file=web_file)

    def health_server(self, web: WebFlags) -> Server:
        """Health and readiness for whoever asks, on addresses of their own, not yet bound; often there are none."""
        app = create_health_app(health=self._follower.health, ready=self._follower.ready)
        return Server(app, listen=web.health_addresses, flag=_HEALTH_FLAG)

    def reload(self) -> ReloadOutcome:
        """Put the configuration of now in force; one that cannot be used is refused and the running one goes on."""
        try:
            assignment = self._read_assignment()
            self._refuse_other_ledger(assignment)
            self._refuse_other_gateway(assignment.config)
            self._put_in_force(assignment)
        except (ConfigError, LedgerError) as error:
            self._status.reloaded(False, self._now_ms())
            _log.error("The configuration is refused, the running one stays in force", reason=str(error))
            return ReloadOutcome(False, str(error))
        self._assignment = assignment
        if self.gateway is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.gateway.assign, assignment.config)
        self._status.reloaded(True, self._now_ms())
        _log.info("The configuration has been read again")
        return ReloadOutcome(True, "The configuration is in force.")

    async def run(self, servers: Sequence[Server]) -> None:
        """Serve until a signal; a second one ends at once. Raises LedgerError if the ledger cannot be had."""
        loop = self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stop, loop, signal_number, stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self.reload))
        self._follower.opened.add_done_callback(
            lambda opened: None if opened.cancelled() or not opened.exception() else loop.call_soon_threadsafe(stop.set)
        )
        self._follower.start()
        # Scrapes queue at the bound socket for as long as it usually takes to open a ledger, no longer.
        await asyncio.wait([asyncio.wrap_future(self._follower.showed)], timeout=_FIRST_PAGE_SECONDS)
        try:
            serving = [server.serve(stop) for server in servers]
            if self.gateway is not None:
                serving.append(self.gateway.serve(stop))
            await asyncio.gather(*serving)
        finally:
            self._follower.stop(_STOP_SECONDS if self._follower.standing is None else _HAND_OVER_SECONDS)
        if self._follower.opened.done() and not self._follower.opened.cancelled():
            self._follower.opened.result()

    def _stop(self, loop: asyncio.AbstractEventLoop, signal_number: signal.Signals, stop: asyncio.Event) -> None:
        loop.remove_signal_handler(signal_number)
        _log.info("Stopping", signal=signal_number.name)
        stop.set()

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)

    def _put_in_force(self, assignment: Assignment) -> None:
        """Have the follower go by this assignment. Raises LedgerError if it cannot, or does not in time."""
        outcome = self._follower.assign(assignment)
        try:
            outcome.result(_RELOAD_SECONDS)
        except (TimeoutError, CancelledError):
            outcome.cancel()
            raise LedgerError("the polling thread is busy or ending: reload again in a minute") from None

    def _refuse_other_ledger(self, assignment: Assignment) -> None:
        running, requested = self._assignment.config.storage.url, assignment.config.storage.url
        if requested != running:
            here, there = map(without_secrets, (running, requested))
            differs = f"{there!r} differs from {here!r}" if here != there else "its user, password or options differ"
            problem = f"{differs} of the running process; restart it to use another ledger"
            raise ConfigError(ConfigProblem("storage.url", problem))

    def _refuse_other_gateway(self, config: Config) -> None:
        if _lasting(config) != _lasting(self._assignment.config):
            problem = "more than its policies has changed; restart the process to change the rest"
            raise ConfigError(ConfigProblem("gateway", problem))

    def _gateway(self) -> "GatewayServer | None":
        config = self._assignment.config
        if config.gateway is None:
            return None
        # Most have none, and loading it takes a good part of the time that a start may take.
        from exporter.service.gateway_server import GatewayServer

        server = GatewayServer(config, self._follower)
        self._follower.address = server.address(self._assignment.environ)
        return server


def _lasting(config: Config) -> object:
    """What of a gateway stays as it was at the start, whatever is read again."""
    if config.gateway is None:
        return None
    return structs.replace(config.gateway, policies=()), config.gateway_workspace, config.cluster
