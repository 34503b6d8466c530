"""Reading whole listings: page by page in memory, into the ledger only when the last page has come."""

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import TypeVar

from exporter.config import Collect, listings_seconds
from exporter.facts import Connection, Group, Identity, Project, Seat, Thread
from exporter.hexapi import Endpoint, ListingWalk, Page
from exporter.ledger import Listing, WorkspaceLedger
from exporter.polling.due_times import HOUR_MS, MINUTE_MS
from exporter.polling.planner import ListingOutlook

Item = TypeVar("Item")

LISTINGS = (
    Endpoint.PROJECTS,
    Endpoint.ME,
    Endpoint.CONNECTIONS,
    Endpoint.USERS,
    Endpoint.GROUPS,
    Endpoint.THREADS,
)
"""In the order in which they are first read."""

_SHORTEST_MS = {
    Endpoint.PROJECTS: MINUTE_MS,
    Endpoint.ME: HOUR_MS,
    Endpoint.CONNECTIONS: HOUR_MS,
    Endpoint.USERS: HOUR_MS,
    Endpoint.GROUPS: HOUR_MS,
    Endpoint.THREADS: 15 * MINUTE_MS,
}
_SHARE = {Endpoint.PROJECTS: 0.15, Endpoint.THREADS: 0.05}
_OTHER_SHARE = 0.02
_BAD_SHARE = 0.1
_MOST_BAD = 2  # one broken item in a small workspace is no broken listing
_LONGEST_MS = {Endpoint.PROJECTS: 15 * MINUTE_MS}
_OTHER_LONGEST_MS = 3 * HOUR_MS


def enabled_listings(collect: Collect) -> list[Endpoint]:
    """The listings that are read, in the order in which they are first read; who the token belongs to always is."""
    return [one for one in LISTINGS if one is Endpoint.ME or getattr(collect, one.value)]


def listing_intervals_ms(
    pages: Mapping[Endpoint, int], requests_per_hour: int, max_age_seconds: float
) -> dict[Endpoint, int]:
    """How long after a complete read of listings of so many pages the next one is due.

    Seldom enough to cost a small share of the requests, and at least twice in `max_age_seconds`, after which their
    gauges disappear, as far as half of the requests are enough for that; 0: they are not shown anyway.
    """
    usual = {one: _usual_interval_ms(one, count, requests_per_hour) for one, count in pages.items()}
    if not max_age_seconds:
        return usual
    in_time_ms = round(1000 * max(max_age_seconds / 2, listings_seconds(sum(pages.values()), requests_per_hour)))
    return {one: min(interval_ms, in_time_ms) for one, interval_ms in usual.items()}


def _usual_interval_ms(endpoint: Endpoint, pages: int, requests_per_hour: int) -> int:
    """Never longer than a quarter of an hour for projects, three hours for the rest."""
    share = _SHARE.get(endpoint, _OTHER_SHARE)
    wanted_ms = int(HOUR_MS * pages / (requests_per_hour * share))
    longest_ms = max(_LONGEST_MS.get(endpoint, _OTHER_LONGEST_MS), _SHORTEST_MS[endpoint])
    return min(max(wanted_ms, _SHORTEST_MS[endpoint]), longest_ms)


def _unreadable(walk: ListingWalk) -> str | None:
    """Why so many items cannot be read that the listing is no success, None if it is one."""
    bad, all_items = len(walk.bad), len(walk.bad) + len(walk.items)
    if not bad or (len(walk.items) and (bad < _MOST_BAD or bad <= _BAD_SHARE * all_items)):
        return None
    return f"{bad} of {all_items} items cannot be read"


def _kept(
    items: tuple[Item, ...],
    before: Listing[Item] | None,
    unreadable: Collection[str] | None,
    id_of: Callable[[Item], str],
) -> tuple[Item, ...]:
    """The items with those of the listing before that may be among the unreadable ones (None: any of them)."""
    if before is None:
        return items
    found = {id_of(one) for one in items}
    missing = (one for one in before.items if id_of(one) not in found)
    return (*items, *(one for one in missing if unreadable is None or id_of(one) in unreadable))


