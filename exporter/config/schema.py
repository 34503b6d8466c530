"""Every key that the file may have, and what reads it: the one list to add a setting to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from exporter.config.audit_settings import Audit, Ignore
from exporter.config.brake_schema import budget_brake, check_brakes
from exporter.config.budget_settings import Budget
from exporter.config.cluster_schema import check_cluster, cluster
from exporter.config.collect_settings import LISTINGS, Collect, Exports, shortest_max_age_seconds
from exporter.config.error_wording import printable
from exporter.config.gateway_settings import (
    JOINS,
    WRITEBACKS,
    AllowedCaller,
    Failures,
    Gateway,
    Policy,
    Queue,
    RunLimits,
    Sample,
)
from exporter.config.match_schema import match, refuse_no_pattern, team
from exporter.config.money_schema import budget, chargeback, check_price_days, compute, contract, currency, prices
from exporter.config.overview_settings import Overview
from exporter.config.readers import Items, Keys, Reader, Spot
from exporter.config.scalars import (
    authorities,
    choice,
    day,
    duration,
    duration_or_none,
    duration_or_off,
    finding_kind,
    integer,
    path,
    path_pattern,
    sha256,
    share,
    statement,
    text,
    time_zone,
    truth,
    truth_or_auto,
    value,
    variable,
)
from exporter.config.settings import (
    Config,
    Labels,
    RateLimit,
    Seats,
    SeriesLimits,
    Storage,
    Team,
    Week,
    Workspace,
)
from exporter.config.source_settings import FileSource, HttpSource, Source, SqlSource
from exporter.config.trigger_schema import check_triggers, triggers
from exporter.config.urls import base_url, ledger_url, listen_address, person_url, proxy, public_url, source_url
from exporter.config.warehouse_schema import warehouses
from exporter.config.workspace_patterns import refuse_unmatched_workspaces
from exporter.errors import ConfigError

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


def schema(folder: Path, default: Config, teams: Sequence[Team] = ()) -> Keys[Config]:
    """The reader of a whole file, of which `teams` are read already: matches may name them.

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
            **_route(folder),
        },
        defaults={"base_url": default.workspaces[0].base_url},
    )
    storage = Keys(
        Storage,
        {
            "url": ledger_url(folder),
            "url_file": path(folder),
            "url_env": variable(),
            "schema": text(),
            "keep_runs": duration(),
        },
        defaults={"url": default.storage.url},
        check=_check_storage,
    )
    week = Keys(Week, {"timezone": time_zone(), "starts": choice(_WEEKDAYS), "workspace": text()})
    return Keys(
        Config,
        {
            "workspaces": Items(workspace, check=_check_workspaces, takes_none=False),
            "storage": storage,
            "collect": _collect(teams),
            "exports": Keys(Exports, {"paths": Items(path_pattern(folder), noun="path")}),
            "week": Items(week, takes_one=True),
            "budgets": Items(budget(teams), check=_check_budget_names),
            "teams": Items(team()),
            "prices": Items(prices(), check=check_price_days, takes_one=True),
            "compute": Items(compute(teams), takes_one=True),
            "contract": Items(contract(), takes_one=True),
            "chargeback": chargeback(),
            "currency": currency(),
            "seats": Keys(Seats, {"inactive_after": duration(), "reviewed_on": day()}),
            "labels": Keys(Labels, {"owner": choice(_OWNERS), "hash_key_file": path(folder)}),
            "limits": Keys(
                SeriesLimits, {"projects_with_series": integer(1, 1_000_000), "connection_runs": integer(1, 1_000_000)}
            ),
            "sources": Items(_source(folder, teams), check=_check_source_names),
            "warehouses": warehouses(folder),
            "gateway": _gateway(folder, teams),
            "triggers": triggers(folder, teams),
            "cluster": cluster(folder),
            "audit": Keys(
                Audit, {"unused_after": duration(), "failed_runs": integer(1, 1000), "top": integer(1, 1000)}
            ),
            "ignore": Items(_ignore()),
            "overview": Keys(Overview, {"enabled": truth(), "grafana_url": person_url()}),
        },
        defaults={"workspaces": default.workspaces, "storage": default.storage},
        check=_check_whole,
    )


def _route(folder: Path) -> Mapping[str, Reader[object]]:
    return {"proxy": proxy(), "proxy_credentials_file": path(folder), "ca_file": authorities(folder)}


def _rate_limit() -> Keys[RateLimit]:
    requests = integer(1, 1_000_000)
    return Keys(RateLimit, {"per_minute": requests, "per_hour": requests, "share": share()})


def _collect(teams: Sequence[Team]) -> Keys[Collect]:
    parts = dict.fromkeys(("projects", "runs", *LISTINGS[1:]), truth())
    matches = Items(match(teams), check=refuse_no_pattern, takes_one=True)
    return Keys(
        Collect,
        {
            **parts,
            "queried_tables": truth_or_auto(),
            "exports": truth(),
            "match": matches,
            "except": matches,
            "max_age": duration_or_none(),
            "refused_share": share(),
        },
    )


