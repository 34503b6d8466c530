"""The next request: listings first, the most overdue first, history breadth first, and nothing waits without end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hexapi import ApiRequest, Endpoint
from exporter.polling.planner import Idle, ListingOutlook, PlannedRequest, ProjectOutlook, plan, plan_detail
from exporter.polling.reasons import Reason

NOW = 1_000_000
WEEKS = (900_000, 800_000)
LATER = NOW + 60_000


def listing(endpoint: Endpoint, due_ms: int = 0, under_way: ApiRequest | None = None) -> ListingOutlook:
    return ListingOutlook(endpoint=endpoint, due_ms=due_ms, under_way=under_way)


def project(project_id: str, due_ms: int = LATER, **more: object) -> ProjectOutlook:
    return ProjectOutlook(project_id=project_id, due_ms=due_ms, **more)


def older(project_id: str) -> ApiRequest:
    return ApiRequest(endpoint=Endpoint.RUNS, project_id=project_id, offset=97)


def planned(listings=(), projects=(), *, turn: int = 1, **more: int) -> ApiRequest | Idle:
    chosen = plan(listings, projects, now_ms=NOW, weeks_ms=WEEKS, turn=turn, **more)
    return chosen.request if isinstance(chosen, PlannedRequest) else chosen


def reason(listings=(), projects=(), *, turn: int = 1) -> Reason:
    return plan(listings, projects, now_ms=NOW, weeks_ms=WEEKS, turn=turn).reason


def test_project_listing_goes_before_everything_else():
    ask = planned([listing(Endpoint.USERS), listing(Endpoint.PROJECTS, NOW)], [project("p", 0)])

    assert ask == ApiRequest(endpoint=Endpoint.PROJECTS)


def test_listing_under_way_goes_on_with_its_next_page():
    under_way = ApiRequest(endpoint=Endpoint.PROJECTS, after="c2")

    assert planned([listing(Endpoint.PROJECTS, 0, under_way)]) == under_way


def test_other_listings_and_newest_runs_take_turns():
    listings, projects = [listing(Endpoint.THREADS)], [project("p", 0)]

    requested = [planned(listings, projects, turn=turn).endpoint for turn in (1, 2, 3, 4)]

    assert requested == [Endpoint.THREADS, Endpoint.RUNS, Endpoint.THREADS, Endpoint.RUNS]


def test_most_overdue_project_is_asked_first():
    assert planned((), [project("late", 10), project("later", 20)]).project_id == "late"


def test_read_under_way_is_finished_before_another_begins():
    under_way = ApiRequest(endpoint=Endpoint.RUNS, project_id="b", offset=99)

    assert planned((), [project("a", 0), project("b", LATER, under_way=under_way)]) == under_way


def test_history_is_read_breadth_first():
    """This week of every project comes before anybody's last week, that before the rest."""
    projects = [
        project("rest", older=older("rest"), known_from_ms=700_000, activity=9),
        project("last", older=older("last"), known_from_ms=850_000, activity=9),
        project("this", older=older("this"), known_from_ms=950_000),
    ]

    assert planned((), projects).project_id == "this"
    assert planned((), projects[:2]).project_id == "last"
    assert planned((), projects[:1]).project_id == "rest"


def test_history_gets_one_request_in_five_for_two_weeks_and_one_in_ten_for_the_rest_however_busy_the_present_is():
    busy = project("busy", 0)

    def share(known_from_ms: int) -> int:
        projects = [busy, project("old", older=older("old"), known_from_ms=known_from_ms)]
        return [planned((), projects, turn=turn).project_id for turn in range(1, 21)].count("old")

    assert share(950_000) == share(850_000) == 4
    assert share(700_000) == 2


def test_the_past_of_a_project_may_wait_while_its_newest_runs_go_on():
    waiting = project("p", older=older("p"), known_from_ms=700_000, older_paused_until_ms=LATER)

    assert planned((), [waiting]) == Idle(LATER)
    assert planned((), [project("p", 0, older=older("p"), older_paused_until_ms=LATER)]).offset == 0


def test_paused_projects_and_endpoints_are_left_alone():
    assert planned((), [project("p", 0, paused_until_ms=LATER)]) == Idle(LATER)
    assert planned((), [project("p", 0)], runs_paused_until_ms=LATER) == Idle(LATER)


def test_turns_wait_for_one_another_and_what_is_foretold_does_not():
    turns = [project("a", 0, due_reason=Reason.TURN), project("b", 1, due_reason=Reason.TURN)]

    assert planned((), turns, next_turn_ms=NOW + 7) == Idle(NOW + 7)
    assert planned((), turns, next_turn_ms=NOW).project_id == "a"
    assert planned((), [*turns, project("foretold", 5)], next_turn_ms=NOW + 7).project_id == "foretold"


def test_queried_tables_of_the_most_active_project_come_first_and_no_further_one_is_looked_at():
    looked_at = []

    def detail(project_id: str) -> ApiRequest | None:
        looked_at.append(project_id)
        return None if project_id == "known" else ApiRequest(endpoint=Endpoint.QUERIED_TABLES, project_id=project_id)

    projects = [
        project("quiet", activity=1),
        project("known", activity=9),
        project("paused", activity=8, paused_until_ms=LATER),
        project("busy", activity=7),
    ]

    assert plan_detail(projects, detail, now_ms=NOW).request.project_id == "busy"
    assert looked_at == ["known", "busy"]
    assert plan_detail(projects[1:3], detail, now_ms=NOW) is None


def test_each_request_says_why_it_was_chosen():
    page = ApiRequest(endpoint=Endpoint.PROJECTS, after="c2")

    assert reason([listing(Endpoint.USERS)]) is Reason.LISTING_DUE
    assert reason([listing(Endpoint.PROJECTS, 0, page)]) is Reason.NEXT_PAGE
    assert reason((), [project("p", 0, due_reason=Reason.ACTIVE_RUN)]) is Reason.ACTIVE_RUN
    assert reason((), [project("p", 0, under_way=older("p"))]) is Reason.NEXT_PAGE
    assert [reason((), [project("p", older=older("p"), known_from_ms=ms)]) for ms in (950_000, 850_000, 700_000)] == [
        Reason.HISTORY_THIS_WEEK,
        Reason.HISTORY_LAST_WEEK,
        Reason.HISTORY_REST,
    ]


def test_idle_until_the_first_thing_is_due():
    assert planned([listing(Endpoint.USERS, NOW + 5)], [project("p", NOW + 9)]) == Idle(NOW + 5)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(st.integers(0, 2 * NOW), min_size=1, max_size=20))
def test_every_due_project_is_asked_within_as_many_turns_as_there_are_projects(due):
    """Requested in the order of their due times, each leaves the queue once it is served."""
    waiting = {f"p{position}": at for position, at in enumerate(due)}
    ready = {name for name, at in waiting.items() if at <= NOW}

    served = []
    while isinstance(ask := planned((), [project(name, at) for name, at in waiting.items()]), ApiRequest):
        served.append(ask.project_id)
        waiting[ask.project_id] = LATER * 10

    assert sorted(served) == sorted(ready)
    assert [due[int(name[1:])] for name in served] == sorted(due[int(name[1:])] for name in served)


def test_no_page_of_the_past_is_requested_before_its_time():
    behind = project("p", older=older("p"), known_from_ms=950_000)

    assert planned((), [behind], next_past_ms=LATER) == Idle(LATER)
    assert planned((), [behind], next_past_ms=NOW) == older("p")
