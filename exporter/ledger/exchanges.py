"""Requests to Hex: counted by answer and, for pacing after a restart, by the minute."""

from sqlalchemy import delete, select

from exporter.ledger.histograms import Amounts, observed
from exporter.ledger.schema import REQUESTS, upsert
from exporter.ledger.store import Store, Transaction

_MINUTE_MS = 60_000
_KEEP_MS = 2 * 3_600_000  # the longest pacing window is an hour


class Exchanges:
    """One workspace's requests, minute by minute."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._mine = REQUESTS.c.workspace == workspace

    def record(self, transaction: Transaction, sent_ms: int) -> None:
        """Add one request to its minute, and forget those that no window reaches."""
        upsert(
            transaction.connection,
            REQUESTS,
            [{"workspace": self._workspace, "minute_ms": sent_ms - sent_ms % _MINUTE_MS, "count": 1}],
            add=["count"],
        )
        transaction.connection.execute(delete(REQUESTS).where(self._mine, REQUESTS.c.minute_ms < sent_ms - _KEEP_MS))

    def by_minute(self, since_ms: int) -> list[tuple[int, int]]:
        """The minutes in which requests left, the one of `since_ms` included, and how many each, in order."""
        minute = REQUESTS.c.minute_ms
        wanted = select(minute, REQUESTS.c.count).where(self._mine, minute > since_ms - _MINUTE_MS)
        with self._store.reading() as connection:
            return [(at_ms, count) for at_ms, count in connection.execute(wanted.order_by(minute))]


def exchange_amounts(endpoint: str, code: str, seconds: float) -> Amounts:
    """What one exchange adds to the counters of the API."""
    amounts: Amounts = {("hex_api_requests_total", (endpoint, code)): 1}
    amounts["hex_api_rate_limited_total", (endpoint,)] = int(code == "429")
    return amounts | observed("hex_api_request_duration_seconds", (endpoint,), round(seconds * 1000))


def endpoint_series(endpoint: str) -> Amounts:
    """The series that can be foreseen for an endpoint, all at 0."""
    amounts: Amounts = {("hex_api_requests_total", (endpoint, "200")): 0}
    amounts["hex_api_rate_limited_total", (endpoint,)] = 0
    return amounts | observed("hex_api_request_duration_seconds", (endpoint,), None)
