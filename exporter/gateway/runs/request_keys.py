"""Which run the requests with an idempotency key were given: remembered for a day, and across restarts."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from exporter.errors import LedgerError
from exporter.gateway.cache.idempotency import IdempotencyKey
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import ActiveRun, RunState
from exporter.gateway.runs.registry import RunRegistry
from exporter.ledger import KEEP_KEYS_MS, MOST_KEYS, GatewayRun, RequestKey

GIVEN_BEFORE = "its idempotency key was given this run before"
OTHER_REQUEST = "its idempotency key is that of another request"
"""The reasons for two of the answers that follow from a key."""

_LOOK_SECONDS = 1.0
"""How often a request looks whether the run of its key has been found."""

_log = structlog.get_logger()


class KeyState(Enum):
    """Why a key has no run that could be given again."""

    NEW = auto()
    """It was not sent before, or no run came of it."""
    OTHER_REQUEST = auto()
    """It was sent with another request."""
    IN_DOUBT = auto()
    """Its run was sent, and it is not known yet whether Hex has started it."""
    UNKNOWN = auto()
    """Its run was sent, and whether Hex has started it will not be known."""


@dataclass(frozen=True, slots=True)
class GivenRun:
    """The run that a key was given, running or over."""

    run: GatewayRun


@dataclass(slots=True)
class _Entry:
    """What is known of a key: its request, and the run that it waits for or the intent of the one it was given."""

    request: str
    at_ms: int
    run: ActiveRun | None = None
    intent_id: str | None = None


class RequestKeys:
    """Remembers idempotency keys. Used on one event loop."""

    def __init__(self, context: GatewayContext, registry: RunRegistry, known: Iterable[RequestKey]) -> None:
        self._context = context
        self._registry = registry
        self._entries: OrderedDict[str, _Entry] = OrderedDict(
            (one.key, _Entry(one.request, one.at_ms, intent_id=one.intent_id)) for one in known
        )
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def turn(self, key: IdempotencyKey) -> AsyncIterator[None]:
        """Keep other requests with this key from being decided on meanwhile."""
        lock, waiting = self._turns.get(key.name, (asyncio.Lock(), 0))
        self._turns[key.name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns[key.name]
            self._turns[key.name] = lock, waiting - 1
            if waiting == 1:
                del self._turns[key.name]

    async def given(self, key: IdempotencyKey, give_up_at: float) -> GivenRun | ActiveRun | KeyState:
        """The run that the key was given; or one that it waits for, which this request now waits for too.

        Waits until `give_up_at`, by the steady clock, for a run in doubt to be found.
        """
        entry = self._entry(key)
        if entry is None:
            return KeyState.NEW
        if entry.request != key.request:
            return KeyState.OTHER_REQUEST
        run = entry.run or self._registry.sent(entry.intent_id or "")
        if run is not None:
            if self._registry.rejoin(run):
                return run
            while run.state is RunState.IN_DOUBT:
                if self._context.clock.monotonic() + _LOOK_SECONDS > give_up_at:
                    return KeyState.IN_DOUBT
                await self._context.clock.sleep(_LOOK_SECONDS)
        record = run.record if run is not None else await self._read(entry.intent_id)
        if record is None or record.state == "not_started":
            return KeyState.NEW
        if record.state == "started":
            return GivenRun(record)
        return KeyState.UNKNOWN

    def expect(self, key: IdempotencyKey | None, run: ActiveRun) -> None:
        """A request with this key waits for a run, which is written down with its intent."""
        if key is None:
            return
        run.waiting.keys.add(key)
        self._remember(key, _Entry(key.request, self._context.now_ms(), run=run))

    async def bind(self, key: IdempotencyKey | None, run: GatewayRun) -> None:
        """A request with this key is given a run; returns when that is written, or cannot be now."""
        if key is None:
            return
        entry = self._entries.get(key.name)
        if entry is not None and entry.intent_id == run.intent_id:
            return
        entry = _Entry(key.request, self._context.now_ms(), intent_id=run.intent_id)
        self._remember(key, entry)
        row = RequestKey(key=key.name, request=key.request, intent_id=run.intent_id, at_ms=entry.at_ms)
        requests = self._context.ledger.gateway.requests
        try:
            await self._context.journal.write(requests.record_keys, [row])
        except LedgerError as error:
            _log.warning("An idempotency key cannot be written", reason=str(error))

    def _entry(self, key: IdempotencyKey) -> _Entry | None:
        entry = self._entries.get(key.name)
        # The clock may have been put back: an entry of the future is kept.
        return entry if entry is not None and self._context.now_ms() - entry.at_ms < KEEP_KEYS_MS else None

    def _remember(self, key: IdempotencyKey, entry: _Entry) -> None:
        self._entries[key.name] = entry
        self._entries.move_to_end(key.name)
        while len(self._entries) > MOST_KEYS:
            self._entries.popitem(last=False)

    async def _read(self, intent_id: str | None) -> GatewayRun | None:
        return (
            None
            if intent_id is None
            else await self._context.journal.read(self._context.ledger.gateway.intent, intent_id)
        )
