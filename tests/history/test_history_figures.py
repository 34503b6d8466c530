"""The figures of the past: exact for counters, and for gauges what a scrape at that time would have shown."""

from dataclasses import replace
from math import isclose
from typing import Any

import pytest
from helpers.sizes import size
from history_world import learn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import Budget, BudgetMatch, Collect, Config, Match, Prices, Storage, Week, Workspace
from exporter.facts import Project, Run
from exporter.history import Written, history, read_past, span_of
from exporter.ledger import RunProgress, open_ledger
from exporter.metrics import Collector, Status

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

GAUGES = (
    "hex_budget_limit",
    "hex_budget_used",
    "hex_budget_previous_used",
    "hex_budget_forecast",
    "hex_budget_window_used",
    "hex_budget_window_previous_used",
    "hex_budget_threshold_ratio",
    "hex_budget_period_start_timestamp_seconds",
    "hex_budget_period_end_timestamp_seconds",
    "hex_cost_week_usd",
    "hex_cost_previous_week_usd",
    "hex_project_info",
    "hex_project_week_runs",
    "hex_project_previous_week_runs",
    "hex_project_cost_week_usd",
    "hex_project_cost_previous_week_usd",
    "hex_project_last_run_timestamp_seconds",
)


def hourly_runs(historian: Any, days: int, *, project_id: str = "p1", step_ms: int = HOUR_MS) -> list[Run]:
    first_ms = historian.contact_ms - days * DAY_MS
    return [
        historian.run(
            f"{project_id}-{number}",
            start_ms,
            30_000 + 1_000 * (number % 240),
            project_id=project_id,
            trigger=("scheduled", "api")[number % 2],
            status="errored" if number % 7 == 0 else "completed",
        )
        for number, start_ms in enumerate(range(first_ms, historian.contact_ms - 5 * 60_000, step_ms))
    ]


