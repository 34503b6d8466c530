"""The run gateway beside the exporter: bound at once, open when the ledger is, closed before the ledger closes."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

import structlog

from exporter.check import gateway_web_file
from exporter.config import Config, Route, UnfitError, normal_advertised
from exporter.errors import ConfigError, ConfigProblem, LedgerError
from exporter.gateway import App, ClusterView, Gateway, GatewayHost, OwnerForwarding, open_gateway
from exporter.ledger import WorkspaceLedger
from exporter.service.follower import Follower
from exporter.service.settings import cluster_secret
from exporter.web import Address, ConnectionLimits, Server

_HEX_SECONDS = 120.0
"""What an answer may take beyond the wait in the queue: the caller's rights are checked and the run is sent."""

_AGREED_WITHIN_SECONDS = 15.0
_CONNECTIONS = 1024
_HEAD_BYTES = 32 * 1024
_STOP_SECONDS = 0.5

_log = structlog.get_logger()


class GatewayServer:
    """The gateway on an address of its own, in the event loop of `serve`; it asks Hex at the follower's pace."""

    def __init__(self, config: Config, follower: Follower) -> None:
        """Not yet bound. Raises ConfigError for an address or a web file that cannot be used."""
        assert config.gateway is not None
        self._config = config
        self._name = config.gateway_workspace.name
        self._follower = follower
        self._clock = follower.clock_of(self._name)
        self._app = App()
        self._gateway: Gateway | None = None
        self._working: asyncio.Task[None] | None = None
        settings = config.gateway
        self._forwarding = self._make_forwarding(config)
        self._server = Server(
            self._forwarding or self._app,
            listen=[settings.listen_address],
            web_file=gateway_web_file(settings),
            limits=ConnectionLimits(
                answer_seconds=settings.queue.wait_seconds + _HEX_SECONDS,
                connections=_CONNECTIONS,
                head_bytes=_HEAD_BYTES,
            ),
            takes_whole_urls=False,
            answers_half_closed=False,
        )

    def address(self, environ: Mapping[str, str]) -> str:
        """Where other replicas reach it, empty if that is not configured. Raises ConfigError."""
        cluster = self._config.cluster
        if cluster is None:
            return ""
        advertised = cluster.advertise
        if cluster.advertise_env is not None:
            try:
                advertised = normal_advertised(environ.get(cluster.advertise_env, ""))
            except UnfitError as unfit:
                raise ConfigError(ConfigProblem(cluster.advertise_env, str(unfit))) from None
        return "" if advertised is None else f"{self._server.scheme}://{advertised}"

    def bind(self) -> Address:
        """Take the address and return it as it is; raises ConfigError if it cannot be had."""
        try:
            return self._server.bind()[0]
        except ConfigError as error:
            # The server knows only the flag for its own address.
            said = (ConfigProblem("gateway.listen_address", one.message) for one in error.problems)
            raise ConfigError(*said) from None

    def assign(self, config: Config) -> None:
        """Go by the policies and sources of this configuration from now on. For the event loop that serves."""
        self._config = config
        if self._gateway is not None:
            self._gateway.assign(config)

    async def serve(self, stop: asyncio.Event) -> None:
        """Serve until the event is set; what was under way then is given up and written down."""
        working = asyncio.ensure_future(self._work())
        try:
            await self._server.serve(stop)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            if self._forwarding is not None:
                await self._forwarding.aclose()

    def _make_forwarding(self, config: Config) -> OwnerForwarding | None:
        secret = cluster_secret(config)
        if config.cluster is None or secret is None or config.gateway is None:
            return None
        view = ClusterView(
            is_open=lambda: self._app.is_open,
            owner_address=self._owner_address,
            secret=secret,
            wait_seconds=config.gateway.queue.wait_seconds,
        )
        return OwnerForwarding(self._app, view, route=Route(ca_file=config.cluster.ca_file))

    def _owner_address(self) -> str | None:
        """Where the gateway of the workspace's owner is, None if that is not known, or this one."""
        standing = self._follower.standing
        owner = None if standing is None else standing.board.owner(self._name)
        return None if owner is None or owner.name == self._follower.replica else owner.address or None

    async def _work(self) -> None:
        with suppress(LedgerError):  # without a ledger the process ends and says why
            ledger = await asyncio.wrap_future(self._follower.followed)
            loop, changed = asyncio.get_running_loop(), asyncio.Event()

            def look() -> None:
                loop.call_soon_threadsafe(changed.set)

            self._follower.on_owners.append(look)
            self._follower.leaving[self._name] = lambda: asyncio.run_coroutine_threadsafe(self._leave(), loop)
            while True:
                changed.clear()
                if self._follower.owns(self._name):
                    self._working = asyncio.ensure_future(self._work_with(ledger.workspace(self._name)))
                    try:
                        await asyncio.wait({self._working})
                    finally:
                        await self._leave()
                await changed.wait()

    async def _leave(self) -> None:
        """Close the gateway, because the process ends or another replica is to own the workspace."""
        if self._working is not None and not self._working.done():
            self._working.cancel()
            await asyncio.wait({self._working})

    async def _work_with(self, ledger: WorkspaceLedger) -> None:
        if self._clock.is_doubtful:
            # How old its runs are would be a guess; where Hex does not answer, it is one after a few seconds.
            await self._clock.agreed(_AGREED_WITHIN_SECONDS)
        host = GatewayHost(
            ledger=ledger,
            pace=lambda: self._follower.pace(self._name),
            clock=self._clock,
            rng=random.Random(),  # noqa: S311 - jitter
            expect_run=lambda project_id: self._follower.expect_run(self._name, project_id),
            budgets_used=lambda: self._follower.budgets_used.get(self._name, {}),
            probe_source=lambda key: asyncio.wrap_future(self._follower.probe_source(self._name, key)),
        )
        try:
            gateway = await open_gateway(self._config, host)
            gateway.assign(self._config)  # which may have been reloaded meanwhile
            self._gateway = gateway
            self._follower.gateways[self._name] = lambda: gateway.state
            loop = asyncio.get_running_loop()
            self._follower.starters[self._name] = lambda request: asyncio.run_coroutine_threadsafe(
                gateway.trigger(request), loop
            )
            self._app.open(gateway)
            await gateway.run()
        except Exception:
            _log.exception("The gateway has stopped")
        finally:
            self._app.close()
            self._follower.gateways.pop(self._name, None)
            self._follower.starters.pop(self._name, None)
            if self._gateway is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._gateway.aclose(), _STOP_SECONDS)
                self._gateway = None
