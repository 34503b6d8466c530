"""The budgets now: limit and thresholds always, used and forecast once their period is completely known."""

from collections.abc import Iterator

from exporter.insight import WINDOWS_MS
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot


def budget_families(snapshot: Snapshot) -> Iterator[Family]:
    """The figures of every budget of the workspace; one that is not known is absent."""
    budgets = () if snapshot.accounts is None else snapshot.accounts.budgets

    def labels(index: int) -> tuple[str, str, str]:
        budget = budgets[index].budget
        return snapshot.name, budget.name, budget.unit

    def family(metric: str, values: list[float | None]) -> Family:
        samples = [(labels(index), value) for index, value in enumerate(values) if value is not None]
        return Family(METRICS[metric], samples)

    yield family("hex_budget_limit", [one.budget.limit for one in budgets])
    yield family("hex_budget_used", [one.used for one in budgets])
    yield family("hex_budget_previous_used", [one.previous_used for one in budgets])
    yield family("hex_budget_forecast", [one.forecast for one in budgets])
    yield family("hex_budget_period_start_timestamp_seconds", [one.period[0] / 1000 for one in budgets])
    yield family("hex_budget_period_end_timestamp_seconds", [one.period[1] / 1000 for one in budgets])

    missing = () if snapshot.accounts is None else snapshot.accounts.unreadable_projects
    yield family(
        "hex_budget_unreadable_projects",
        [None if one.budget.unit == "ai_credits" else count for one, count in zip(budgets, missing, strict=True)],
    )

    for metric, place in (("hex_budget_window_used", 0), ("hex_budget_window_previous_used", 1)):
        windows: list[Sample] = [
            ((*labels(index), window), value)
            for index, one in enumerate(budgets)
            for window in WINDOWS_MS
            if (value := one.windows[window][place]) is not None
        ]
        yield Family(METRICS[metric], windows)

    yield Family(
        METRICS["hex_budget_threshold_ratio"],
        [
            ((*labels(index), severity), getattr(one.budget.thresholds, severity))
            for index, one in enumerate(budgets)
            for severity in ("info", "warning", "critical")
        ],
    )