class ListingReader:
    """The listings of one workspace: which are due, which are being read, and what they said when complete."""

    def __init__(
        self, ledger: WorkspaceLedger, enabled: Collection[Endpoint], requests_per_hour: int, max_age_seconds: float
    ) -> None:
        self._ledger = ledger
        self._max_age_seconds = max_age_seconds
        self._requests_per_hour = requests_per_hour
        self._walks: dict[Endpoint, ListingWalk] = {}
        self._pages: dict[Endpoint, int] = {}
        self._began_ms: dict[Endpoint, int] = {}
        self._due_ms = dict.fromkeys((one for one in LISTINGS if one in enabled), 0)

    def load(self, now_ms: int) -> None:
        """Have each listing due an interval after the ledger last took it in, but at the latest an interval from now.

        Raises LedgerError.
        """
        states = self._ledger.collectors()
        self._walks = {}
        for place, endpoint in enumerate(self._due_ms):
            state = states.get(endpoint.value)
            last_ms = None if state is None or not state.success else state.last_success_ms
            # Those that were never read are due since the epoch, in their order.
            due_ms = place if last_ms is None else min(last_ms, now_ms) + self._interval_ms(endpoint)
            self._due_ms[endpoint] = due_ms

    def outlooks(self, paused_until_ms: Callable[[Endpoint], int]) -> list[ListingOutlook]:
        """What the planner goes by, of every enabled listing."""
        return [
            ListingOutlook(
                endpoint=endpoint,
                due_ms=max(0 if endpoint in self._walks else due, paused),
                under_way=self._walks[endpoint].next if endpoint in self._walks else None,
            )
            for endpoint, due in self._due_ms.items()
            for paused in (paused_until_ms(endpoint),)
        ]

    @property
    def pages(self) -> dict[Endpoint, int]:
        """How many pages each enabled listing had when it was last read, one where it was not read yet."""
        return {endpoint: self._pages.get(endpoint, 1) for endpoint in self._due_ms}

    def is_under_way(self, endpoint: Endpoint) -> bool:
        """Whether some of its pages have come and some have not."""
        return endpoint in self._walks

    def take(self, page: Page, sent_ms: int, now_ms: int) -> str | None:
        """Add a page; at the listing's end it goes into the ledger. Returns why a listing was given up, if it was."""
        endpoint = page.request.endpoint
        walk = self._walks.setdefault(endpoint, ListingWalk(endpoint)) if page.request.after else ListingWalk(endpoint)
        self._walks[endpoint] = walk
        if page.request.after is None:
            self._began_ms[endpoint] = sent_ms
        walk.add(page)
        self._pages[endpoint] = self._pages.get(endpoint, 0) if page.request.after else 0
        self._pages[endpoint] += 1
        if walk.next is not None:
            return None
        del self._walks[endpoint]
        flaw = walk.flaw or _unreadable(walk)
        # What was made or grew while the pages came belongs to the next look: a listing is as old as its first page.
        at_ms = self._began_ms[endpoint]
        if walk.is_complete:
            self._store(endpoint, walk, at_ms)
        self._ledger.record_collector(endpoint.value, flaw is None, now_ms if flaw else at_ms, 200)
        self._due_ms[endpoint] = now_ms + self._interval_ms(endpoint)
        return flaw

    def give_up(self, endpoint: Endpoint) -> None:
        """Forget the pages that were read; the listing starts again from its first page."""
        self._walks.pop(endpoint, None)

    def _store(self, endpoint: Endpoint, walk: ListingWalk, at_ms: int) -> None:
        """Take a whole listing in. An item that cannot be read stays as it was known."""
        ids = [item.item_id for item in walk.bad]
        unreadable = None if None in ids else frozenset(one for one in ids if one is not None)
        match endpoint:
            case Endpoint.PROJECTS:
                self._store_projects(walk.only(Project), at_ms, ids, unreadable)
            case Endpoint.USERS:
                seats, before = walk.only(Seat), self._ledger.listing("users") if ids else None
                self._ledger.record_seats(_kept(seats, before, unreadable, attrgetter("user_id")), at_ms)
            case Endpoint.GROUPS:
                groups, known = walk.only(Group), self._ledger.listing("groups") if ids else None
                self._ledger.record_groups(_kept(groups, known, unreadable, attrgetter("group_id")), at_ms)
            case Endpoint.CONNECTIONS:
                found, kept = walk.only(Connection), self._ledger.listing("connections") if ids else None
                self._ledger.record_connections(_kept(found, kept, unreadable, attrgetter("connection_id")), at_ms)
            case Endpoint.THREADS:
                self._ledger.record_threads(walk.only(Thread), at_ms)
            case Endpoint.ME:
                for identity in walk.only(Identity):
                    self._ledger.record_identity(identity, at_ms)

    def _store_projects(
        self,
        projects: tuple[Project, ...],
        at_ms: int,
        bad_ids: Collection[str | None],
        unreadable: Collection[str] | None,
    ) -> None:
        """An unreadable item stands for a known project that the listing lacks, as far as there are any."""
        known = {one.project.project_id for one in self._ledger.projects()}
        missing = known.difference(one.project_id for one in projects)
        kept = len(missing if unreadable is None else missing.intersection(unreadable))
        self._ledger.record_projects(projects, at_ms, unreadable)
        self._ledger.record_unknown_projects(max(0, len(bad_ids) - kept))

    def _interval_ms(self, endpoint: Endpoint) -> int:
        return listing_intervals_ms(self.pages, self._requests_per_hour, self._max_age_seconds)[endpoint]
