"""What the gateway answered to run requests: the runs that idempotency keys were given, and the latest decisions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select

from exporter.ledger.codec import storable
from exporter.ledger.gateway_schema import GATEWAY_DECISIONS, GATEWAY_KEYS
from exporter.ledger.schema import upsert
from exporter.ledger.store import Store, Transaction

MOST_DECISIONS = 10_000
"""How many of the latest decisions are kept."""

MOST_KEYS = 10_000
"""How many idempotency keys are kept; the oldest are evicted."""

KEEP_KEYS_MS = 86_400_000
"""How long an idempotency key is known: a day, longer than any client repeats a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """An idempotency key: its hash with the caller's name, the digest of the request, and the run that it was given."""

    key: str
    request: str
    intent_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDecision:
    """What was answered to one run request, and why in a sentence. `caller` is a keyed hash."""

    at_ms: int
    project_id: str
    caller: str
    outcome: str
    reason: str
    run_id: str | None = None


class GatewayRequestRepository:
    """The requests of one workspace. Any thread may write and read."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def record_keys(self, keys: Sequence[RequestKey]) -> None:
        """Requests with these idempotency keys were given these runs."""
        with self._store.transaction(self._workspace) as transaction:
            self.record_keys_within(transaction, keys)

    def keys(self, since_ms: int) -> tuple[RequestKey, ...]:
        """The idempotency keys since then, the oldest first."""
        key = GATEWAY_KEYS.c
        wanted = (
            select(GATEWAY_KEYS)
            .where(key.workspace == self._workspace, key.at_ms >= since_ms)
            .order_by(key.at_ms, key.key)
        )
        with self._store.reading() as connection:
            return tuple(
                RequestKey(key=row.key, request=row.request, intent_id=row.intent_id, at_ms=row.at_ms)
                for row in connection.execute(wanted)
            )

    def record_decisions(self, decisions: Sequence[GatewayDecision]) -> None:
        """Keep what was answered to run requests, in this order, and forget all but the latest MOST_DECISIONS."""
        decision = GATEWAY_DECISIONS.c
        mine = decision.workspace == self._workspace
        with self._store.transaction(self._workspace) as transaction:
            last = transaction.connection.execute(select(func.max(decision.number)).where(mine)).scalar() or 0
            rows = [self._row(one) | {"number": number} for number, one in enumerate(decisions, last + 1)]
            upsert(transaction.connection, GATEWAY_DECISIONS, rows)
            beyond = last + len(rows) - MOST_DECISIONS
            transaction.connection.execute(delete(GATEWAY_DECISIONS).where(mine, decision.number <= beyond))

    def decisions(self, since_ms: int = 0, project_id: str | None = None) -> tuple[GatewayDecision, ...]:
        """What was answered to run requests since then, of one project if one is given, in order."""
        decision = GATEWAY_DECISIONS.c
        wanted = (
            select(GATEWAY_DECISIONS)
            .where(decision.workspace == self._workspace, decision.at_ms >= since_ms)
            .order_by(decision.number)
        )
        if project_id is not None:
            wanted = wanted.where(decision.project_id == storable(project_id))
        with self._store.reading() as connection:
            return tuple(
                GatewayDecision(
                    at_ms=row.at_ms,
                    project_id=row.project_id,
                    caller=row.caller,
                    outcome=row.outcome,
                    reason=row.reason,
                    run_id=row.run_id,
                )
                for row in connection.execute(wanted)
            )

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Delete what was answered before then."""
        for table in (GATEWAY_DECISIONS, GATEWAY_KEYS):
            old = table.c.at_ms < before_ms
            transaction.connection.execute(delete(table).where(table.c.workspace == self._workspace, old))

    def record_keys_within(self, transaction: Transaction, keys: Sequence[RequestKey]) -> None:
        """As `record_keys`, as a part of another step."""
        rows = [self._row(one) for one in keys]
        if not rows:
            return
        key = GATEWAY_KEYS.c
        mine = key.workspace == self._workspace
        connection = transaction.connection
        upsert(connection, GATEWAY_KEYS, rows)
        connection.execute(delete(GATEWAY_KEYS).where(mine, key.at_ms < max(one.at_ms for one in keys) - KEEP_KEYS_MS))
        kept = select(key.key).where(mine).order_by(key.at_ms.desc()).limit(MOST_KEYS)
        if (connection.execute(select(func.count()).where(mine)).scalar() or 0) > MOST_KEYS:
            connection.execute(delete(GATEWAY_KEYS).where(mine, key.key.not_in(kept)))

    def _row(self, fact: RequestKey | GatewayDecision) -> dict[str, object]:
        texts = {name: storable(value) if isinstance(value, str) else value for name, value in asdict(fact).items()}
        return {"workspace": self._workspace, **texts}
