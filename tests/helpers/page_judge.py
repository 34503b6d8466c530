"""Whether a page says what is true of an unreliable workspace: exact, older than it says, or absent; never false."""

from exporter.metrics import Collector, Status
from exporter.metrics.families.budgets import budget_families
from exporter.metrics.families.exporter_metrics import progress_families
from exporter.metrics.families.health import health_families
from exporter.metrics.families.runs import run_families
from exporter.metrics.families.stored_counters import counter_families
from exporter.metrics.families.weeks import week_families
from helpers.following import Following
from helpers.unreliable_hex import DAY, WEEK, TrueRun, UnreliableHex

KEPT = 400 * DAY

TOLERATED = 4.0
"""Seconds by which clocks may differ and still agree, and the whole seconds of the Date header."""

_PERIODS = (("hex_budget_used", 0.0), ("hex_budget_previous_used", WEEK))
_WINDOWS = {"1h": 3600.0, "6h": 6 * 3600.0, "7d": WEEK}
_CONCEPTS = (health_families, counter_families, run_families, week_families, budget_families, progress_families)
"""The figures that follow from reading; the rest of the page costs as much again."""

_TO_COME = frozenset(
    {
        "hex_token_expiry_timestamp_seconds",
        "hex_budget_period_end_timestamp_seconds",
        "hex_api_cooldown_until_timestamp_seconds",
    }
)
"""The timestamps of the page that may lie in the future."""

_BUDGET = ("weekly-runs", "runs")


