"""Reads the pasts of all workspaces from a ledger, says what is missing from them, and waits until they are read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.facts import Run
from exporter.history.past import Past, read_past
from exporter.history.span import HOUR_MS, Span, span_of
from exporter.ledger import Ledger, open_ledger
from exporter.metrics import Collector, Status
from exporter.view import Snapshot

_LOOK_SECONDS = 2.0
"""How often a wait looks: often for a person, seldom for SQLite."""


def read_pasts(
    ledger: Ledger,
    config: Config,
    clock: Clock,
    days: int,
    *,
    watch: Callable[[str, Iterable[Run]], Iterable[Run]],
    warn: Callable[[str], None],
) -> list[Past]:
    """The past of each workspace that has one, at most so many days of it.

    The runs of a workspace, by its name, are read through `watch`; `warn` gets a sentence for each thing that is
    missing. Raises LedgerError where no workspace has a past.
    """
    pasts = list(_pasts(ledger, config, clock, days, watch, warn))
    if not pasts:
        raise LedgerError(
            f"{config.storage.url}: has no past to write: no run in it is older than three hours and than the first "
            "contact with Hex; let `hex-exporter serve` read the run history, then try again"
        )
    return pasts


async def wait_for_history(config: Config, clock: Clock, seconds: float, report: Callable[[int], None]) -> None:
    """Return once the history of every workspace is read, or the time is up.

    `report` gets, after each look, how many projects have a history that is not read yet.
    """
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        with suppress(LedgerError):
            unread, is_listed = _progress(config, clock)
            if is_listed and not unread:
                return
            report(unread)
        await clock.sleep(_LOOK_SECONDS)


def instant_text(at_ms: int) -> str:
    """An instant to the minute, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _pasts(
    ledger: Ledger,
    config: Config,
    clock: Clock,
    days: int,
    watch: Callable[[str, Iterable[Run]], Iterable[Run]],
    warn: Callable[[str], None],
) -> Iterator[Past]:
    for snapshot in _snapshots(ledger, config, clock):
        workspace = ledger.workspace(snapshot.name)
        contact_ms = workspace.first_contact_ms
        oldest = None if contact_ms is None else next(workspace.runs_between(0, contact_ms), None)
        if contact_ms is None or oldest is None or oldest.start_ms is None:
            continue
        span = span_of(contact_ms, oldest.start_ms, snapshot.now_ms, days)
        if span is None:
            continue
        for sentence in _missing(snapshot, span):
            warn(sentence)
        yield read_past(workspace, snapshot, span, oldest.start_ms, partial(watch, snapshot.name))


def _missing(snapshot: Snapshot, span: Span) -> Iterator[str]:
    """What the past of a workspace lacks."""
    unread = _unread_projects(snapshot)
    if unread:
        yield (
            f"Workspace {snapshot.name!r}: the history of {unread} projects is not read yet; their runs are missing, "
            "and with them every figure of a whole week."
        )
    if span.end_ms < span.contact_ms - HOUR_MS:
        yield (
            f"Workspace {snapshot.name!r}: the import ends three hours ago, at {instant_text(span.end_ms)}; runs from "
            f"then to first contact at {instant_text(span.contact_ms)} are counted in its last sample."
        )


def _progress(config: Config, clock: Clock) -> tuple[int, bool]:
    """How many projects have a history that is not read yet, and whether every workspace has been listed."""
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        snapshots = list(_snapshots(ledger, config, clock))
    finally:
        ledger.close()
    listed = [one for one in snapshots if one.listed_ms is not None]
    return sum(map(_unread_projects, snapshots)), len(listed) == len(config.workspaces)


def _snapshots(ledger: Ledger, config: Config, clock: Clock) -> Iterator[Snapshot]:
    """Each workspace as of now, by the skew of this machine's clock that was noted in the ledger."""
    wall_ms = round(clock.now() * 1000)
    skews_ms = {one.name: wall_ms - ledger.workspace(one.name).agreed_ms(wall_ms) for one in config.workspaces}
    return Collector(ledger, Status()).snapshots(config, wall_ms, skews_ms)


def _unread_projects(snapshot: Snapshot) -> int:
    """How many projects have a history that is not read to its start."""
    return sum(1 for known in snapshot.awaited if known.progress.known_from_ms != 0)
