"""Which team a person belongs to, by the configuration."""

from exporter.config import Config
from exporter.facts import Project


def team_of_person(config: Config, workspace: str, email: str) -> str:
    """The first team that is defined only by owners and whose pattern this address matches, empty if there is none."""
    person = Project(project_id="", owner=email)
    for team in config.teams:
        if team.match.is_of_owners and team.match.matches(workspace, person):
            return team.name
    return ""
