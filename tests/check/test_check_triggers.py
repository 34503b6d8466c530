"""What check says of triggers."""

import pytest

from exporter.check.trigger_check import trigger_notes
from exporter.config import load_config
from exporter.facts import Project, Schedule

HOURLY = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
PROJECTS = [
    Project(project_id=name, title=name, published_ms=1, schedules=(HOURLY,) if name == "orders" else ())
    for name in ("orders", "notes")
]
SOURCES = (
    "sources: [{match: {title: orders}, file: {paths: [o.csv]}}, {match: {title: sales}, file: {paths: [s.csv]}}]\n"
)
REAL = "dry_run: false, token_env: T"


@pytest.mark.parametrize(
    ("triggers", "said"),
    [
        ("{match: {title: orders}}", []),
        ("{match: {title: none}}", ["matches no project"]),
        ("{match: {title: orders}}, {match: {title: 'o*'}}", ["does not apply to 'orders': an earlier trigger"]),
        ("{match: {title: 'no*'}}", ["'notes' has no source, and is never run"]),
        ("{match: {title: 'no*'}, latest: 1d}", ["run only by latest"]),
        ("{match: {title: orders}, " + REAL + "}", ["'orders' has a schedule that is on as well"]),
    ],
)
def test_says_what_is_odd(tmp_path, triggers, said):
    text = f"{SOURCES}gateway: {{}}\ntriggers: [{triggers}]"
    config = load_config(text, source="c.yml", environ={}, state_dir=tmp_path)
    notes = list(trigger_notes(PROJECTS, config, "default"))
    assert len(notes) == len(said)
    assert all(part in note for part, note in zip(said, notes, strict=True))