class TestCounters:
    @pytest.mark.slow
    def test_a_run_that_got_no_kernel_and_has_no_start_is_there(self, historian: Any) -> None:
        runs = hourly_runs(historian, 3)
        at_ms = historian.contact_ms - DAY_MS
        refused = historian.run("x", at_ms, 90_000, status="unable_to_allocate_kernel", trigger="scheduled")
        historian.learn([*runs, replace(refused, start_ms=None, elapsed_ms=None)])

        samples = historian.samples()

        (by_project,) = [
            values for labels, values in samples["hex_runs_total"].items() if "unable_to_allocate_kernel" in labels
        ]
        assert list(by_project.values())[-1] == 1
        for labels, values in samples["hex_workspace_runs_total"].items():
            (project,) = [found for one, found in samples["hex_runs_total"].items() if one[1:] == labels]
            assert list(values.values())[-1] == list(project.values())[-1]

    @pytest.mark.slow
    def test_each_hour_has_what_had_ended_before_it(self, historian: Any) -> None:
        runs = hourly_runs(historian, 3, step_ms=7 * 60_000)
        historian.learn(runs)

        samples = historian.samples()["hex_runs_total"]

        assert {labels[1:] for labels in samples} == {
            (trigger, status) for trigger in ("scheduled", "api") for status in ("completed", "errored")
        }
        for (_, trigger, status), values in samples.items():
            mine = [run for run in runs if (run.trigger, run.status) == (trigger, status)]
            for at_ms, value in list(values.items())[:-1]:
                assert value == sum(run.end_ms < at_ms for run in mine if run.end_ms is not None)

    @pytest.mark.slow
    def test_the_last_sample_has_all_that_live_counting_will_not_count(self, historian: Any) -> None:
        runs = hourly_runs(historian, 3, step_ms=7 * 60_000)
        under_way = historian.run("late", historian.contact_ms - 60_000, 120_000)
        historian.learn([*runs, under_way])

        counted = sum(one.value for one in historian.acme.counters() if one.metric == "hex_runs_total")
        held = sum(values[max(values)] for values in historian.samples()["hex_runs_total"].values())

        assert counted == 0
        assert held == len(runs)

    @pytest.mark.slow
    def test_runs_between_the_last_sample_and_first_contact_are_in_it(self, historian: Any) -> None:
        """Imported on the first day it ends three hours ago, and no window over the seam misses a run."""
        runs = hourly_runs(historian, 3, step_ms=7 * 60_000)
        historian.learn(runs)

        samples = historian.samples(now_ms=historian.contact_ms + 60_000)["hex_runs_total"]

        assert max(max(values) for values in samples.values()) <= historian.contact_ms + 60_000 - 3 * HOUR_MS
        assert sum(values[max(values)] for values in samples.values()) == len(runs)

    def test_a_series_begins_at_0_in_the_hour_before_it_leaves_it(self, historian: Any) -> None:
        start_ms = historian.contact_ms - 2 * DAY_MS
        runs = [historian.run("a", start_ms - DAY_MS), historian.run("b", start_ms, trigger="api")]
        historian.learn(runs)

        values = historian.samples()["hex_runs_total"]["p1", "api", "completed"]
        [(first_ms, first), (second_ms, second), *_] = values.items()

        assert (first, second) == (0, 1)
        assert first_ms <= start_ms + 60_000 < second_ms
        assert second_ms - first_ms == HOUR_MS

    @pytest.mark.slow
    def test_seconds_and_histogram_tell_the_same_runs(self, historian: Any) -> None:
        runs = hourly_runs(historian, 4)
        historian.learn(runs)

        samples = historian.samples()
        seconds = sum((run.elapsed_ms or 0) for run in runs) / 1000

        assert isclose(sum(values[max(values)] for values in samples["hex_run_seconds_total"].values()), seconds)
        sums = samples["hex_run_duration_seconds_sum"].values()
        assert isclose(sum(values[max(values)] for values in sums), seconds)
        counts = samples["hex_run_duration_seconds_count"].values()
        assert sum(values[max(values)] for values in counts) == len(runs)
        under_a_minute = [
            values for labels, values in samples["hex_run_duration_seconds_bucket"].items() if labels[-1] == "60.0"
        ]
        found = sum(values[max(values)] for values in under_a_minute)
        assert found == sum((run.elapsed_ms or 0) <= 60_000 for run in runs)

    @pytest.mark.slow
    def test_projects_without_series_add_up_in_other(self, historian: Any) -> None:
        runs = [run for name in ("p1", "p2", "p3") for run in hourly_runs(historian, 10, project_id=name)]
        historian.learn(runs, members=1)

        samples = historian.samples()

        [member] = {labels[0] for labels in samples["hex_runs_total"]} - {"other"}
        others = [values for labels, values in samples["hex_runs_total"].items() if labels[0] == "other"]
        assert sum(values[max(values)] for values in others) == len(runs) * 2 / 3
        assert {labels[0] for labels in samples["hex_project_week_runs"]} == {"other", member}
        assert all(labels[0] == member for labels in samples["hex_project_info"])

    def test_a_run_without_an_end_or_a_start_is_left_out(self, historian: Any) -> None:
        whole = historian.run("whole", historian.contact_ms - DAY_MS)
        odd = [
            Run(run_id="no-start", project_id="p1", status="completed"),
            Run(run_id="pending", project_id="p1", status="pending"),
            Run(run_id="running", project_id="p1", status="running", start_ms=historian.contact_ms - 2 * HOUR_MS),
        ]
        historian.learn([whole, *odd])

        samples = historian.samples()

        assert sum(max(values.values()) for values in samples["hex_runs_total"].values()) == 1
        active = samples["hex_runs_active"]["running",]
        assert active[max(active)] == 1

    @settings(
        max_examples=size(12, 100),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.lists(st.tuples(st.integers(0, 50 * HOUR_MS), st.integers(0, 5 * HOUR_MS)), min_size=1, max_size=30))
    @pytest.mark.slow
    def test_never_fall_and_grow_by_the_runs(self, manual_clock: Any, spans: list[tuple[int, int]]) -> None:
        """Whatever the runs are: what the import has and what live counting has is every run once."""
        ledger = open_ledger("sqlite://", clock=manual_clock)
        try:
            contact_ms = round(manual_clock.now() * 1000)
            runs = [
                Run(run_id=str(number), project_id="p1", status="completed", start_ms=start_ms, end_ms=start_ms + lasts)
                for number, (ago, lasts) in enumerate(spans)
                for start_ms in [contact_ms - ago]
            ]
            total, values = imported(ledger, runs, contact_ms)
        finally:
            ledger.close()

        assert values == sorted(values)
        assert total == len(runs)


def imported(ledger: Any, runs: list[Run], contact_ms: int) -> tuple[int, list[float]]:
    """Runs in the import and in the live counters, and the import's values."""
    acme = ledger.workspace("acme")
    acme.first_contact(contact_ms)
    acme.record_projects([Project(project_id="p1", published_ms=1)], contact_ms)
    acme.choose_members(10, contact_ms)
    seen_ms = contact_ms + 10 * HOUR_MS
    acme.record_runs("p1", runs, RunProgress(known_until_ms=seen_ms, known_from_ms=0), seen_ms)
    acme.release_holds(seen_ms)
    live = sum(one.value for one in acme.counters() if one.metric == "hex_runs_total")
    oldest_ms = min(run.start_ms for run in runs if run.start_ms is not None)
    span = span_of(contact_ms, oldest_ms, contact_ms + DAY_MS, 90)
    if span is None:
        return live, []
    config = Config(workspaces=(Workspace(name="acme"),), storage=Storage(url="sqlite://"))
    [snapshot] = Collector(ledger, Status()).snapshots(config, contact_ms)
    past = read_past(acme, snapshot, span, oldest_ms)
    text = "".join(history([past], job="j", instance="i", count=Written()))
    values = [float(line.split()[1]) for line in text.splitlines() if line.startswith("hex_runs_total{")]
    return live + int(values[-1] if values else 0), values


