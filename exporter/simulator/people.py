"""The people of the simulated workspace: seats in every role, who still comes, who has long gone."""

from dataclasses import dataclass, replace
from functools import cached_property

from exporter.facts import ROLES, Seat
from exporter.simulator.event_times import DAY_MS, Calendar, Rhythm
from exporter.simulator.seeded_random import chance, identifier, share

DEPARTMENTS = ("marketing", "finance", "product", "sales", "operations")
"""Each has a mail domain and a group of its own, so that budgets can be matched to it."""

AUTHOR_ROLES = frozenset({"admin", "manager", "editor"})
"""The roles that make projects, and that Hex bills as author seats."""

PAID_ROLES = AUTHOR_ROLES | {"explorer"}

SEATS_PER_PROJECT = 0.7
"""A data team of 10 authors and 18 readers for 40 projects."""

LOGINS_A_WEEK = 4.0

_CORE = (
    ("admin", "active"),
    ("admin", "active"),
    ("manager", "active"),
    ("editor", "active"),
    ("editor", "active"),
    ("editor", "idle"),
    ("editor", "never"),
    ("editor", "long_session"),
    ("editor", "reader"),
    ("explorer", "active"),
    ("explorer", "idle"),
    ("member", "active"),
    ("member", "idle"),
    ("member", "shared"),
    ("guest", "active"),
    ("embedded_user", "active"),
    ("anonymous", "active"),
    ("editor", "active"),
)
"""What every workspace has, whatever its size: role and habit."""

_REST = ("editor", "member", "member", "explorer", "editor", "member", "guest", "editor", "member", "member")

_FIRST = ("Ana", "Ben", "Chloe", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Luca", "Mei")
_LAST = ("Keller", "Okafor", "Moreau", "Rossi", "Demir", "Novak", "Brandt", "Silva", "Lindqvist", "Huber", "Tanaka")


@dataclass(frozen=True, kw_only=True)
class Person:
    """One seat. `habit` is `active`, `idle` (came once), `never`, `long_session` (works, but logged in long ago),
    `reader` (a paid author who only reads) or `shared` (has the same address as the first member)."""

    user_id: str
    name: str | None
    email: str
    role: str
    habit: str
    department: str
    logins: Rhythm | None
    first_login_ms: int | None

    @property
    def is_working(self) -> bool:
        """Whether this person makes projects."""
        return self.role in AUTHOR_ROLES and self.habit in ("active", "long_session")

    @property
    def is_idle_paid(self) -> bool:
        """Whether the seat is paid for and unused."""
        return self.role in PAID_ROLES and self.habit in ("idle", "never")

    def last_login_ms(self, now_ms: int) -> int | None:
        """The last time the person logged in, as Hex would tell it at `now_ms`."""
        last_ms = self.logins.last(now_ms) if self.logins else None
        if last_ms is None and self.first_login_ms is not None and self.first_login_ms <= now_ms:
            return self.first_login_ms
        return last_ms

    def seat(self, now_ms: int) -> Seat:
        """The same as the fact that a client should learn."""
        return Seat(
            user_id=self.user_id,
            email=self.email,
            name=self.name,
            role=self.role,
            last_login_ms=self.last_login_ms(now_ms),
        )


@dataclass(frozen=True, kw_only=True)
class Team:
    """One group: its members are the people of its department, all of them if it has none."""

    group_id: str
    name: str
    department: str | None
    created_ms: int


@dataclass(frozen=True)
class Staff:
    """Everybody in the workspace, and the groups they are in."""

    people: tuple[Person, ...]
    teams: tuple[Team, ...]

    @cached_property
    def authors(self) -> tuple[Person, ...]:
        """Those who make projects."""
        return tuple(person for person in self.people if person.is_working)

    @cached_property
    def admin(self) -> Person:
        """The one whom personal tokens belong to unless it is said otherwise."""
        return self.people[0]

    def members(self, team: Team) -> tuple[Person, ...]:
        """The people of a group."""
        if team.department is None:
            return self.people
        return tuple(person for person in self.people if person.department == team.department)


def hire(seed: int, projects: int, anchor_ms: int, calendar: Calendar) -> Staff:
    """The staff of a workspace with so many projects, all of them there before `anchor_ms`."""
    number = max(len(_CORE), round(projects * SEATS_PER_PROJECT))
    people: list[Person] = []
    for index in range(number):
        role, habit = _CORE[index] if index < len(_CORE) else (_REST[index % len(_REST)], "active")
        people.append(_person(seed, index, role, habit, anchor_ms, calendar))
    shared = next(index for index, person in enumerate(people) if person.habit == "shared")
    owner = next(person for person in people if person.role == "member")
    people[shared] = replace(people[shared], email=owner.email)
    return Staff(tuple(people), _teams(seed, anchor_ms))


def address(name: str, department: str) -> str:
    """The mail address of somebody in a department."""
    return f"{name.lower().replace(' ', '.')}@{department}.example"


def _person(seed: int, index: int, role: str, habit: str, anchor_ms: int, calendar: Calendar) -> Person:
    assert role in ROLES
    department = DEPARTMENTS[index % len(DEPARTMENTS)]
    rounds = index // (len(_FIRST) * len(_LAST))
    name = f"{_FIRST[index % len(_FIRST)]} {_LAST[index * 5 % len(_LAST)]}{'' if not rounds else f' {rounds}'}"
    user_id = identifier(seed, "user", index)
    first_login_ms = anchor_ms - int((100 + 300 * share(seed, "joined", index)) * DAY_MS)
    comes_back = habit in ("active", "reader", "shared")
    return Person(
        user_id=user_id,
        name=None if role == "anonymous" else name,
        email=address(name, department),
        role=role,
        habit=habit,
        department=department,
        first_login_ms=None if habit == "never" else first_login_ms,
        logins=Rhythm(calendar, LOGINS_A_WEEK, seed, "login", index, since_ms=first_login_ms) if comes_back else None,
    )


def _teams(seed: int, anchor_ms: int) -> tuple[Team, ...]:
    dice = chance(seed, "teams")
    named: list[tuple[str, str | None]] = [(department.title(), department) for department in DEPARTMENTS]
    # Group names are not unique in Hex: the second "Marketing" is a trap that real workspaces have.
    named += [("Everyone", None), ("Marketing", "sales")]
    return tuple(
        Team(
            group_id=identifier(seed, "group", index),
            name=name,
            department=department,
            created_ms=anchor_ms - dice.randrange(200 * DAY_MS, 700 * DAY_MS),
        )
        for index, (name, department) in enumerate(named)
    )
