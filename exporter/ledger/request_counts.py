"""Requests to Hex: counted by answer and, for pacing after a restart, by the minute, with the cool-down."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import Table, delete, select

from exporter.ledger.histograms import Amounts, observed
from exporter.ledger.schema import CALLER_REQUESTS, REQUESTS, WORKSPACES, upsert
from exporter.ledger.store import Store, Transaction

_MINUTE_MS = 60_000
_KEEP_MS = 2 * 3_600_000  # the longest pacing window is an hour
_FORGET_EVERY_MS = 3_600_000  # each minute would cost most requests a statement more


class RequestCounts:
    """One workspace's requests, minute by minute, and until when Hex wants none."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._forgotten_at_ms: dict[str, int] = {}
        self.load()

    def load(self) -> None:
        """Read the cool-down from the table."""
        wanted = select(WORKSPACES.c.cool_down_until_ms).where(WORKSPACES.c.workspace == self._workspace)
        with self._store.reading() as connection:
            self._cool_down_until_ms: int | None = connection.execute(wanted).scalar()

    @property
    def cool_down_until_ms(self) -> int | None:
        """Until when Hex wants no request, None if it never said so."""
        return self._cool_down_until_ms

    def set_cool_down(self, transaction: Transaction, until_ms: int) -> None:
        """Remember until when Hex wants no request."""
        row = {"workspace": self._workspace, "cool_down_until_ms": until_ms}
        upsert(transaction.connection, WORKSPACES, [row])
        transaction.after_commit(lambda: setattr(self, "_cool_down_until_ms", until_ms))

    def record(self, transaction: Transaction, sent_ms: Collection[int], *, for_caller: bool = False) -> None:
        """Add each request to its minute, and once an hour forget those that no window reaches."""
        for minute_ms, count in Counter(one - one % _MINUTE_MS for one in sent_ms).items():
            for table in (REQUESTS, CALLER_REQUESTS) if for_caller else (REQUESTS,):
                upsert(
                    transaction.connection,
                    table,
                    [{"workspace": self._workspace, "minute_ms": minute_ms, "count": count}],
                    add=["count"],
                )
                self._forget_old(transaction, table, minute_ms)

    def _forget_old(self, transaction: Transaction, table: Table, minute_ms: int) -> None:
        if abs(minute_ms - self._forgotten_at_ms.get(table.name, -_FORGET_EVERY_MS)) >= _FORGET_EVERY_MS:
            transaction.connection.execute(
                delete(table).where(table.c.workspace == self._workspace, table.c.minute_ms < minute_ms - _KEEP_MS)
            )
            self._forgotten_at_ms[table.name] = minute_ms  # where this is undone, the next time forgets as much

    def by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes in which requests left, the one of `since_ms` included, and how many each, in order."""
        return self._by_minute(REQUESTS, since_ms)

    def of_callers_by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """As `by_minute`, only those that were sent on for callers."""
        return self._by_minute(CALLER_REQUESTS, since_ms)

    def _by_minute(self, table: Table, since_ms: int) -> list[tuple[int, int]]:
        wanted = select(table.c.minute_ms, table.c.count).where(
            table.c.workspace == self._workspace, table.c.minute_ms > since_ms - _MINUTE_MS
        )
        with self._store.reading() as connection:
            return [(at_ms, count) for at_ms, count in connection.execute(wanted.order_by(table.c.minute_ms))]


def exchange_amounts(endpoint: str, code: str, seconds: float) -> Amounts:
    """What one exchange adds to the counters of the API."""
    amounts: Amounts = {("hex_api_requests_total", (endpoint, code)): 1}
    amounts["hex_api_rate_limited_total", (endpoint,)] = int(code == "429")
    return amounts | observed("hex_api_request_duration_seconds", (endpoint,), round(seconds * 1000))