class TestGauges:
    @pytest.mark.parametrize("zone", ["Europe/Zurich", "Asia/Kolkata"])
    @pytest.mark.slow
    def test_say_what_a_scrape_at_that_time_would_have_said(self, historian: Any, manual_clock: Any, zone: str) -> None:
        """The oracle is the page itself, of a ledger that knows no more than what was known then."""
        born_ms = historian.contact_ms - 50 * DAY_MS
        p1 = historian.project("p1", owner="ann@marketing.example", title="One", created_ms=born_ms)
        p2 = historian.project("p2", owner="bob@finance.example", created_ms=born_ms)
        runs = hourly_runs(historian, 50) + hourly_runs(historian, 50, project_id="p2", step_ms=5 * HOUR_MS)
        historian.configure(
            weeks=(Week(timezone=zone),),
            budgets=(
                Budget(name="all", unit="runs", limit=500),
                Budget(name="ann", unit="usd", limit=9, match=BudgetMatch(owner="ann*"), period="month"),
                Budget(name="api", unit="compute_minutes", limit=90, match=BudgetMatch(trigger="api")),
            ),
            price_lists=(Prices(run_micro_usd=50_000, warehouse_minute_micro_usd=7_000),),
        )
        historian.learn(runs, p1, p2)
        samples = historian.samples(days=17)

        compared = 0
        for days in (1, 2.25, 5, 8.5, 11, 16):
            at_ms = historian.contact_ms // HOUR_MS * HOUR_MS - round(days * DAY_MS)
            then = self.scraped(historian, manual_clock, [p1, p2], runs, at_ms)
            for metric in GAUGES:
                found = {labels: values[at_ms] for labels, values in samples.get(metric, {}).items() if at_ms in values}
                wanted = {labels: value for labels, value in then[metric].items() if value or labels in found}
                assert found == pytest.approx(wanted), (metric, days)
                compared += len(wanted)
        assert compared > 150

    def scraped(
        self, historian: Any, clock: Any, projects: list[Project], runs: list[Run], at_ms: int
    ) -> dict[str, dict[tuple[str, ...], float]]:
        ledger = open_ledger("sqlite://", clock=clock)
        try:
            known = [run for run in runs if run.end_ms is not None and run.end_ms < at_ms]
            learn(ledger.workspace("acme"), projects, known, at_ms)
            families = Collector(ledger, Status()).collect(historian.config, at_ms)
            return {family.metric.name: {labels[1:]: value for labels, value in family.samples} for family in families}
        finally:
            ledger.close()

    @pytest.mark.slow
    def test_a_week_that_is_not_completely_known_is_absent(self, historian: Any) -> None:
        historian.learn(hourly_runs(historian, 20), known_from_ms=historian.contact_ms - 9 * DAY_MS)

        samples = historian.samples()

        week_ms = 7 * DAY_MS
        for values in samples["hex_project_week_runs"].values():
            first_ms = min(values)
            assert first_ms >= historian.contact_ms - 9 * DAY_MS
            # Weeks of UTC begin on a Monday, which 1970-01-05 was.
            assert (first_ms - 4 * DAY_MS) % week_ms <= HOUR_MS
        assert ("weekly-runs", "runs") in samples["hex_budget_limit"]

    @pytest.mark.slow
    def test_a_project_has_a_name_since_its_creation(self, historian: Any) -> None:
        created_ms = historian.contact_ms - 2 * DAY_MS
        young = historian.project("young", created_ms=created_ms)
        historian.learn(hourly_runs(historian, 4), historian.project("p1"), young)

        infos = {labels[0]: values for labels, values in historian.samples()["hex_project_info"].items()}

        assert created_ms <= min(infos["young"]) < created_ms + HOUR_MS
        assert min(infos["p1"]) < created_ms


@pytest.mark.slow
def test_projects_that_are_left_out_have_no_past(historian: Any) -> None:
    start_ms = historian.contact_ms - 30 * DAY_MS
    historian.learn(
        [
            historian.run("1", start_ms),
            historian.run("2", start_ms + 15 * DAY_MS),
            historian.run("3", start_ms + 15 * DAY_MS, project_id="p2"),
        ],
        historian.project("p1"),
        historian.project("p2", title="Scratch"),
    )
    historian.configure(collect=Collect(left_out=(Match(title="Scratch"),)))

    samples = historian.samples()

    assert {labels[0] for labels in samples["hex_runs_total"]} == {"p1"}
    assert {labels[0] for labels in samples["hex_project_week_runs"]} == {"p1"}
