"""One request to the API, with everything that an operation needs to answer it."""

from dataclasses import dataclass
from typing import Literal

from exporter.facts import ROLES
from exporter.simulator.people import Person
from exporter.simulator.population import SimulatedProject
from exporter.simulator.query import Query
from exporter.simulator.refusals import RefusalError
from exporter.simulator.simulation import Simulation
from exporter.simulator.tokens import Token

Answer = tuple[int, dict[str, object] | None]
"""The status of an answer and its JSON, None for no body."""

State = Literal["july", "september", "october"]
"""The three known states of the API's document in 2026."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `base` is the scheme and host it came to, `kinds` the faults it gets, `state` the API's state."""

    simulation: Simulation
    token: Token
    query: Query
    path: dict[str, str]
    body: bytes
    base: str
    now_ms: int
    kinds: frozenset[str]
    state: State
    is_enterprise: bool
    kernels: int | None
    wants_events: bool = False

    @property
    def person(self) -> Person:
        """The user whose permissions the token has."""
        staff = self.simulation.staff
        return next((one for one in staff.people if one.user_id == self.token.user_id), staff.admin)

    @property
    def is_admin(self) -> bool:
        """Whether it may see everything: workspace tokens mirror an admin."""
        return self.token.is_workspace or self.person.role == "admin"

    def needs_role(self, least: str) -> None:
        """Refuse with 403 a person whose role is below that one."""
        if not self.token.is_workspace and ROLES.index(self.person.role) > ROLES.index(least):
            raise RefusalError(403, f"This needs the role {least} or higher")

    def can_see(self, project: SimulatedProject) -> bool:
        """Whether a project is there for the token's user."""
        if self.is_admin:
            return True
        person = self.person
        return person.email == project.owner_email or person.department == project.department

    def project(self, project_id: str | None = None) -> SimulatedProject:
        """The project of this id, else that of the path. 404 if it is unknown, or not visible to the token's user."""
        found = self.simulation.by_id.get(self.path["project_id"] if project_id is None else project_id)
        if found is None or found.created_ms > self.now_ms or not self.can_see(found):
            raise RefusalError(404, "Project not found")
        return found
