"""What `check` says of triggers: projects without a source or with two triggers, and schedules that run as well."""

from collections.abc import Iterator, Sequence

from exporter.config import Config, Trigger
from exporter.facts import Project

_NAMED = 3
"""So many projects are named, and the rest counted."""


def trigger_notes(projects: Sequence[Project], config: Config, workspace_name: str) -> Iterator[str]:
    """What is odd about the triggers, for the published projects of this workspace."""
    published = [project for project in projects if project.state == "published"]
    if not published:
        return
    is_of_gateway = config.gateway is not None and config.gateway_workspace.name == workspace_name
    for number, trigger in enumerate(config.triggers):
        name = f"triggers[{number}]"
        mine = [one for one in published if config.trigger_of(workspace_name, one) is trigger]
        matching = [one for one in published if trigger.matches(workspace_name, one)]
        if not matching and len(config.workspaces) == 1:
            yield f"{name} matches no project"
        if others := [one for one in matching if config.trigger_of(workspace_name, one) is not trigger]:
            yield f"{name} does not apply to {_names(others)}: an earlier trigger matches too, and the first applies"
        if sourceless := [one for one in mine if config.source_of(workspace_name, one) is None]:
            only = "run only by latest" if trigger.latest_seconds is not None else "never run"
            effect = f"no source, and {_are(sourceless)} {only}"
            yield f"{name}: {_names(sourceless)} {_have(sourceless)} {effect}; add sources"
        if mine and not trigger.dry_run and not is_of_gateway:
            yield f"{name} runs nothing in {workspace_name}: the gateway is for another workspace"
        if scheduled := _scheduled(trigger, mine):
            yield f"{name}: {_names(scheduled)} {_have(scheduled)} a schedule that is on as well; switch it off in Hex"


def _scheduled(trigger: Trigger, projects: Sequence[Project]) -> list[Project]:
    if trigger.dry_run:
        return []
    return [one for one in projects if any(schedule.enabled for schedule in one.schedules)]


def _names(projects: Sequence[Project]) -> str:
    named = ", ".join(repr(one.title) for one in projects[:_NAMED])
    more = len(projects) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _have(projects: Sequence[Project]) -> str:
    return "has" if len(projects) == 1 else "have"


def _are(projects: Sequence[Project]) -> str:
    return "is" if len(projects) == 1 else "are"
