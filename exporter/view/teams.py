"""Which team a person belongs to, by the configuration."""

from exporter.config import Config, Match
from exporter.facts import Project


def team_of_person(config: Config, workspace: str, email: str) -> str:
    """The first team that is defined only by owners and whose pattern this address matches, empty if there is none."""
    person = Project(project_id="", owner=email)
    for team in config.teams:
        is_by_owner = team.match == Match(workspace=team.match.workspace, owner=team.match.owner)
        if is_by_owner and team.match.owner is not None and team.match.matches(workspace, person):
            return team.name
    return ""