def _source(folder: Path, teams: Sequence[Team]) -> Keys[Source]:
    database: Mapping[str, Reader[object]] = {
        "url_env": variable(),
        "url_file": path(folder),
        "query": statement(),
        "tables": Items(text(), takes_none=False, noun="table name"),
        "connection": text(),
        "deadline": duration(),
    }
    address: Mapping[str, Reader[object]] = {
        "url": source_url(),
        "authorization_env": variable(),
        "authorization_file": path(folder),
        **_route(folder),
        "body_limit_bytes": integer(1, 1 << 40),
        "deadline": duration(),
    }
    files = {"paths": Items(path_pattern(folder), takes_none=False, noun="path")}
    return Keys(
        Source,
        {
            "match": match(teams),
            "name": text(),
            "sql": Keys(SqlSource, database),
            "http": Keys(HttpSource, address),
            "file": Keys(FileSource, files),
            "every": duration(),
            "on_request": duration_or_off(),
        },
    )


def _gateway(folder: Path, teams: Sequence[Team]) -> Keys[Gateway]:
    waiting = integer(1, 10_000)
    sample = Keys(Sample, {"header": text(), "parameter": text(), "value": value()})
    policy = Keys(
        Policy,
        {
            "match": match(teams),
            "max_age": duration_or_none(),
            "min_interval": duration_or_none(),
            "unchanged_for": duration(),
            "shared": truth(),
            "join": choice({join: join for join in JOINS}),
            "join_window": duration_or_none(),
            "day_changes": truth(),
            "writeback": choice({one: one for one in WRITEBACKS}),
            "update_published_results": truth(),
            "use_cached_sql_results": truth(),
            "failures": Keys(Failures, {"most": integer(1, 100), "within": duration()}),
            "sample": sample,
            "when_budget_spent": budget_brake(teams),
        },
    )
    caller = Keys(AllowedCaller, {"token_sha256": sha256(), "certificate": text(), "weight": integer(1, 100)})
    return Keys(
        Gateway,
        {
            "listen_address": listen_address(),
            "workspace": text(),
            "public_url": public_url(),
            "web_config_file": path(folder),
            "allow_insecure": truth(),
            "concurrency": integer(1, 1000),
            "queue": Keys(
                Queue, {"length": waiting, "per_caller": waiting, "per_address": waiting, "wait": duration()}
            ),
            "run_limits": Keys(RunLimits, {"per_minute": waiting, "per_hour": integer(1, 100_000)}),
            "rights_ttl": duration(),
            "callers": Items(caller),
            "policies": Items(policy),
        },
    )


def _ignore() -> Keys[Ignore]:
    return Keys(Ignore, {"kind": finding_kind(), "subject": text(), "reason": text(), "until": day()})


def _check_storage(spot: Spot, storage: Storage) -> None:
    keys = spot.keys()
    if len(given := [key for key in ("url", "url_file", "url_env") if key in keys]) > 1:
        spot.refuse(f"{' and '.join(given)} are given; keep one of them")
    elif storage.schema is not None and storage.is_file:
        spot.at("schema").refuse("a SQLite ledger has no schema; remove it, or set url to a postgresql:// address")


def _check_whole(spot: Spot, config: Config) -> None:
    refuse_unmatched_workspaces(spot, [workspace.name for workspace in config.workspaces])
    _find_gateway_workspace(spot, config)
    check_brakes(spot, config)
    check_triggers(spot.at("triggers"), config)
    _check_max_age(spot.at("collect"), config)
    check_cluster(spot.at("cluster"), config)
    if config.chargeback is not None and not config.teams:
        spot.at("chargeback").refuse("there is no team to charge; add teams")


def _check_max_age(spot: Spot, config: Config) -> None:
    """Listings can be read again before they are too old to be shown, at least if each is one page."""
    seconds = config.collect.max_age_seconds
    allowed = min(one.rate_limit.allowed_per_hour for one in config.workspaces)
    shortest = shortest_max_age_seconds(config.collect.listings, allowed)
    if {"max_age"} & spot.keys() and 0 < seconds < shortest:
        spot.at("max_age").refuse(
            f"listings cannot be read again so soon at {allowed:.0f} requests an hour; write at least "
            f"{shortest / 60:.0f}m, or 0s to never show what comes from them"
        )


def _find_gateway_workspace(spot: Spot, config: Config) -> None:
    """A gateway is for one workspace, and where there are several it says for which."""
    if config.gateway is None:
        return
    try:
        _ = config.gateway_workspace
    except ConfigError as error:
        spot.at("gateway").at("workspace").refuse(error.problems[0].message)


def _check_source_names(sources: Sequence[tuple[Spot, Source]]) -> None:
    """A name identifies the series of a source; entries that probe the same may share the one they were not given."""
    _refuse_second_names("source", [(spot, source.name) for spot, source in sources if {"name"} & spot.keys()])


def _check_workspaces(workspaces: Sequence[tuple[Spot, Workspace]]) -> None:
    """Workspaces have names of their own, and where there are several, tokens of their own."""
    _refuse_second_names("workspace", [(spot, workspace.name) for spot, workspace in workspaces])
    for spot, _ in workspaces:
        if len(workspaces) > 1 and not {"token_file", "token_env"} & spot.keys():
            spot.refuse("the token is missing; with several workspaces, add token_file or token_env to each")


def _check_budget_names(budgets: Sequence[tuple[Spot, Budget]]) -> None:
    """A name identifies the series of a budget, whichever workspaces it is for."""
    _refuse_second_names("budget", [(spot, budget.name) for spot, budget in budgets])


def _refuse_second_names(what: str, named: Sequence[tuple[Spot, str]]) -> None:
    first_lines: dict[str, int] = {}
    for spot, name in named:
        if name in first_lines:
            said = f'a {what} "{printable(name)}" is there already, in line {first_lines[name]}; write another name'
            spot.refuse(said)
        first_lines.setdefault(name, spot.line)
