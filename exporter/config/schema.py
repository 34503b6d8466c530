"""Every key that the file may have, and what reads it: the one list to add a setting to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from exporter.config.address import base_url, ledger_url
from exporter.config.match import Match
from exporter.config.readers import Items, Keys, Spot
from exporter.config.scalars import (
    choice,
    day,
    duration,
    integer,
    path,
    share,
    text,
    time_zone,
    truth,
    truth_or_auto,
    variable,
)
from exporter.config.settings import (
    Collect,
    Config,
    Labels,
    Limits,
    RateLimit,
    Seats,
    Storage,
    Team,
    Week,
    Workspace,
)
from exporter.config.wording import printable

_OWNERS: Mapping[str, Literal["email", "hash", "none"]] = {"email": "email", "hash": "hash", "none": "none"}
_WEEKDAYS = {
    "monday": 0,
    "tuesday": 1,
    "wednesday": 2,
    "thursday": 3,
    "friday": 4,
    "saturday": 5,
    "sunday": 6,
}


def schema(folder: Path, default: Config) -> Keys[Config]:
    """The reader of a whole file.

    Relative paths in it are taken from the folder; workspaces and storage, where not given, from the default.
    """
    workspace = Keys(
        Workspace,
        {
            "name": text(),
            "base_url": base_url(),
            "token_file": path(folder),
            "token_env": variable(),
            "rate_limit": _rate_limit(),
        },
        defaults={"base_url": default.workspaces[0].base_url},
    )
    storage = Keys(
        Storage,
        {"url": ledger_url(folder), "keep_runs": duration()},
        defaults={"url": default.storage.url},
    )
    week = Keys(Week, {"timezone": time_zone(), "starts": choice(_WEEKDAYS), "workspace": text()})
    return Keys(
        Config,
        {
            "workspaces": Items(workspace, check=_tell_apart, takes_none=False),
            "storage": storage,
            "collect": _collect(),
            "week": Items(week, takes_one=True),
            "teams": Items(Keys(Team, {"name": text(), "match": _match()})),
            "seats": Keys(Seats, {"inactive_after": duration(), "reviewed_on": day()}),
            "labels": Keys(Labels, {"owner": choice(_OWNERS), "hash_key_file": path(folder)}),
            "limits": Keys(Limits, {"projects_with_series": integer(1, 1_000_000)}),
        },
        defaults={"workspaces": default.workspaces, "storage": default.storage},
    )


def _rate_limit() -> Keys[RateLimit]:
    requests = integer(1, 1_000_000)
    return Keys(RateLimit, {"per_minute": requests, "per_hour": requests, "share": share()})


def _collect() -> Keys[Collect]:
    listings = dict.fromkeys(("projects", "runs", "users", "connections", "groups", "threads"), truth())
    return Keys(Collect, {**listings, "queried_tables": truth_or_auto(), "max_age": duration()})


def _match() -> Keys[Match]:
    return Keys(Match, dict.fromkeys(Match.__struct_fields__, text()))


def _tell_apart(workspaces: Sequence[tuple[Spot, Workspace]]) -> None:
    """Workspaces have names of their own, and where there are several, tokens of their own."""
    first_lines: dict[str, int] = {}
    for spot, workspace in workspaces:
        if workspace.name in first_lines:
            said = f'found a second workspace "{printable(workspace.name)}", expected a name of its own'
            spot.refuse(f"{said}; the first is in line {first_lines[workspace.name]}")
        first_lines.setdefault(workspace.name, spot.line)
        if len(workspaces) > 1 and not {"token_file", "token_env"} & spot.keys():
            spot.refuse("found no token_file and no token_env, expected one, as there are several workspaces")
