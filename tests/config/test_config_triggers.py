"""Triggers in a file: what they say, and what is refused before anything runs."""

import pytest

from exporter.config import QuietTime
from exporter.facts import Project

SOURCES = 'sources: [{match: {title: "*"}, file: {paths: [orders.csv]}}]\n'
ORDERS = Project(project_id="p", title="Orders", published_ms=1)


def test_the_example_of_the_documentation(load):
    (trigger,) = load(
        SOURCES + 'triggers:\n  - match: {title: "Orders*"}\n    settle: 5m\n    min_interval: 1h\n    latest: 24h\n'
        '    quiet: ["22:00-05:00", "12:00-12:30"]\n    inputs: {region: north, years: [2025, 2026], all: true}\n'
    ).triggers
    assert (trigger.settle_seconds, trigger.min_interval_seconds, trigger.latest_seconds) == (300, 3600, 86_400)
    assert trigger.quiet == (QuietTime(22 * 60, 5 * 60), QuietTime(12 * 60, 12 * 60 + 30))
    assert dict(trigger.inputs) == {"region": "north", "years": (2025, 2026), "all": True}
    assert trigger.dry_run
    assert trigger.attempts == 3


def test_the_first_that_matches_applies_and_exceptions_do_not_match(load):
    config = load(
        SOURCES + 'triggers: [{match: {title: "Ord*"}, except: {title: Orders}}, {match: {title: "O*"}, settle: 1m},'
        ' {match: {title: "*"}}]'
    )
    assert config.trigger_of("default", ORDERS) is config.triggers[1]


@pytest.mark.parametrize(
    ("time", "inside", "outside"),
    [("22:00-05:00", (1320, 1439, 0, 299), (300, 1319)), ("5:00-24:00", (300, 1439), (299, 0))],
)
def test_a_quiet_time_may_pass_midnight(load, time, inside, outside):
    (trigger,) = load(SOURCES + f'triggers: [{{match: {{title: "*"}}, quiet: ["{time}"]}}]').triggers
    (quiet,) = trigger.quiet
    assert all(map(quiet.has, inside))
    assert not any(map(quiet.has, outside))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("dry_run: false, token_file: t", "add gateway"),
        ("dry_run: false", "token of their own"),
        ("token_file: t, token_env: T", "remove one of them"),
        ("latest: 30m, min_interval: 1h", "latest is shorter"),
        ('quiet: ["22:00-25:00"]', "a time of the day"),
        ('quiet: ["7:00-7:00"]', "a time of the day"),
        ('quiet: ["00:00-12:00", "11:59-24:00"]', "nothing would ever run"),
        ("inputs: [north]", "a mapping of names to values"),
        ("inputs: {region: {a: 1}}", "inputs.region"),
        ("inputs: {region: a, region: b}", "is there twice"),
        ("attempts: 0", "a whole number from 1"),
        ("settel: 5m", "did you mean settle"),
        ("token_file: hxtw_0123", "this is a token"),
        ("when_budget_spent: {budget: weakly-runs}", "there is not; those of the workspace are: weekly-runs"),
        ("settle: 10m, when_budget_spent: {budget: weekly-runs, max_stale: 5m}", "write at least 600s"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_do(mistakes, entry, said):
    (found,) = mistakes(SOURCES + f'triggers: [{{match: {{title: "*"}}, {entry}}}]')
    assert said in found


def test_a_trigger_without_a_pattern_is_refused(mistakes):
    (found,) = mistakes(SOURCES + "triggers: [{match: {}}]")
    assert "no pattern" in found


def test_a_trigger_without_any_source_is_refused(mistakes):
    (found,) = mistakes('triggers: [{match: {title: "*"}}]')
    assert "add sources" in found


@pytest.mark.parametrize(
    ("match", "is_refused"),
    [('{title: "Orders*"}', True), ('{title: "Sales*"}', False), ("{workspace: default}", True)],
)
def test_a_result_that_a_brake_gives_is_not_younger_than_a_source_rests(load, mistakes, match, is_refused):
    text = (
        SOURCES + f"gateway: {{policies: [{{match: {match}, when_budget_spent: {{budget: weekly-runs, "
        'max_stale: 5m}}]}\ntriggers: [{match: {title: "Orders*"}, settle: 10m}]'
    )
    if is_refused:
        assert "max_stale" in mistakes(text)[0]
    else:
        assert load(text).triggers
