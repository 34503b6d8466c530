"""Answers that are broken or never end, and writes that fail: nothing false follows from them."""

import asyncio
from pathlib import Path

import httpx
import pytest
import structlog
from helpers.damage import damage

from exporter.errors import LedgerError
from exporter.ledger import WorkspaceLedger

HOUR = 3600
UNTIL = "hex_runs_complete_until_timestamp_seconds"


def go(following, seconds: float, **more) -> None:
    asyncio.run(following.run_for(seconds, **more))


def listing(*items: object, after: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"values": list(items), "pagination": {"after": after}})


class TestUnreadableItems:
    @pytest.mark.slow
    def test_two_items_without_an_id_take_no_project_away(self, hand_made, follow):
        for number in range(30):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        items = list(hand_made.projects.values())
        hand_made.answers["projects"] = listing(*items[2:], {"id": None}, {"id": ["?"]})

        go(following, HOUR)

        assert len(following.known.projects()) == 30
        assert following.figures()["hex_up"] == {(): 1}

    @pytest.mark.slow
    def test_a_listing_of_which_many_cannot_be_read_is_no_success(self, hand_made, follow):
        for number in range(4):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        hand_made.answers["projects"] = listing(*({"id": None} for _ in range(4)))

        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)

        assert len(following.known.projects()) == 4
        assert following.figures()["hex_up"] == {(): 0}
        assert len([line for line in logs if line.get("what") == "projects"]) == 1

    @pytest.mark.slow
    def test_a_project_that_can_never_be_read_is_counted_and_said(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        items = list(hand_made.projects.values())
        hand_made.answers["projects"] = listing(*items[1:], {"id": None})
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        figures, problems = following.figures(), following.poller.report.problems

        hand_made.answers["projects"] = listing(*items)
        go(following, HOUR / 2)

        assert figures["hex_up"] == {(): 1}
        assert figures["hex_exporter_unreadable_projects"] == {(): 1}
        assert any("cannot be read: 1" in problem for problem in problems)
        assert following.figures()["hex_exporter_unreadable_projects"] == {(): 0}
        assert following.poller.report.problems == ()

    @pytest.mark.slow
    def test_a_known_project_that_cannot_be_read_for_once_is_not_counted(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        hand_made.answers["projects"] = listing(*list(hand_made.projects.values())[1:], {"id": None})

        go(following, HOUR / 2)

        assert following.figures()["hex_exporter_unreadable_projects"] == {(): 0}

    @pytest.mark.slow
    def test_seats_that_cannot_be_read_stay_as_they_were(self, hand_made, follow):
        users = [{"id": f"u{number}", "email": f"u{number}@x.example", "role": "EDITOR"} for number in range(12)]
        hand_made.answers["users"] = listing(*users)
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.answers["users"] = listing(*users[1:], {"id": {}})

        go(following, 4 * HOUR)

        assert following.figures()["hex_seats"][("editor",)] == 12


class TestEmptyPages:
    @pytest.mark.slow
    def test_an_empty_runs_page_that_names_a_next_one_is_no_end(self, hand_made, follow):
        hand_made.add_project("p")
        for number in range(150):
            start = hand_made.clock.now() - (150 - number) * 600
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        page = hand_made._page

        def gap(request):
            offset = int(request.url.params["offset"])
            body = page("projects/p/runs", request.url.params)
            if 0 < offset < 100:
                body["runs"], body["nextPage"] = [], "https://next"
            return httpx.Response(200, json=body)

        hand_made.answers["projects/p/runs"] = gap
        following = follow(hand_made.transport)

        go(following, HOUR)

        found = sum(1 for _ in following.known.runs_between(0, None))
        assert found < 150
        assert following.known.projects()[0].progress.known_from_ms != 0
        assert following.poller.report.problems != ()

    @pytest.mark.slow
    def test_empty_runs_pages_without_end_are_not_followed_for_long(self, hand_made, follow):
        hand_made.add_project("p")
        hand_made.answers["projects/p/runs"] = lambda _: httpx.Response(200, json={"runs": [], "nextPage": "https://n"})
        following = follow(hand_made.transport)

        go(following, HOUR)

        figures = following.figures()
        assert "hex_budget_used" not in figures
        assert UNTIL not in figures
        assert hand_made.asked("projects/p/runs") < 100

    @pytest.mark.slow
    def test_a_server_that_ignores_the_offset_is_not_taken_for_the_whole_history(self, hand_made, follow):
        hand_made.add_project("p")
        for number in range(100):
            start = hand_made.clock.now() - (100 - number) * 60
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        page = hand_made._page

        def same(request):
            body = page("projects/p/runs", request.url.params.set("offset", 0))
            return httpx.Response(200, json=body | {"nextPage": "https://next"})

        hand_made.answers["projects/p/runs"] = same
        following = follow(hand_made.transport)

        go(following, HOUR)

        assert following.known.projects()[0].progress.known_from_ms != 0
        assert hand_made.asked("projects/p/runs") < 70


class TestOrder:
    @pytest.mark.slow
    def test_a_listing_out_of_order_is_read_whole_once_and_then_only_as_far_as_the_disorder_reaches(
        self, hand_made, follow, clock
    ):
        """Start times that jump by two hours, over 1,500 runs."""
        hand_made.add_project("p")
        for number in range(1500):
            jump = 2 * HOUR if number % 7 == 0 else 0
            start = clock.now() - (1500 - number) * 600 - jump
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport)
        go(following, HOUR)
        assert sum(1 for _ in following.known.runs_between(0, None)) == 1500
        assert following.known.projects()[0].progress.known_from_ms == 0
        hand_made.requests.clear()

        go(following, HOUR)

        progress = following.known.projects()[0].progress
        assert clock.now() - progress.known_until_ms / 1000 < 600
        assert not progress.is_unordered
        assert HOUR * 1000 < progress.disorder_ms < 3 * HOUR * 1000
        assert hand_made.asked("projects/p/runs") < 110


@pytest.mark.slow
def test_a_run_that_cannot_be_read_is_counted_as_such_and_known_once_it_can(hand_made, follow, clock):
    """A look behind what is known finds it within hours, however many runs have started since."""
    hand_made.add_project("p")
    following = follow(hand_made.transport)
    go(following, HOUR)
    run = hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
    good = dict(run)
    run["runId"] = None
    for number in range(150):
        hand_made.add_run("p", f"r{number}", clock.now() + number / 100, end=clock.now() + 5)
    go(following, HOUR)
    assert following.counted("hex_exporter_bad_items_total")["runs",] >= 1
    assert sum(1 for _ in following.known.runs_between(0, None)) == 150
    run.update(good)

    go(following, 2 * HOUR)

    assert sum(1 for _ in following.known.runs_between(0, None)) == 151


@pytest.mark.slow
class TestARunThatCannotBeReadForLong:
    """Nothing is complete beyond it, for a day; a run that was known before it broke holds nothing up."""

    def broken(self, hand_made, follow, clock, later=110, per_hour=120):
        hand_made.add_project("p")
        hand_made.add_run("p", "first", clock.now() - HOUR, end=clock.now() - HOUR + 5)
        following = follow(hand_made.transport, per_hour=per_hour)
        go(following, HOUR)
        self.start = clock.now()
        run = hand_made.add_run("p", "r", self.start, end=self.start + 5)
        good = dict(run)
        run["runId"] = None
        for number in range(later):
            hand_made.add_run("p", f"r{number}", self.start + 60 + number / 100, end=self.start + 70)
        return following, run, good

    def until(self, following):
        (project,) = following.known.projects()
        return project.progress.known_until_ms / 1000

    def runs(self, following):
        return sum(1 for _ in following.known.runs_between(0, None))

    def test_it_is_counted_once_it_can_be_read_and_until_then_nothing_beyond_it_is_complete(
        self, hand_made, follow, clock
    ):
        following, run, good = self.broken(hand_made, follow, clock)
        go(following, 5 * HOUR)
        assert self.until(following) <= self.start
        assert self.runs(following) == 111
        run.update(good)

        go(following, HOUR)

        assert self.runs(following) == 112
        assert clock.now() - self.until(following) < HOUR

    def test_a_restart_does_not_pass_it_over(self, hand_made, follow, clock):
        following, run, good = self.broken(hand_made, follow, clock)
        go(following, 5 * HOUR)
        following.poller.load()
        run.update(good)

        go(following, HOUR)

        assert self.runs(following) == 112

    def test_after_a_day_it_is_left_out_with_a_word(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock, later=3, per_hour=20)
        with structlog.testing.capture_logs() as logs:
            go(following, 26 * HOUR)

        assert clock.now() - self.until(following) < 7 * HOUR
        assert len([line for line in logs if "left out" in line["event"]]) == 1

    def test_one_that_is_known_already_holds_nothing_up(self, hand_made, follow, clock):
        hand_made.add_project("p")
        runs = [
            hand_made.add_run("p", f"r{n}", clock.now() - n * HOUR - 60, end=clock.now() - n * HOUR) for n in (3, 2, 1)
        ]
        following = follow(hand_made.transport)
        go(following, HOUR)
        runs[1]["runId"] = None

        go(following, HOUR)

        assert clock.now() - self.until(following) < HOUR


@pytest.mark.slow
class TestARunOfThePastThatCannotBeRead:
    """Where it lies nothing is known for a day, however deep; then each figure says that it is left out."""

    def broken(self, hand_made, follow, clock, place=130, of=150, every=HOUR):
        """So many runs, a start each hour, of which one of the last week is broken."""
        hand_made.add_project("p")
        for number in range(of):
            start = clock.now() - (of - number) * every
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        run = hand_made.runs["p"][place]
        good = dict(run)
        run["runId"] = None
        return follow(hand_made.transport, durable=True, per_hour=12), run, good

    def since(self, following):
        (project,) = following.known.projects()
        return project.progress.complete_from_ms

    def ids(self, following):
        return {run.run_id for run in following.known.runs_between(0, None)}

    @pytest.mark.parametrize("place", [0, 99, 130, 149])
    def test_nothing_is_complete_where_it_lies_and_it_is_known_once_it_can_be_read(
        self, hand_made, follow, clock, place
    ):
        following, run, good = self.broken(hand_made, follow, clock, place)
        go(following, 3 * HOUR)
        (project,) = following.known.projects()
        progress = project.progress
        start_ms = clock.now() * 1000 - (place + 1 + 3) * HOUR * 1000
        assert progress.complete_from_ms > start_ms or progress.known_until_ms <= start_ms + HOUR * 1000
        assert following.figures()["hex_exporter_unreadable_runs"] == {(): 1}
        run.update(good)

        go(following, 2 * HOUR)

        assert len(self.ids(following)) == 150
        assert self.since(following) == 0
        assert following.figures()["hex_exporter_unreadable_runs"] == {(): 0}

    def test_after_a_day_it_is_left_out_and_every_figure_says_so(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock)
        go(following, 20 * HOUR)
        assert "hex_budget_previous_used" not in following.figures()
        following.restart()
        with structlog.testing.capture_logs() as logs:
            go(following, 6 * HOUR)

        figures = following.figures()
        assert self.since(following) == 0
        assert figures["hex_exporter_unreadable_runs"] == {(): 1}
        assert figures["hex_budget_unreadable_projects"] == {("weekly-runs", "runs"): 1}
        weeks = ("hex_budget_used", "hex_budget_previous_used")
        assert sum(figures[name]["weekly-runs", "runs"] for name in weeks) == 149
        assert len([line for line in logs if "left out" in line["event"]]) == 1

    def test_pages_of_which_nothing_can_be_read_are_no_end_and_no_disorder(self, hand_made, follow, clock):
        following, run, whole = self.broken(hand_made, follow, clock, of=450)
        run.update(whole)
        broken = hand_made.runs["p"][150:290]
        good = [dict(run) for run in broken]
        for run in broken:
            run["runId"] = None
        go(following, 3 * HOUR)
        (project,) = following.known.projects()
        assert project.progress.known_from_ms > clock.now() * 1000 - 160 * HOUR * 1000
        assert not project.progress.is_unordered
        for run, fields in zip(broken, good, strict=True):
            run.update(fields)

        go(following, 4 * HOUR)

        assert len(self.ids(following)) == 450

    def test_one_of_before_the_last_two_periods_marks_no_budget(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock, place=40, of=50, every=24 * HOUR)
        go(following, 26 * HOUR)

        figures = following.figures()
        assert figures["hex_exporter_unreadable_runs"] == {(): 1}
        assert figures["hex_budget_unreadable_projects"] == {("weekly-runs", "runs"): 0}
        assert "hex_budget_previous_used" in figures


class TestWritesThatFail:
    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(4))
    def test_pages_that_could_not_be_written_are_read_again(self, hand_made, follow, clock, monkeypatch, seed):
        hand_made.add_project("p")
        for number in range(450):
            start = clock.now() - (450 - number) * 900
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True)
        record = WorkspaceLedger.record_runs
        calls = []

        def sometimes(*arguments, **named):
            calls.append(1)
            if len(calls) % 4 == seed and len(calls) < 30:
                raise LedgerError("ledger.db: cannot be written: database is locked")
            return record(*arguments, **named)

        monkeypatch.setattr(WorkspaceLedger, "record_runs", sometimes)
        go(following, HOUR)
        clock.advance(90 * 900)
        for number in range(450, 800):
            start = clock.now() - (800 - number) * 200
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        calls.clear()
        go(following, HOUR)

        assert sum(1 for _ in following.known.runs_between(0, None)) == 800
        assert sum(following.counted().values()) == 350

    @pytest.mark.slow
    def test_nothing_is_complete_before_a_page_that_could_not_be_written_is_read_again(
        self, hand_made, follow, clock, monkeypatch
    ):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, 600.0)
        started_ms = clock.now() * 1000
        for number in range(250):
            hand_made.add_run("p", f"r{number}", clock.now(), end=clock.now() + 5)
        record, failed = WorkspaceLedger.record_runs, []

        def fails_once(*arguments, **named):
            if not failed:
                failed.append(1)
                raise LedgerError("ledger.db: cannot be written: database is locked")
            return record(*arguments, **named)

        monkeypatch.setattr(WorkspaceLedger, "record_runs", fails_once)
        while not failed:
            go(following, 1.0)
        clock.advance(600.0)  # the listing of projects comes first then, and with it new plans for each of them
        known_at_once = set()

        def look() -> None:
            if following.known.projects()[0].progress.known_until_ms > started_ms:
                known_at_once.add(sum(1 for _ in following.known.runs_between(0, None)))

        go(following, 1200.0, each=look)

        assert known_at_once == {250}

    @pytest.mark.slow
    def test_a_ledger_that_is_set_aside_while_running_is_filled_again_from_the_start(
        self, hand_made, follow, clock, tmp_path: Path
    ):
        for name in ("a", "b", "c"):
            hand_made.add_project(name)
            for number in range(250):
                start = clock.now() - (250 - number) * 900
                hand_made.add_run(name, f"{name}{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        assert sum(1 for _ in following.known.runs_between(0, None)) == 750

        damage(following.ledger, tmp_path / "ledger.db")
        for name in ("a", "b", "c"):
            hand_made.add_run(name, f"{name}-new", clock.now(), end=clock.now() + 5)
        go(following, 2 * HOUR)

        assert list(tmp_path.glob("ledger.db.corrupt-*"))
        assert sum(1 for _ in following.known.runs_between(0, None)) == 753
        assert all(one.progress.known_from_ms == 0 for one in following.known.projects())

    @pytest.mark.slow
    def test_nothing_is_claimed_while_a_ledger_that_was_set_aside_is_filled(
        self, hand_made, follow, clock, tmp_path: Path
    ):
        hand_made.add_project("p")
        for number in range(450):
            start = clock.now() - (450 - number) * 120
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        used = following.figures()["hex_budget_used"]
        claims = []

        def note() -> None:
            try:
                claims.append(following.figures().get("hex_budget_used"))
            except LedgerError:
                claims.append(None)

        damage(following.ledger, tmp_path / "ledger.db")
        go(following, HOUR / 2, each=note)

        assert list(tmp_path.glob("ledger.db.corrupt-*"))
        assert None in claims
        assert [claim for claim in claims if claim not in (None, used)] == []


class TestActiveRuns:
    @pytest.mark.slow
    def test_a_run_active_in_a_project_that_is_deleted_ends_within_an_hour(self, hand_made, follow, clock):
        hand_made.add_project("p")
        hand_made.add_project("q")
        hand_made.add_run("p", "r", clock.now())
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        assert len(following.known.active_runs()) == 1
        del hand_made.projects["p"]
        go(following, 40 * 60)
        following.restart()
        go(following, 20 * 60)

        assert following.known.active_runs() == ()

    @pytest.mark.slow
    def test_a_run_without_a_status_is_not_active_for_ever_and_still_a_run(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.add_run("p", "r", clock.now(), status=None)
        hand_made.add_run("p", "s", clock.now(), status=None, startTime=None)

        go(following, 2 * HOUR)

        assert following.known.active_runs() == ()
        assert following.figures()["hex_budget_used"][("weekly-runs", "runs")] == 2

        hand_made.runs["p"][1].update(status="COMPLETED", endTime="2026-11-23T03:30:00.000Z")
        go(following, 2 * HOUR)
        assert following.counted() == {("p", "api", "completed"): 1}


class TestWhatIsLogged:
    def test_a_cursor_that_loops_is_said_once(self, hand_made, follow):
        item = {"id": "p", "lastPublishedAt": None}
        hand_made.answers["projects"] = lambda request: (
            listing(item, after="c1")
            if request.url.params.get("after") is None
            else listing({"id": "q", "lastPublishedAt": None}, after="c1")
        )
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 2 * HOUR)

        assert len([line for line in logs if line.get("what") == "projects"]) == 1

    @pytest.mark.slow
    def test_one_project_that_never_answers_among_others_that_do_is_said_once(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        hand_made.answers["projects/p3/runs"] = httpx.Response(504, text="timeout")
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 2 * HOUR)
            during = following.poller.report.problems
            del hand_made.answers["projects/p3/runs"]
            go(following, HOUR)

        assert [line["log_level"] for line in logs if line.get("what") == "runs"] == ["warning", "info"]
        assert any("504" in problem for problem in during)
        assert following.poller.report.problems == ()
