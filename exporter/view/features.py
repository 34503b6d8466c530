"""Why there is no data: for each feature whether it is on, and if not, what to set or to wait for."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from exporter.config import DEFAULT_BUDGET, Config
from exporter.insight import roles_of, tariff, unpriced_keys
from exporter.ledger import CollectorState
from exporter.view.completeness import is_mostly_unreadable

if TYPE_CHECKING:
    from exporter.view.snapshot import Snapshot

State = Literal["on", "off", "not_configured", "no_permission", "failing", "reading", "too_young"]

FEATURES = (
    "runs",
    "users",
    "connections",
    "threads",
    "tables",
    "exports",
    "prices",
    "budgets",
    "gateway",
    "sources",
    "warehouse",
    "audit",
)


class FeatureState(NamedTuple):
    """The state of one feature, and what brings it on: a key to set, a scope to grant, or what is waited for.

    `off`: switched off. `not_configured`: a key is missing. `no_permission`: Hex refuses it to this token or plan.
    `failing`: the last attempt failed otherwise and nothing fresh is known. `reading`: not read yet. `too_young`:
    there is not enough history yet. `needs` is empty when it is on.
    """

    state: State
    needs: str = ""


_ON = FeatureState("on")

_SCOPES: Mapping[str, str] = {
    "projects": "a token with the scope to read projects",
    "runs": "a token with the scope to read projects",
    "users": "a token with the scope to read users",
    "connections": "a token with the scope to read data connections",
    "threads": "a token of a Manager or Admin",
    "queried_tables": "an Enterprise plan, and a token with the scope to read queried tables",
}


def feature_states(snapshot: "Snapshot") -> Mapping[str, FeatureState]:
    """The state of every feature, in the order of `FEATURES`."""
    return {feature: _STATES[feature](snapshot) for feature in FEATURES}


def _runs(snapshot: "Snapshot") -> FeatureState:
    collect, stored = snapshot.config.collect, snapshot.stored
    if not collect.projects or not collect.runs:
        return FeatureState("off", "collect.runs: true" if collect.projects else "collect.projects: true")
    if snapshot.listed_ms is None:
        return _without_success(stored.collectors.get("projects"), "projects")
    if is_mostly_unreadable(stored.projects, collect.refused_share):
        return FeatureState("no_permission", _SCOPES["runs"])
    if not snapshot.is_time_known:
        return FeatureState("reading", "the time, which this machine and Hex do not agree on")
    if not snapshot.is_complete_from(stored.previous_week[0]):
        return FeatureState("reading", "the history of every project's runs")
    return _ON


def _listing(collector: str) -> "Callable[[Snapshot], FeatureState]":
    def state_of(snapshot: "Snapshot") -> FeatureState:
        if not getattr(snapshot.config.collect, collector):
            return FeatureState("off", f"collect.{collector}: true")
        known = snapshot.stored.collectors.get(collector)
        if known is not None and known.refusal_status is not None:
            return FeatureState("no_permission", _SCOPES[collector])
        if known is not None and snapshot.is_fresh(known.last_success_ms):
            return _ON
        return _without_success(known, collector)

    return state_of


def _without_success(known: CollectorState | None, collector: str) -> FeatureState:
    """The state of a collector of which nothing fresh is known."""
    if known is None or (known.success and known.last_success_ms is None):
        return FeatureState("reading", "its first listing")
    if known.refusal_status is not None:
        return FeatureState("no_permission", _SCOPES[collector])
    status = "no answer" if known.last_status is None else f"status {known.last_status}"
    return FeatureState("failing", f"an answer of Hex: the last attempt brought {status}")


def _tables(snapshot: "Snapshot") -> FeatureState:
    if snapshot.config.collect.queried_tables is False:
        return FeatureState("off", "collect.queried_tables: auto")
    known = snapshot.stored.collectors
    if snapshot.stored.tables:
        return _ON
    for collector in ("queried_tables", "cells"):
        state = known.get(collector)
        if state is not None and state.success:
            return _ON
    if all((state := known.get(one)) is not None and state.refusal_status for one in ("queried_tables", "cells")):
        return FeatureState("no_permission", _SCOPES["queried_tables"])
    return FeatureState("reading", "the tables of the first project")


def _exports(snapshot: "Snapshot") -> FeatureState:
    config = snapshot.config
    if not config.collect.exports and not config.exports.paths:
        return FeatureState("off", "collect.exports: true, or exports.paths")
    known = snapshot.stored.collectors.get("export")
    if config.collect.exports and known is not None and known.refusal_status is not None:
        return FeatureState("no_permission", "a token that may export projects; this token may not export projects")
    if any(snapshot.stored.versions.values()):
        return _ON
    if not config.collect.exports:
        return FeatureState("reading", "a file of exports.paths with the id of a project of this workspace")
    if known is None or known.success:
        return FeatureState("reading", "the first published version of a project")
    return _without_success(known, "export")


def _prices(snapshot: "Snapshot") -> FeatureState:
    prices, users = snapshot.config.prices(snapshot.name), snapshot.stored.users
    if prices.plan is None:
        return FeatureState("not_configured", "prices.plan")
    missing = unpriced_keys(tariff(prices), prices.plan, roles_of(() if users is None else users.items))
    return FeatureState("not_configured", ", ".join(missing)) if missing else _ON


def _budgets(snapshot: "Snapshot") -> FeatureState:
    budgets = snapshot.config.budgets_of(snapshot.name)
    if not snapshot.config.budgets:
        return FeatureState("off", "budgets")
    if not budgets or budgets == (DEFAULT_BUDGET,):
        return FeatureState("not_configured", "budgets")
    accounts = snapshot.accounts
    if accounts is None or all(one.used is None for one in accounts.budgets):
        return FeatureState("reading", "the runs of the period")
    if all(one.forecast is None for one in accounts.budgets):
        return FeatureState("too_young", "a whole earlier period, for a forecast")
    return _ON


def _gateway(snapshot: "Snapshot") -> FeatureState:
    config: Config = snapshot.config
    if config.gateway is None:
        return FeatureState("not_configured", "gateway")
    if config.gateway_workspace.name != snapshot.name:
        return FeatureState("off", "gateway.workspace, which names another workspace")
    return _ON


def _sources(snapshot: "Snapshot") -> FeatureState:
    config = snapshot.config
    keys = {
        source.key(known.project.project_id)
        for known in snapshot.listed
        if (source := config.source_of(snapshot.name, known.project)) is not None
    }
    if not config.sources or (snapshot.listed and not keys):
        return FeatureState("not_configured", "sources")
    found = [state for key in keys if (state := snapshot.stored.sources.get(key)) is not None]
    if any(state.digest is not None for state in found):
        return _ON
    if found:
        return FeatureState("failing", "a probe that succeeds: hex-exporter check")
    return FeatureState("reading", "the first probe")


def _warehouse(snapshot: "Snapshot") -> FeatureState:
    names = [one.name for one in snapshot.config.warehouses_of(snapshot.name)]
    if not names:
        return FeatureState("not_configured", "warehouses")
    states = [state for name in names if (state := snapshot.stored.warehouse_states.get(name)) is not None]
    if any(state.failure is not None for state in states):
        return FeatureState("failing", "a query log that can be read: hex-exporter check")
    if len(states) < len(names):
        return FeatureState("reading", "the first closed hour of every warehouse's query log")
    weeks = (snapshot.stored.warehouse_week, snapshot.stored.warehouse_previous_week)
    if not {name for week in weeks for name, _ in week}.issuperset(names):
        # Some vendors show each user only its own queries: no rows may be no right.
        return FeatureState("reading", "a query of Hex in every warehouse's log: if Hex is at work, look at the grants")
    return _ON


def _audit(snapshot: "Snapshot") -> FeatureState:
    audit = snapshot.status.audit
    if audit is None:
        return FeatureState("reading", "the first audit, within an hour")
    if audit.since_ms is None:
        return FeatureState("too_young", "a week of known runs")
    return _ON


_STATES: "Mapping[str, Callable[[Snapshot], FeatureState]]" = {
    "runs": _runs,
    "users": _listing("users"),
    "connections": _listing("connections"),
    "threads": _listing("threads"),
    "tables": _tables,
    "exports": _exports,
    "prices": _prices,
    "budgets": _budgets,
    "gateway": _gateway,
    "sources": _sources,
    "warehouse": _warehouse,
    "audit": _audit,
}
