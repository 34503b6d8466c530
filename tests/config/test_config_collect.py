"""Which projects are polled, and how old listings may be."""

import pytest

from exporter.config import Collect, shortest_max_age_seconds
from exporter.facts import Project

SCRATCH = Project(project_id="s", title="Scratch pad", owner="a@acme.example")
REPORT = Project(project_id="r", title="Report", owner="b@acme.example")
ALIEN = Project(project_id="x", title="Report", owner="c@other.example")


TWO = "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"


def polled(collect, *projects, workspace="acme"):
    return [one.project_id for one in projects if collect.is_polled(workspace, one)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", ["s", "r", "x"]),
        ("{match: {owner: '*@acme.example'}}", ["s", "r"]),
        ("{match: [{title: scratch*}, {owner: '*@OTHER.example'}]}", ["s", "x"]),
        ("{except: {title: 'Scratch *'}}", ["r", "x"]),
        ("{except: [{title: Scratch*}, {owner: '*@other.example'}]}", ["r"]),
        ("{except: {title: Report, owner: '*@other.example'}}", ["s", "r"]),
        ("{match: {owner: '*@acme.example'}, except: {title: Scratch*}}", ["r"]),
        ("{except: {workspace: labs}}", ["s", "r", "x"]),
        ("{match: {workspace: labs}}", []),
    ],
)
def test_a_project_is_polled_if_one_match_fits_and_no_exception(load, written, expected):
    assert polled(load(f"{TWO}collect: {written}").collect, SCRATCH, REPORT, ALIEN) == expected


@pytest.mark.parametrize(("age_ms", "is_fresh"), [(-5_000, True), (0, True), (60_000, True), (60_001, False)])
def test_what_was_listed_is_fresh_for_max_age(age_ms, is_fresh):
    assert Collect(max_age_seconds=60).is_fresh(1_000_000 - age_ms, 1_000_000) is is_fresh
    assert not Collect(max_age_seconds=60).is_fresh(None, 1_000_000)


@pytest.mark.parametrize("age_ms", [-5_000, 0, 1])
def test_nothing_is_fresh_for_no_time(load, age_ms):
    assert not load("collect: {max_age: 0s}").collect.is_fresh(1_000_000 - age_ms, 1_000_000)


def test_the_shortest_max_age_that_a_message_names_is_taken(load):
    for rate in ("per_hour: 5, share: 0.3", "per_minute: 1", "per_hour: 7777"):
        workspaces = f"workspaces: [{{rate_limit: {{{rate}}}}}]"
        config = load(workspaces)
        allowed = config.workspaces[0].rate_limit.allowed_per_hour
        seconds = shortest_max_age_seconds(config.collect.listings, allowed)

        assert load(f"{workspaces}\ncollect: {{max_age: {seconds:.0f}s}}").collect.max_age_seconds == seconds


def test_a_small_share_of_the_limits_does_not_refuse_the_usual_age(load):
    assert load("workspaces: [{rate_limit: {share: 0.001}}]").collect == Collect()


def test_a_gateway_may_be_told_that_no_result_is_young_enough(load):
    policy = load("gateway: {policies: [{match: {title: A}, max_age: 0s}]}").gateway.policies[0]

    assert policy.max_age_seconds == 0
