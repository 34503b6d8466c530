"""A year of findings that come, go and return: identities, and what was realised, to the last micro-dollar."""

import random
from dataclasses import replace

import pytest
from helpers.sizes import size

from exporter.config import Ignore, Prices, SeatPrices
from exporter.facts import Project, Schedule, Seat
from exporter.insight.savings.audit_input import DAY_MS, WINDOW_MS, Amount, AuditInput, ProjectUse
from exporter.insight.savings.finding import MONTH_MS
from exporter.insight.savings.lifecycle import YEAR_MS, advance
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
RUN_MICRO = 50_000
HOURLY_MICRO = 28 * 24 * RUN_MICRO * MONTH_MS // WINDOW_MS
"""What an hourly schedule costs a month."""

TARIFF = tariff(
    Prices(
        plan="team",
        run_micro_usd=RUN_MICRO,
        overrides={"team": SeatPrices(editor_month_micro_usd=28_000_000, explorer_month_micro_usd=0)},
    )
)


class Life:
    """A workspace whose hourly projects are switched on and off, opened and left, and whose seat comes and goes."""

    def __init__(self, projects: int) -> None:
        self.now_ms = START_MS
        self.on_since_ms: dict[str, int | None] = {f"p{number}": 0 for number in range(projects)}
        self.ran_until_ms: dict[str, int] = {}
        self.viewed_ms: dict[str, int] = {}
        self.login_ms = 0
        self.has_seat = True
        self.can_list = True

    def switch_off(self, project_id: str) -> None:
        self.on_since_ms[project_id] = None
        self.ran_until_ms[project_id] = self.now_ms

    def switch_on(self, project_id: str) -> None:
        self.on_since_ms[project_id] = self.now_ms

    def runs(self, project_id: str) -> int:
        """How many hours of the last 28 days it was on, as if it had never been off before that."""
        since_ms = self.now_ms - WINDOW_MS
        on_ms = self.on_since_ms[project_id]
        before = max(0, self.ran_until_ms.get(project_id, 0) - since_ms)
        return (before + (0 if on_ms is None else self.now_ms - max(on_ms, since_ms))) // HOUR_MS

    def evidence(self) -> AuditInput:
        def one(project_id: str) -> Project:
            is_on = self.on_since_ms[project_id] is not None
            return Project(
                project_id=project_id,
                title=project_id.upper(),
                owner="gone@x.example",
                created_ms=0,
                edited_ms=0,
                published_ms=0,
                viewed_ms=self.viewed_ms.get(project_id),
                views_30d=0,
                schedules=(Schedule(cadence="hourly", enabled=is_on, cron="0 * * * *"),),
            )

        uses = {}
        for project_id in self.on_since_ms:
            runs = self.runs(project_id)
            uses[project_id] = ProjectUse(by={("scheduled", "completed"): Amount(runs, runs * 1000)} if runs else {})
        seats = (
            Seat(user_id="u0", email="boss@x.example", role="admin", last_login_ms=self.now_ms),
            *((Seat(user_id="u1", email="ana@x.example", role="editor", last_login_ms=self.login_ms),) * self.has_seat),
        )
        return AuditInput(
            now_ms=self.now_ms,
            since_ms=self.now_ms - WINDOW_MS,
            tariff=TARIFF,
            month=(START_MS, START_MS + MONTH_MS),
            projects=tuple(map(one, self.on_since_ms)) if self.can_list else None,
            uses=uses,
            seats=seats,
            threads=(),
        )


class Book:
    """The records as a ledger keeps them from audit to audit."""

    def __init__(self) -> None:
        self.records = ()
        self.previous_ms = None
        self.realised = {}

    def take(self, found):
        after = advance(self.records, found, self.previous_ms)
        assert len({(one.kind, one.subject) for one in after.records}) == len(after.records)
        self.records, self.previous_ms = after.records, found.now_ms
        for kind, micro in after.realised.items():
            assert micro > 0
            self.realised[kind] = self.realised.get(kind, 0) + micro

    def of(self, kind, subject):
        (one,) = [one for one in self.records if (one.kind, one.subject) == (kind, subject)]
        return one


ABANDONED = ("abandoned_project", "p0")


@pytest.fixture
def life():
    return Life(3)


@pytest.fixture
def book():
    return Book()


