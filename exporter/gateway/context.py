"""What is given to a gateway, and what its parts share: the ledger, the way to Hex, and time."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from exporter.clock import Clock
from exporter.gateway.journal import Journal
from exporter.gateway.upstream.upstream import Upstream
from exporter.hexapi import Pace
from exporter.insight import Period
from exporter.ledger import WorkspaceLedger


def _ignore(project_id: str) -> None:
    """The default of `expect_run`."""


def _nothing_used() -> Mapping[str, tuple[Period, float]]:
    """The default of `budgets_used`."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHost:
    """What the process gives to its gateway.

    `pace` returns the workspace's pacing authority of this moment; `expect_run` is called with the id of each project
    whose runs should be read soon; `probe_source` probes the source with a key now, and says whether that found its
    state, which is recorded by then (None: sources are probed only on their intervals); `budgets_used` returns what is
    shown as used of each budget, by name, with the period that it is of.
    """

    ledger: WorkspaceLedger
    pace: Callable[[], Pace]
    clock: Clock
    rng: random.Random
    expect_run: Callable[[str], None] = _ignore
    probe_source: Callable[[str], Awaitable[bool]] | None = None
    budgets_used: Callable[[], Mapping[str, tuple[Period, float]]] = _nothing_used
    transport: httpx.AsyncBaseTransport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """What the parts of one gateway share.

    `base_url` is where Hex's API begins (`https://app.hex.tech/api/v1`). `patience_seconds`: how long a request waits
    at most before it is sent away.
    """

    base_url: str
    patience_seconds: float
    ledger: WorkspaceLedger
    journal: Journal
    upstream: Upstream
    pace: Callable[[], Pace]
    clock: Clock
    rng: random.Random
    expect_run: Callable[[str], None] = _ignore
    probe_source: Callable[[str], Awaitable[bool]] | None = None
    budgets_used: Callable[[], Mapping[str, tuple[Period, float]]] = _nothing_used

    def now_ms(self) -> int:
        """The wall clock, in epoch milliseconds."""
        return round(self.clock.now() * 1000)
