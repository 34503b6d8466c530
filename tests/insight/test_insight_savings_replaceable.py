"""Schedules that a trigger could replace, and those that run beside one."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.auditing import NOW_MS, days_ago, finding, found, project, runs, schedule, world

from exporter.config import load_config
from exporter.insight.savings.audit_input import SourceUse
from exporter.insight.savings.ranking import audit

REPLACEABLE = ("replaceable_schedule", "p")
OF_FEW_CHANGES = SourceUse("sql:1", days_ago(28), NOW_MS, 4, 0, 0)
OF_MANY_CHANGES = SourceUse("sql:1", days_ago(28), NOW_MS, 600, 0, 0)


def hourly(source=OF_FEW_CHANGES, triggers=None, **facts):
    """A project whose schedule fires 168 times a week, and that people look at all day."""
    known = {"owner": "a@x.example", "viewed_ms": NOW_MS, "views_30d": 900, "schedules": (schedule("0 * * * *"),)}
    evidence = world(project(**known | facts), uses={"p": runs(672)})
    return replace(evidence, sources={} if source is None else {"p": source}, triggers=triggers or {})


def test_what_fires_beyond_the_changes_is_saved():
    audited = audit(hourly())
    one = finding(audited, "replaceable_schedule")

    assert one.confidence == "measured"
    assert one.saving.runs == pytest.approx(672 * 30.4375 / 28 * (1 - 1 / 168))
    assert one.saving.micro == pytest.approx(one.saving.runs * 100_000, rel=0.01)
    assert sum(each.counted.runs for each in audited.findings) == pytest.approx(one.saving.runs), "the runs count once"


@pytest.mark.parametrize("title", ["Orders", "a # b\n  dry_run: false\n- match: {title: '*'}", 'x"'])
def test_the_trigger_to_paste_is_one_dry_run_of_this_project(title):
    one = finding(audit(hourly(title=title)), "replaceable_schedule")

    text = f"sources: [{{match: {{title: '*'}}, file: {{paths: [a]}}}}]\ntriggers:\n{one.paste}"
    (trigger,) = load_config(text, source="c.yml", environ={}, state_dir=Path()).triggers
    assert trigger.match.project_id == "p"
    assert trigger.dry_run
    assert trigger.min_interval_seconds == 3600


@pytest.mark.parametrize(
    "evidence",
    [
        hourly(source=None),
        hourly(source=OF_MANY_CHANGES),
        hourly(source=SourceUse("sql:1", days_ago(1), NOW_MS, 0, 0, 0)),
        hourly(schedules=(schedule("0 6 * * 1"),)),
        hourly(schedules=(schedule("0 * * * *", enabled=False),)),
        hourly(viewed_ms=days_ago(60), views_30d=0),
    ],
    ids=["no source", "changes as often", "watched for a day", "weekly", "switched off", "of no one"],
)
def test_what_only_looks_so(evidence):
    assert REPLACEABLE not in found(evidence)


def test_after_a_dry_run_the_trigger_to_paste_runs():
    one = finding(audit(hourly(triggers={"p": "dry"}, viewed_ms=days_ago(60), views_30d=0)), "replaceable_schedule")

    text = f"gateway: {{}}\nsources: [{{match: {{title: '*'}}, file: {{paths: [a]}}}}]\ntriggers:\n{one.paste}"
    (trigger,) = load_config(text, source="c.yml", environ={}, state_dir=Path()).triggers
    assert not trigger.dry_run
    assert "dry_run: false" in one.action


@pytest.mark.parametrize("source", [None, OF_MANY_CHANGES])
def test_a_schedule_beside_a_trigger_that_is_on_is_a_warning(source):
    one = finding(audit(hourly(source, {"p": "on"})), "replaceable_schedule")

    assert "both run it" in one.action
    assert one.saving.runs == pytest.approx(672 * 30.4375 / 28)


def test_without_sources_it_is_said_that_nothing_was_measured():
    (blind,) = [one for one in audit(hourly(source=None)).not_judged if one.kind == "replaceable_schedule"]

    assert blind.is_partial
    assert blind.needs == "sources"