def pass_days(life, book, days, step=1.0, ignore=()):
    for _ in range(round(days / step)):
        life.now_ms += int(step * DAY_MS)
        book.take(audit(life.evidence(), ignore))


class TestStates:
    def test_it_is_seen_and_seen_again(self, life, book):
        pass_days(life, book, 10)

        one = book.of(*ABANDONED)
        assert (one.first_seen_ms, one.last_seen_ms) == (START_MS + DAY_MS, START_MS + 10 * DAY_MS)
        assert (one.gone_ms, one.realised_micro) == (None, 0)
        assert (one.saving_micro, one.cost_micro) == (HOURLY_MICRO, HOURLY_MICRO)

    def test_switched_off_it_saves_what_it_cost_for_as_long_as_it_is_off(self, life, book):
        pass_days(life, book, 10)
        life.switch_off("p0")
        pass_days(life, book, 101)

        one = book.of(*ABANDONED)
        assert one.gone_ms == START_MS + 11 * DAY_MS
        assert one.last_seen_ms == START_MS + 10 * DAY_MS
        assert one.realised_micro == HOURLY_MICRO * 100 * DAY_MS // MONTH_MS
        assert book.realised == {"abandoned_project": one.realised_micro}

    @pytest.mark.slow
    @pytest.mark.parametrize("step", [0.25, 1.0, 5.0, 50.0])
    def test_the_sum_is_the_same_in_steps_of_any_length(self, life, book, step):
        pass_days(life, book, 1)
        life.switch_off("p0")
        pass_days(life, book, 1)
        pass_days(life, book, 100, step)

        assert book.of(*ABANDONED).realised_micro == HOURLY_MICRO * 100 * DAY_MS // MONTH_MS

    def test_opened_again_it_is_gone_and_saves_nothing_while_it_runs_as_before(self, life, book):
        pass_days(life, book, 10)
        life.viewed_ms["p0"] = life.now_ms
        pass_days(life, book, 20)

        one = book.of(*ABANDONED)
        assert one.gone_ms is not None
        assert (one.realised_micro, book.realised) == (0, {})

    @pytest.mark.parametrize(("left", "per_cent"), [(0.9, 0), (0.6, 0), (0.5, 50), (0.25, 75)])
    def test_what_became_a_little_cheaper_has_not_gone_with_its_cost(self, life, book, left, per_cent):
        pass_days(life, book, 10)
        life.viewed_ms["p0"] = life.now_ms
        for _ in range(20):
            life.now_ms += DAY_MS
            found = audit(life.evidence())
            book.take(replace(found, costs={**found.costs, "p0": int(HOURLY_MICRO * left)}))

        expected = HOURLY_MICRO * per_cent // 100 * 19 * DAY_MS // MONTH_MS
        assert book.of(*ABANDONED).realised_micro == pytest.approx(expected, abs=2)

    def test_back_again_it_keeps_its_identity_and_its_realised_savings_and_stops(self, life, book):
        pass_days(life, book, 10)
        life.switch_off("p0")
        pass_days(life, book, 40)
        realised = book.of(*ABANDONED).realised_micro
        life.switch_on("p0")
        pass_days(life, book, 40)

        one = book.of(*ABANDONED)
        assert one.first_seen_ms == START_MS + DAY_MS
        assert one.gone_ms is None
        # On the day on which it was switched on it was not yet found again.
        assert one.realised_micro == realised == HOURLY_MICRO * 39 * DAY_MS // MONTH_MS
        assert one.saving_micro == HOURLY_MICRO

    def test_after_a_year_nothing_more_is_counted(self, life, book):
        pass_days(life, book, 2)
        life.switch_off("p0")
        pass_days(life, book, 800, 10.0)

        assert book.of(*ABANDONED).realised_micro == HOURLY_MICRO * YEAR_MS // MONTH_MS == 12 * HOURLY_MICRO

    def test_what_cannot_be_judged_is_not_gone(self, life, book):
        pass_days(life, book, 5)
        before = book.of(*ABANDONED)
        life.can_list = False
        pass_days(life, book, 30)

        assert book.of(*ABANDONED) == before

    def test_what_is_ignored_is_not_gone(self, life, book):
        ignore = (Ignore(kind="abandoned_project", subject="P0", reason="month end"),)
        pass_days(life, book, 5)
        pass_days(life, book, 30, ignore=ignore)

        one = book.of(*ABANDONED)
        assert (one.gone_ms, one.realised_micro) == (None, 0)
        assert one.last_seen_ms == life.now_ms

    def test_a_seat_given_up_saves_its_price(self, life, book):
        pass_days(life, book, 5)
        life.has_seat = False
        pass_days(life, book, 31)

        assert book.of("idle_paid_seat", "u1").realised_micro == 28_000_000 * 30 * DAY_MS // MONTH_MS

    def test_a_seat_that_is_used_again_saves_nothing(self, life, book):
        pass_days(life, book, 5)
        life.login_ms = life.now_ms
        pass_days(life, book, 60)

        assert book.of("idle_paid_seat", "u1").realised_micro == 0

    def test_the_first_audit_ever_and_a_clock_set_back_realise_nothing(self, life, book):
        pass_days(life, book, 5)
        life.switch_off("p0")
        pass_days(life, book, 5)
        realised = book.realised.copy()
        life.now_ms -= 3 * DAY_MS
        book.take(audit(life.evidence()))
        book.previous_ms = None
        life.now_ms += DAY_MS
        book.take(audit(life.evidence()))

        assert book.realised == realised

    def test_two_findings_on_one_subject_save_no_more_than_its_cost_fell(self, life, book):
        """Two kinds that counted in turn, each with the whole cost, and then the schedule was switched off."""
        pass_days(life, book, 5)
        first = book.of(*ABANDONED)
        second = replace(first, kind="failing_schedule", gone_ms=life.now_ms)
        life.switch_off("p0")
        book.records = (*(one for one in book.records if one is not first), replace(first, gone_ms=life.now_ms), second)
        pass_days(life, book, 30)

        assert sum(book.realised.values()) == HOURLY_MICRO * 30 * DAY_MS // MONTH_MS


