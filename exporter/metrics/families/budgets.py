"""The budgets now: limit and thresholds always, used and forecast once their period is completely known."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.config import Budget
from exporter.insight import WINDOWS_MS
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot


def budget_families(snapshot: Snapshot) -> Iterator[Family]:
    """The figures of every budget of the workspace; one that is not known is absent."""
    yield from _configured(snapshot)
    yield from _consumers(snapshot)
    budgets = () if snapshot.accounts is None else snapshot.accounts.budgets

    def labels(index: int) -> tuple[str, str, str]:
        return _labels(snapshot, budgets[index].budget)

    def family(metric: str, values: list[float | None]) -> Family:
        samples = [(labels(index), value) for index, value in enumerate(values) if value is not None]
        return Family(METRICS[metric], samples)

    yield family("hex_budget_used", [one.used for one in budgets])
    yield family("hex_budget_previous_used", [one.previous_used for one in budgets])
    yield family("hex_budget_forecast", [one.forecast for one in budgets])
    yield family("hex_budget_period_start_timestamp_seconds", [one.period[0] / 1000 for one in budgets])
    yield family("hex_budget_period_end_timestamp_seconds", [one.period[1] / 1000 for one in budgets])

    timezone = snapshot.config.week(snapshot.name).timezone
    yield Family(
        METRICS["hex_budget_period_end_utc_offset_seconds"],
        [((*labels(index), timezone), _offset(one.period[1], timezone)) for index, one in enumerate(budgets)],
    )

    missing = () if snapshot.accounts is None else snapshot.accounts.unreadable_projects
    yield family(
        "hex_budget_unreadable_projects",
        [None if one.budget.unit == "ai_credits" else count for one, count in zip(budgets, missing, strict=True)],
    )

    curves = () if snapshot.accounts is None else snapshot.accounts.curves
    hours: list[Sample] = [
        ((*labels(index), period, f"{hour:03}"), value)
        for index, curve in enumerate(curves)
        for period, found in (("this", curve.this), ("previous", curve.previous), ("expected", curve.expected))
        for hour, value in found.items()
    ]
    yield Family(METRICS["hex_budget_used_by_hour"], hours)

    for metric, place in (("hex_budget_window_used", 0), ("hex_budget_window_previous_used", 1)):
        windows: list[Sample] = [
            ((*labels(index), window), value)
            for index, one in enumerate(budgets)
            for window in WINDOWS_MS
            if (value := one.windows[window][place]) is not None
        ]
        yield Family(METRICS[metric], windows)


def _labels(snapshot: Snapshot, budget: Budget) -> tuple[str, str, str]:
    return snapshot.name, budget.name, budget.unit


def _offset(at_ms: int, timezone: str) -> float:
    return (datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone)).utcoffset() or timedelta()).total_seconds()


def _configured(snapshot: Snapshot) -> Iterator[Family]:
    """What the configuration says, whatever is known: a budget without a limit here is one that was taken out."""
    budgets = snapshot.config.budgets_of(snapshot.name)
    yield Family(METRICS["hex_budget_limit"], [(_labels(snapshot, one), one.limit) for one in budgets])
    yield Family(
        METRICS["hex_budget_threshold_ratio"],
        [
            ((*_labels(snapshot, one), severity), getattr(one.thresholds, severity))
            for one in budgets
            for severity in ("info", "warning", "critical")
        ],
    )


def _consumers(snapshot: Snapshot) -> Iterator[Family]:
    """Who used each budget: the projects of budgets of runs, the users of budgets of AI credits."""
    accounts = snapshot.accounts
    if accounts is None:
        return
    # A message about a budget names its projects, though elsewhere they may share `other`.
    named = {one.key for found in accounts.consumers for one in found}
    projects = [known.project for known in snapshot.stored.projects if known.project.project_id in named]
    yield Family(
        METRICS["hex_budget_project_info"],
        [((snapshot.name, one.project_id, one.title, snapshot.owner_label(one.owner)), 1) for one in projects],
    )
    addresses = {} if snapshot.stored.users is None else {one.user_id: one.email for one in snapshot.stored.users.items}

    def user(user_id: str) -> str:
        """The address, shown as owners are; the id of who is in no listing, where addresses are shown."""
        address = addresses.get(user_id)
        shows_ids = snapshot.config.labels.owner == "email"
        return snapshot.owner_label(address) if address else (user_id if shows_ids else "")

    for kind, name_of in (("project", str), ("user", user)):
        used: dict[tuple[str, ...], float] = {}
        figures: dict[str, dict[tuple[str, ...], float]] = {"previous_used": {}, "growth": {}}
        since: dict[tuple[str, ...], float] = {}
        for status, found in zip(accounts.budgets, accounts.consumers, strict=False):
            if (status.budget.unit == "ai_credits") != (kind == "user"):
                continue
            for one in found:
                labels = (*_labels(snapshot, status.budget), name_of(one.key))
                # People whose names are not shown share one.
                for way, amount in one.used.items():
                    used[*labels, *way] = used.get((*labels, *way), 0) + amount
                for figure, sums in figures.items():
                    if (value := getattr(one, figure)) is not None:
                        sums[labels] = sums.get(labels, 0) + value
                if one.since_ms is not None:
                    since[labels] = min(since.get(labels, one.since_ms / 1000), one.since_ms / 1000)
        yield Family(METRICS[f"hex_budget_{kind}_used"], list(used.items()))
        for figure, sums in figures.items():
            yield Family(METRICS[f"hex_budget_{kind}_{figure}"], list(sums.items()))
        yield Family(METRICS[f"hex_budget_{kind}_since_timestamp_seconds"], list(since.items()))
