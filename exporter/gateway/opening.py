"""Making a gateway: once the ledger has been read, with all its parts."""

import structlog

from exporter.config import Config
from exporter.errors import LedgerError
from exporter.gateway.cache.budget_use import braked_series
from exporter.gateway.context import GatewayContext, GatewayHost
from exporter.gateway.gateway import Gateway, Inherited
from exporter.gateway.journal import Journal
from exporter.gateway.routing.target import OWN_LIMITS, Operation
from exporter.gateway.runs.active_run import LEASE_SECONDS
from exporter.gateway.upstream.caller_holds import CallerHolds, Limit
from exporter.gateway.upstream.upstream import Upstream
from exporter.ledger import KEEP_KEYS_MS, KEEP_MS

_HELD_UNTIL_MS = "gateway_held_until_ms"
"""The key in the ledger under which is kept until when Hex wants nothing more of which caller."""

_RETRY_SECONDS = 5.0
_SHORTEST_MEMORY_SECONDS = 86_400.0
"""How far back results are read at least: a policy that is loaded later may allow as much by default."""

_log = structlog.get_logger()


async def open_gateway(config: Config, host: GatewayHost) -> Gateway:
    """The gateway of the configured workspace, which knows what an earlier process left.

    Waits, and tries again, for as long as the ledger cannot be read or written.
    """
    assert config.gateway is not None
    journal = Journal(host.ledger, host.clock)
    settings = config.gateway.run_limits
    limits: dict[str, Limit] = {operation: (per_minute, None) for operation, per_minute in OWN_LIMITS.items()}
    limits[Operation.RUN_PROJECT] = settings.per_minute, settings.per_hour
    holds = CallerHolds(host.clock, host.rng, limits, lambda kept: journal.keep(_HELD_UNTIL_MS, kept))
    try:
        while (inherited := await _read(config, host, journal, holds)) is None:
            await host.clock.sleep(_RETRY_SECONDS)
    except BaseException:
        await journal.aclose()
        raise
    context = GatewayContext(
        base_url=config.gateway_workspace.base_url,
        patience_seconds=config.gateway.queue.wait_seconds,
        ledger=host.ledger,
        journal=journal,
        upstream=Upstream(
            host.pace, holds, journal, host.clock, route=config.gateway_workspace, transport=host.transport
        ),
        pace=host.pace,
        clock=host.clock,
        rng=host.rng,
        expect_run=host.expect_run,
        probe_source=host.probe_source,
        budgets_used=host.budgets_used,
    )
    return Gateway(context, config, inherited)


async def _read(config: Config, host: GatewayHost, journal: Journal, holds: CallerHolds) -> Inherited | None:
    """What an earlier process left; None if the ledger cannot be read now."""
    ledger, now_ms = host.ledger, round(host.clock.now() * 1000)
    try:
        secret = await journal.write(ledger.gateway.secret)
        await journal.write(ledger.foresee_gateway, now_ms)
        await journal.write(ledger.foresee, "hex_gateway_braked_total", braked_series(config), now_ms)
        runs = await journal.read(ledger.gateway.runs, now_ms - _longest_ms(config))
        attached = await journal.read(ledger.gateway.attached)
        keys = await journal.read(ledger.gateway.requests.keys, now_ms - KEEP_KEYS_MS)
        holds.restore(await journal.read(ledger.value, _HELD_UNTIL_MS))
    except LedgerError as error:
        _log.warning("The gateway waits for the ledger", reason=str(error))
        return None
    return Inherited(secret=secret, runs=runs, attached=attached, keys=keys)


def _longest_ms(config: Config) -> int:
    """How far back a run can matter: as long as a result may be given, or a run may run."""
    assert config.gateway is not None
    policies = config.gateway.policies
    ages = [policy.max_age_seconds for policy in policies]
    ages += [one.when_budget_spent.max_stale_seconds or 0.0 for one in policies if one.when_budget_spent is not None]
    return min(round(max([_SHORTEST_MEMORY_SECONDS, LEASE_SECONDS, *ages]) * 1000), KEEP_MS)
