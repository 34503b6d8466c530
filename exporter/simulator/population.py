"""The projects of the simulated workspace: a pure function of the seed and their number."""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.simulator.cadence import Cadence, cadences
from exporter.simulator.connections import Link
from exporter.simulator.event_times import DAY_MS, Calendar, Rhythm
from exporter.simulator.people import DEPARTMENTS, Staff, address
from exporter.simulator.project_mix import MIXTURE, SORTS, ZONES_MINUTES, Sort
from exporter.simulator.seeded_random import chance, identifier

PUBLISHES_SHARE = 0.4
"""How many edits are followed by a new published version."""

GONE_OWNER = address("Gil Former", "operations")
"""The owner of abandoned and inherited projects: no seat has this address any more."""

_OWNERLESS = frozenset({"abandoned", "inherited"})
_BESIDE = {"copy": "(copy)", "sibling": "US"}
"""What is added to the title of the project whose tables are used, too."""
_COPIED_AFTER_MS = 30 * DAY_MS

_SUBJECTS = {
    "marketing": ("Campaigns", "Attribution", "Newsletter", "Web traffic", "Leads", "Ad spend", "Landing pages"),
    "finance": ("Revenue", "Invoices", "Cash flow", "Budget", "Payroll", "Margins", "Refunds"),
    "product": ("Funnels", "Retention", "Feature use", "Experiments", "Onboarding", "Crashes", "Search"),
    "sales": ("Pipeline", "Orders", "Quotas", "Renewals", "Territories", "Discounts", "Accounts"),
    "operations": ("Inventory", "Deliveries", "Support load", "Suppliers", "Returns", "Warehouses", "Incidents"),
}
_FORMS = (
    "by region",
    "overview",
    "weekly report",
    "forecast",
    "deep dive",
    "by segment",
    "health check",
    "monitor",
    "for the board",
)
_STATUSES = ("Production", "Production", "In development", "Approved", None, "Deprecated")
_CATEGORIES = (
    ("Reporting", "Read by many"),
    ("Exploration", None),
    ("files", "Reads uploaded files"),
    ("trials", None),
)
COLLECTIONS = ("Company numbers", "Month end", "Experiments", "Getting started")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedProject:
    """One project, as far as it does not move with time; `sort` is the name of its entry in `SORTS`."""

    number: int
    project_id: str
    title: str
    description: str | None
    sort: str
    department: str
    owner_email: str
    creator_email: str
    status_name: str | None
    categories: tuple[tuple[str, str | None], ...]
    group_names: tuple[str, ...]
    collection_names: tuple[str, ...]
    created_ms: int
    published_ms: int | None
    archived_ms: int | None
    trashed_ms: int | None
    schedules: tuple[Cadence, ...]
    median_seconds: float
    failure_share: float
    connection: Link
    tables: tuple[str, ...]
    views: Rhythm | None
    edits: Rhythm | None
    api_runs: Rhythm | None
    refreshes: Rhythm | None
    source: Rhythm

    @property
    def is_component(self) -> bool:
        """Whether it is a component, which Hex lists only on request."""
        return SORTS[self.sort].state == "component"

    @property
    def is_unlisted(self) -> bool:
        """Whether newer states of the API list it only on request."""
        return SORTS[self.sort].state == "unlisted"

    @property
    def is_runnable(self) -> bool:
        """Whether a run can be started: published, not archived, not in the bin."""
        return self.published_ms is not None and self.archived_ms is None and self.trashed_ms is None


def populate(
    seed: int, number: int, anchor_ms: int, calendar: Calendar, staff: Staff, links: Sequence[Link]
) -> tuple[SimulatedProject, ...]:
    """So many projects, all of them made before `anchor_ms`."""
    found: list[SimulatedProject] = []
    for index in range(number):
        sort = MIXTURE[index % len(MIXTURE)]
        original = found[-1] if sort in ("copy", "sibling") else None
        found.append(_project(seed, index, sort, anchor_ms, calendar, staff, links, original))
    return tuple(found)


def plant(seed: int, anchor_ms: int, calendar: Calendar, staff: Staff, links: Sequence[Link]) -> SimulatedProject:
    """The extra project whose runs come every few seconds."""
    return _project(seed, -1, "plant", anchor_ms, calendar, staff, links, None)