class PageJudge:
    """Looks at the page and the ledger of an exporter that follows a workspace; AssertionError where they are false."""

    def __init__(self, workspace: UnreliableHex, following: Following) -> None:
        self.workspace, self.following = workspace, following
        self.began = workspace.clock.now()
        self._known_projects: set[str] = set()
        self._known_runs: set[str] = set()
        self._counted: dict[tuple[str, tuple[str, ...]], float] = {}
        self._claimed_ms: dict[str, int] = {}
        self.begin_process()

    def begin_process(self) -> None:
        """From now on it is another process that shows the page."""
        self._collector = Collector(self.following.ledger, Status())

    def page(self) -> dict[str, dict[tuple[str, ...], float]]:
        """What the page shows now of reading: by metric, by label values without the workspace."""
        time = self.following.time
        skew_ms = None if time.is_doubtful else time.ahead_ms
        now_ms = round(self.following.clock.now() * 1000)
        (snapshot,) = self._collector.snapshots(self.following.config, now_ms, {"w": skew_ms})
        families = [family for concept in _CONCEPTS for family in concept(snapshot) if family.samples]
        self._kinds = {one.metric.name: one.metric.kind for one in families}
        return {one.metric.name: {labels[1:]: value for labels, value in one.samples} for one in families}

    def judge(self) -> None:
        """Every figure is exact, older than it says, or absent."""
        page, now = self.page(), self.workspace.clock.now()
        known = {run.run_id: run for run in self.following.known.runs_between(0, None)}
        self._judge_counters(page)
        self._judge_listing(page, now)
        for run_id, run in known.items():
            assert run.start_ms == round(self.workspace.runs[run_id].start * 1000), (
                "a run that never was, or at another time"
            )
        kept = {run_id for run_id in self._known_runs if self.workspace.runs[run_id].start > now - KEPT + 2 * DAY}
        assert kept <= known.keys(), "a run was forgotten"
        self._known_runs = set(known)
        if self.following.time.is_agreed:  # until Hex has answered, time is what this machine's clock says
            self._judge_times(page, now)
            self._judge_weeks(page, now, known.keys())

    def forget_unlisted(self) -> None:
        """What has left the listing need not be known any more, nor at once when it is listed again."""
        self._known_projects &= self.workspace.projects.keys()

    def judge_claims(self) -> None:
        """What is said to be known of a project now, and was not before this exchange, is known."""
        for one in self.following.known.projects():
            project_id, progress = one.project.project_id, one.progress
            until_ms, since_ms = progress.known_until_ms or 0, progress.complete_from_ms or 0
            claimed_ms = self._claimed_ms.get(project_id, 0)
            if until_ms > claimed_ms and self.following.time.is_agreed:
                since, until = max(claimed_ms, since_ms) / 1000 + TOLERATED, until_ms / 1000 - TOLERATED
                due = {run.run_id for run in self.workspace.listed[project_id] if since <= run.start < until}
                missing = due - self.following.known.known_run_ids(tuple(due))
                missing = {run_id for run_id in missing if not self.is_said_to_be_left_out(self.workspace.runs[run_id])}
                assert not missing, f"{project_id} is said to be known until {until_ms}: {missing} are missing"
            self._claimed_ms[project_id] = until_ms

    def _judge_times(self, page, now: float) -> None:
        for name, samples in page.items():
            if name.startswith("hex_") and name.endswith("_timestamp_seconds") and name not in _TO_COME:
                latest = max(samples.values(), default=0.0)
                assert latest <= now + TOLERATED, f"{name} is {latest - now:.0f} s in the future"
        contact_ms = self.following.known.first_contact_ms
        assert contact_ms is None or self.began - TOLERATED <= contact_ms / 1000 <= now + TOLERATED

    def _judge_counters(self, page) -> None:
        counters = {
            (name, labels): value
            for name, samples in page.items()
            if self._kinds[name] == "counter" and name.startswith("hex_")
            for labels, value in samples.items()
        }
        for series, value in counters.items():
            assert value >= self._counted.get(series, 0), f"{series} fell"
        self._counted |= counters
        ends = [run.end for run in self.workspace.runs.values() if run.end is not None]
        assert sum(page.get("hex_runs_total", {}).values()) <= sum(end >= self.began - TOLERATED for end in ends)

    def _judge_listing(self, page, now: float) -> None:
        if page.get("hex_up", {}).get((), 0) and not self.workspace.is_write_lost:
            assert self.workspace.is_listing_good, "up, though the last listing was not read whole"
        for (collector,), at in page.get("hex_collector_last_success_timestamp_seconds", {}).items():
            if collector in ("projects", "runs"):
                assert at <= self.workspace.good.get(collector, 0) + TOLERATED, f"{collector} was not read then"
        listed = {one.project.project_id for one in self.following.known.projects()}
        assert self._known_projects <= listed, "a project that Hex lists is gone"
        self._known_projects = listed & self.workspace.projects.keys()

    def _judge_weeks(self, page, now: float, known) -> None:
        until = page.get("hex_runs_complete_until_timestamp_seconds", {}).get(())
        used, previous = (page.get(name, {}).get(_BUDGET) for name, _ in _PERIODS)
        if used is None and previous is None:
            return
        assert until is not None, "a figure that does not say how old it is"
        start = page["hex_budget_period_start_timestamp_seconds"][_BUDGET]
        assert start - TOLERATED <= now < start + WEEK + TOLERATED, "another week than this one"
        hidden = set()
        for run in self.workspace.runs.values():
            is_told = run.start >= start if previous is None else run.start >= start - WEEK
            is_due = is_told and run.start < until - TOLERATED
            is_followed = not run.was_deleted and run.project_id in self.workspace.projects
            if is_due and run.run_id not in known and is_followed and not self.is_said_to_be_left_out(run):
                assert f"runs/{run.project_id}" not in self.workspace.good, f"{run} is missing, complete until {until}"
                hidden.add(run.project_id)
        assert len(hidden) <= page["hex_exporter_unreadable_projects"][()], f"{hidden} are taken for empty"
        places = [self.workspace.runs[run_id].start for run_id in known]
        if used is not None:
            assert used == sum(start <= at for at in places)
            assert used == sum(page["hex_project_week_runs"].values())
        if previous is not None:
            assert previous == sum(start - WEEK <= at < start for at in places)
        for labels, value in page.get("hex_budget_window_used", {}).items():
            length = _WINDOWS[labels[-1]]
            least = sum(now - length + TOLERATED <= at < now - TOLERATED for at in places)
            assert least <= value <= sum(now - length - TOLERATED <= at for at in places), labels

    def is_said_to_be_left_out(self, run: TrueRun) -> bool:
        """Whether it is one of those that could not be read for a day: they are counted, and marked in budgets."""
        start_ms, now_ms = run.start * 1000, self.workspace.clock.now() * 1000
        return any(
            one.project_id == run.project_id
            and one.since_ms - TOLERATED * 1000 <= start_ms <= one.until_ms + TOLERATED * 1000
            and now_ms - one.noticed_ms >= (DAY - 2 * TOLERATED) * 1000
            for one in self.following.known.unreadable_runs
        )