class Expected:
    """What ought to be known of one abandoned project, kept by hand beside the audit."""

    def __init__(self) -> None:
        self.first_ms = None
        self.gone_ms = None
        self.saving = 0
        self.realised = 0

    def step(self, now_ms, previous_ms, is_found, is_off, saving):
        if is_found:
            self.first_ms = self.first_ms or now_ms
            self.gone_ms, self.saving = None, saving
        elif self.first_ms is not None and self.gone_ms is None:
            self.gone_ms = now_ms
        elif self.gone_ms is not None and is_off:
            until, since = (min(at - self.gone_ms, YEAR_MS) for at in (now_ms, previous_ms))
            self.realised += self.saving * until // MONTH_MS - self.saving * since // MONTH_MS


@pytest.mark.parametrize("seed", range(size(1, 5)))
@pytest.mark.slow
def test_a_year_of_coming_and_going_adds_up(seed):
    dice = random.Random(seed)
    life, book = Life(8), Book()
    expected = {project_id: Expected() for project_id in life.on_since_ms}
    previous_ms, events = None, 0
    for _ in range(365):
        for project_id, on_since_ms in life.on_since_ms.items():
            fate = dice.random()
            if fate < 0.02:
                events += 1
                life.switch_off(project_id) if on_since_ms is not None else life.switch_on(project_id)
            elif fate < 0.03:
                events += 1
                life.viewed_ms[project_id] = life.now_ms
        life.now_ms += DAY_MS
        found = audit(life.evidence())
        book.take(found)
        for project_id, one in expected.items():
            is_on = life.on_since_ms[project_id] is not None
            is_viewed = life.viewed_ms.get(project_id, 0) > life.now_ms - 30 * DAY_MS
            micro = life.runs(project_id) * RUN_MICRO * MONTH_MS // WINDOW_MS
            is_found = is_on and not is_viewed and micro > 0
            one.step(life.now_ms, previous_ms, is_found, not is_on, micro)
        previous_ms = life.now_ms

    assert events > 50
    records = {one.subject: one for one in book.records if one.kind == "abandoned_project"}
    assert {subject: (one.first_seen_ms, one.gone_ms, one.realised_micro) for subject, one in records.items()} == {
        subject: (one.first_ms, one.gone_ms, one.realised) for subject, one in expected.items()
    }
    assert sum(one.realised_micro for one in book.records) == sum(book.realised.values()) > 0
