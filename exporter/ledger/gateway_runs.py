"""The runs that the gateway sent, for whom, and how each went on: written before they are sent, so none is lost."""

import heapq
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Row, delete, select, update

from exporter.ledger.codec import storable
from exporter.ledger.gateway_requests import GatewayRequestRepository, RequestKey
from exporter.ledger.gateway_schema import GATEWAY_ATTACHED, GATEWAY_RUNS, GATEWAY_STARTERS
from exporter.ledger.key_values import KeyValues
from exporter.ledger.schema import upsert
from exporter.ledger.store import Store, Transaction

KEEP_MS = 30 * 86_400_000
"""How long a run of the gateway is known."""

MOST_STARTERS = 10_000
"""How many callers and projects are remembered; the one that started something longest ago is evicted."""

_SECRET = "gateway.secret"  # noqa: S105  # the name of a note, not what it says
_SECRET_BYTES = 32

RunState = Literal["intended", "started", "not_started", "unknown"]
"""Whether Hex started a run: it is about to be sent, yes, no, or that cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRun:
    """A run that the gateway sent, or was about to send.

    `caller` is a keyed hash. `source_key`, `source_digest` and `probe_finished_ms` are the state of the project's
    source, None where no state is known. `version` is the published one. `answer` is the JSON text with which Hex
    answered the start. `status`, `ended_ms` and `duration_ms` describe its end, None until that is known.
    `source_span` and `source_stamp` are those of the last probe before it was sent; `is_steady`: a probe after its end
    found the same stamp, so that nothing was written while it ran.
    """

    intent_id: str
    project_id: str
    fingerprint: str
    request: str
    caller: str
    source_key: str | None = None
    source_digest: str | None = None
    probe_finished_ms: int | None = None
    version: str
    is_sampled: bool = False
    sent_ms: int
    state: RunState = "intended"
    run_id: str | None = None
    answer: str | None = None
    status: str | None = None
    ended_ms: int | None = None
    duration_ms: int | None = None
    source_span: int | None = None
    source_stamp: str | None = None
    is_steady: bool = False


class GatewayRunRepository:
    """The gateway's part of one workspace. Any thread may write and read; `is_starter` never waits.

    Each method that writes is one transaction, and one step in the life of a run: `intend`, then `started` or
    `not_started`, then `finished`. `found` is the start of a run that was in doubt. `requests` keeps what was answered.
    """

    def __init__(self, store: Store, workspace: str, notes: KeyValues) -> None:
        self._store = store
        self._workspace = workspace
        self._notes = notes
        self._mine = GATEWAY_RUNS.c.workspace == workspace
        self.requests = GatewayRequestRepository(store, workspace)
        self._secret: str | None = None
        self._is_secret_kept = False
        self.load()

    def load(self) -> None:
        """Read who has started what from the table."""
        self._is_secret_kept = False
        starter = GATEWAY_STARTERS.c
        wanted = (
            select(starter.project_id, starter.caller)
            .where(starter.workspace == self._workspace)
            .order_by(starter.at_ms, starter.project_id, starter.caller)
        )
        with self._store.reading() as connection:
            starters = [(project_id, caller) for project_id, caller in connection.execute(wanted)]
        # In which order they are evicted, the lowest number first.
        self._starters = {starter: number for number, starter in enumerate(starters)}
        self._next_number = len(starters)

    def secret(self) -> bytes:
        """The key of the hashes of tokens, 32 random bytes: made once, then the same for the life of the ledger.

        A ledger that takes a damaged one's place takes its key over, with the names of callers that follow from it.
        """
        with self._store.transaction(self._workspace) as transaction:
            return bytes.fromhex(self._keep_secret(transaction))

    def _keep_secret(self, transaction: Transaction) -> str:
        if self._secret is None or not self._is_secret_kept:
            secret = self._notes.within(transaction, _SECRET)
            if secret is None:
                secret = self._secret or secrets.token_hex(_SECRET_BYTES)
                self._notes.write(transaction, _SECRET, secret)
            transaction.after_commit(lambda: self._secret_is_kept(secret))
            return str(secret)
        return self._secret

    def _secret_is_kept(self, secret: str) -> None:
        self._secret, self._is_secret_kept = secret, True

    def intend(self, run: GatewayRun, keys: Sequence[RequestKey] = ()) -> None:
        """Write down a run that is about to be sent, with the idempotency keys of the requests that wait for it.

        When this returns, a crash does not lose it.
        """
        row = {name: storable(value) if isinstance(value, str) else value for name, value in asdict(run).items()}
        with self._store.transaction(self._workspace) as transaction:
            self._keep_secret(transaction)
            upsert(transaction.connection, GATEWAY_RUNS, [{"workspace": self._workspace, **row}])
            self.requests.record_keys_within(transaction, keys)

    def steady(self, run_id: str) -> None:
        """Nothing was written to the run's source while it ran."""
        with self._store.transaction(self._workspace) as transaction:
            transaction.connection.execute(
                update(GATEWAY_RUNS)
                .where(self._mine, GATEWAY_RUNS.c.run_id == storable(run_id))
                .values({"is_steady": True})
            )

    def started(self, run: GatewayRun, at_ms: int) -> None:
        """Hex has started the run, whose `run_id` and `answer` are known by now; `status`, if it is over already.

        Its caller holds it once, and is known to have been let start the project.
        """
        assert run.run_id is not None
        values = {"state": "started", "run_id": storable(run.run_id), "answer": storable(run.answer or "")}
        ended_ms = None if run.status is None else at_ms
        with self._store.transaction(self._workspace) as transaction:
            self._update(transaction, run.intent_id, values | {"status": run.status, "ended_ms": ended_ms})
            if run.status is None:
                self._attach(transaction, {(run.run_id, run.caller): 1}, at_ms)
            self._record_starter(transaction, (storable(run.project_id), storable(run.caller)), at_ms)

    def found(self, intent_id: str, run_id: str, answer: str = "") -> None:
        """A run that was in doubt is this one; Hex's answer to its start is lost, `answer` stands in for it."""
        values = {"state": "started", "run_id": storable(run_id), "answer": storable(answer)}
        with self._store.transaction(self._workspace) as transaction:
            self._update(transaction, intent_id, values)

    def not_started(self, intent_id: str, state: Literal["not_started", "unknown"]) -> None:
        """Hex has not started the run, or it cannot be known."""
        with self._store.transaction(self._workspace) as transaction:
            self._update(transaction, intent_id, {"state": state})

    def finished(self, run_id: str, status: str, ended_ms: int | None, duration_ms: int | None) -> None:
        """How and when a run of the gateway ended; no caller holds it any more. Nothing for a run of others."""
        end = {"status": storable(status), "ended_ms": ended_ms, "duration_ms": duration_ms}
        with self._store.transaction(self._workspace) as transaction:
            transaction.connection.execute(
                update(GATEWAY_RUNS).where(self._mine, GATEWAY_RUNS.c.run_id == storable(run_id)).values(end)
            )
            self._detach_all(transaction, run_id)

    def attach(self, counts: Mapping[tuple[str, str], int], at_ms: int) -> None:
        """How many requests of a caller (a keyed hash) hold a running run, by run and caller.

        0 is kept too, for a caller that has released the run: its right to cancel it is used up.
        """
        with self._store.transaction(self._workspace) as transaction:
            self._attach(transaction, counts, at_ms)

    def attached(self) -> dict[str, dict[str, int]]:
        """How many requests hold each running run, by run and caller."""
        columns = GATEWAY_ATTACHED.c
        wanted = (
            select(columns.run_id, columns.caller, columns.count)
            .where(columns.workspace == self._workspace)
            .order_by(columns.run_id, columns.caller)
        )
        found: dict[str, dict[str, int]] = {}
        with self._store.reading() as connection:
            for run_id, caller, count in connection.execute(wanted):
                found.setdefault(run_id, {})[caller] = count
        return found

    def detach_all(self, run_id: str) -> None:
        """No caller holds the run any more, though its end has not been seen."""
        with self._store.transaction(self._workspace) as transaction:
            self._detach_all(transaction, run_id)

    def runs(self, since_ms: int) -> tuple[GatewayRun, ...]:
        """The runs that were sent since then, in that order."""
        sent = GATEWAY_RUNS.c.sent_ms
        wanted = select(GATEWAY_RUNS).where(self._mine, sent >= since_ms).order_by(sent, GATEWAY_RUNS.c.intent_id)
        with self._store.reading() as connection:
            return tuple(_run(row) for row in connection.execute(wanted))

    def run(self, run_id: str) -> GatewayRun | None:
        """The run of this id, None if the gateway did not start it."""
        wanted = select(GATEWAY_RUNS).where(self._mine, GATEWAY_RUNS.c.run_id == storable(run_id)).limit(1)
        with self._store.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _run(row)

    def intent(self, intent_id: str) -> GatewayRun | None:
        """The run that was sent with this intent, None if there is none (any more)."""
        wanted = select(GATEWAY_RUNS).where(self._mine, GATEWAY_RUNS.c.intent_id == intent_id)
        with self._store.reading() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else _run(row)

    def is_starter(self, project_id: str, caller: str) -> bool:
        """Whether Hex is known to have let this caller start this project."""
        return (storable(project_id), storable(caller)) in self._starters

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Delete the runs that were sent before then, who held a run, and what was answered before then."""
        attached = GATEWAY_ATTACHED.c
        self.requests.prune(transaction, before_ms)
        transaction.connection.execute(delete(GATEWAY_RUNS).where(self._mine, GATEWAY_RUNS.c.sent_ms < before_ms))
        transaction.connection.execute(
            delete(GATEWAY_ATTACHED).where(attached.workspace == self._workspace, attached.at_ms < before_ms)
        )

    def _detach_all(self, transaction: Transaction, run_id: str) -> None:
        attached = GATEWAY_ATTACHED.c
        transaction.connection.execute(
            delete(GATEWAY_ATTACHED).where(attached.workspace == self._workspace, attached.run_id == storable(run_id))
        )

    def _attach(self, transaction: Transaction, counts: Mapping[tuple[str, str], int], at_ms: int) -> None:
        rows = [
            {
                "workspace": self._workspace,
                "run_id": storable(run_id),
                "caller": storable(caller),
                "count": count,
                "at_ms": at_ms,
            }
            for (run_id, caller), count in counts.items()
        ]
        upsert(transaction.connection, GATEWAY_ATTACHED, rows)

    def _record_starter(self, transaction: Transaction, starter: tuple[str, str], at_ms: int) -> None:
        """Hex has let this caller start this project."""
        upsert(transaction.connection, GATEWAY_STARTERS, [self._starter_row(starter) | {"at_ms": at_ms}])
        oldest = self._oldest_beside(starter)
        columns = GATEWAY_STARTERS.c
        for one in oldest:
            transaction.connection.execute(
                delete(GATEWAY_STARTERS).where(
                    *(columns[name] == value for name, value in self._starter_row(one).items())
                )
            )
        transaction.after_commit(lambda: self._mirror(starter, oldest))

    def _update(self, transaction: Transaction, intent_id: str, values: Mapping[str, object]) -> None:
        transaction.connection.execute(
            update(GATEWAY_RUNS).where(self._mine, GATEWAY_RUNS.c.intent_id == intent_id).values(values)
        )

    def _oldest_beside(self, starter: tuple[str, str]) -> list[tuple[str, str]]:
        """Who is evicted for this one."""
        excess = len(self._starters) + (starter not in self._starters) - MOST_STARTERS
        others = (one for one in self._starters if one != starter)
        return heapq.nsmallest(excess, others, key=self._starters.__getitem__) if excess > 0 else []

    def _starter_row(self, starter: tuple[str, str]) -> dict[str, object]:
        project_id, caller = starter
        return {"workspace": self._workspace, "project_id": project_id, "caller": caller}

    def _mirror(self, starter: tuple[str, str], oldest: list[tuple[str, str]]) -> None:
        # Runs under the store's turn: one thread at a time, while others look up.
        self._starters[starter] = self._next_number
        self._next_number += 1
        for one in oldest:
            del self._starters[one]


def _run(row: Row[tuple[object, ...]]) -> GatewayRun:
    return GatewayRun(
        intent_id=row.intent_id,
        project_id=row.project_id,
        fingerprint=row.fingerprint,
        request=row.request,
        caller=row.caller,
        source_key=row.source_key,
        source_digest=row.source_digest,
        probe_finished_ms=row.probe_finished_ms,
        version=row.version,
        is_sampled=row.is_sampled,
        sent_ms=row.sent_ms,
        state=row.state,
        run_id=row.run_id,
        answer=row.answer,
        status=row.status,
        ended_ms=row.ended_ms,
        duration_ms=row.duration_ms,
        source_span=row.source_span,
        source_stamp=row.source_stamp,
        is_steady=bool(row.is_steady),
    )
