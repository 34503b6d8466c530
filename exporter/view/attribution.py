"""Whom the figures of a closed period belong to: titles, owners, teams and compute profiles as they were then."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.config import Config
from exporter.facts import Project
from exporter.ledger import KnownVersion
from exporter.view.accounts import WeekAccount
from exporter.view.compute_profiles import project_profiles
from exporter.view.teams import team_of_person


class ProjectThen(NamedTuple):
    """A project when a period was closed."""

    title: str
    owner: str | None
    team: str
    profile: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """The projects by their id, and the team of each holder of a seat by user id; without an entry, those of today."""

    projects: Mapping[str, ProjectThen] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)


NOW = Attribution()
"""Everything is as it is now."""


def attribution_of(
    config: Config,
    workspace: str,
    projects: Iterable[Project],
    versions: Mapping[str, Mapping[str, KnownVersion]],
    account: WeekAccount,
) -> Attribution:
    """Whom the figures of a period belong to at this moment, of all that has a part in them."""
    ran = {kind[0] for kind in account.totals or ()}
    compute = config.compute(workspace)
    return Attribution(
        {
            one.project_id: ProjectThen(
                one.title,
                one.owner,
                config.team_of(workspace, one),
                project_profiles(compute, workspace, one, versions.get(one.project_id, {})).current.name,
            )
            for one in projects
            if one.project_id in ran
        },
        {use.user_id: team_of_person(config, workspace, use.email) for use in account.seats},
    )