def _project(
    seed: int,
    index: int,
    name: str,
    anchor_ms: int,
    calendar: Calendar,
    staff: Staff,
    links: Sequence[Link],
    original: SimulatedProject | None,
) -> SimulatedProject:
    """One project; with an `original` it has that one's tables, and a copy its schedules and title as well."""
    sort = SORTS[name]
    dice = chance(seed, "project", index)
    department = DEPARTMENTS[index % len(DEPARTMENTS)]
    owner = staff.authors[index % len(staff.authors)].email
    created_ms = anchor_ms - dice.randrange(200 * DAY_MS, 900 * DAY_MS)
    copied = original if name == "copy" else None
    if copied is not None:
        created_ms = copied.created_ms + _COPIED_AFTER_MS
    left_ms = anchor_ms - dice.randrange(10 * DAY_MS, 60 * DAY_MS)
    published = sort.state not in ("unpublished", "component")
    connection = _connection(sort, links, index)
    offset_minutes = ZONES_MINUTES[dice.randrange(len(ZONES_MINUTES))]
    # Those who run at six do so on one clock: that is what collides.
    offset_minutes = 60 if name == "six" else offset_minutes

    def rhythm(per_week: float, what: str) -> Rhythm | None:
        return Rhythm(calendar, per_week, seed, what, index, since_ms=created_ms + DAY_MS) if per_week else None

    return SimulatedProject(
        number=index,
        project_id=identifier(seed, "project", index),
        title=f"{original.title} {_BESIDE[name]}" if original else _title(name, index, department),
        description=dice.choice((None, "Numbers for the weekly meeting.", "Ask the owner before changing it.")),
        sort=name,
        department=department,
        owner_email=GONE_OWNER if name in _OWNERLESS else owner,
        creator_email=GONE_OWNER if name in _OWNERLESS else owner,
        status_name=dice.choice(_STATUSES),
        categories=tuple(category for category in _CATEGORIES if dice.random() < 0.3),
        group_names=(department.title(), "Everyone") if dice.random() < 0.4 else (department.title(),),
        collection_names=tuple(collection for collection in COLLECTIONS if dice.random() < 0.25),
        created_ms=created_ms,
        published_ms=created_ms + DAY_MS if published else None,
        archived_ms=left_ms if sort.state == "archived" else None,
        trashed_ms=left_ms if sort.state == "trashed" else None,
        schedules=copied.schedules
        if copied
        else cadences(sort.schedules, dice.randrange(60), dice.randrange(14), offset_minutes),
        median_seconds=sort.seconds * dice.lognormvariate(0.0, 0.3),
        failure_share=sort.failures,
        connection=original.connection if original else connection,
        tables=original.tables if original else _tables(connection, department, index),
        views=rhythm(sort.views, "views"),
        edits=rhythm(sort.edits, "edits"),
        api_runs=rhythm(sort.api, "api"),
        refreshes=rhythm(sort.refreshes, "refresh"),
        source=Rhythm(calendar, sort.source_changes, seed, "source", index, since_ms=created_ms),
    )


def _title(name: str, index: int, department: str) -> str:
    if name == "plant":
        return "Heartbeat of the demo"
    subjects = _SUBJECTS[department]
    turn = index // len(DEPARTMENTS)
    # Seven subjects and nine forms have no common divisor: all 63 pairs come before one returns.
    rounds = turn // (len(subjects) * len(_FORMS))
    title = f"{subjects[turn % len(subjects)]} {_FORMS[turn % len(_FORMS)]}"
    return f"{title} {rounds + 1}" if rounds else title


def _connection(sort: Sort, links: Sequence[Link], index: int) -> Link:
    if sort.connection == "collision":
        return next(link for link in links if link.use == "collision")
    usable = [link for link in links if link.use not in ("unused", "collision")]
    return usable[index * 7 % len(usable)]


def _tables(connection: Link, department: str, index: int) -> tuple[str, ...]:
    names = [f"facts_{index}"] if index % 3 else [f"facts_{index}", f"events_{index}"]
    return tuple(connection.table(department, name) for name in (*names, "customers"))
