"""The demo's triggers: its configuration is right, and its audit has measured what takes weeks to measure."""

from importlib import resources
from pathlib import Path

import yaml
from helpers.evidencing import StillClock

from exporter.audit.source_changes import source_uses
from exporter.cli.demo_triggers import demo_triggers, load_order, remember_changes
from exporter.clock import SystemClock
from exporter.config import load_config
from exporter.facts import Project
from exporter.ledger import open_ledger
from exporter.simulator import Simulation


def configured(folder: Path, simulation: Simulation):
    template = (resources.files("exporter.cli") / "demo.yml").read_text("utf-8")
    for name in ("HEX_ADDRESS", "GATEWAY_ADDRESS"):
        template = template.replace(name, "127.0.0.1:1")
    template = template.replace("STORAGE_URL", f"sqlite:///{folder / 'ledger.db'}")
    text = demo_triggers(simulation, ()).configured(template, folder)
    assert yaml.safe_load(text)["sources"]
    return load_config(text, source=str(folder / "demo.yml"), environ={}, state_dir=folder)


def test_two_projects_run_on_change_and_an_hourly_schedule_is_a_dry_run(tmp_path):
    simulation = Simulation(1, 40, clock=SystemClock())
    found = demo_triggers(simulation, ())
    config = configured(tmp_path, simulation)

    assert [one.dry_run for one in config.triggers] == [False, False, True]
    for number, project_id in enumerate([*found.on_change, found.hourly]):
        project = Project(project_id=project_id, published_ms=1)
        assert config.trigger_of("demo", project) is config.triggers[number]
        assert config.source_of("demo", project).kind == ("file" if number < 2 else "http")
        assert bool(simulation.by_id[project_id].schedules) == (project_id == found.hourly)
    load_order(tmp_path)
    load_order(tmp_path)
    assert len((tmp_path / "orders.csv").read_text().splitlines()) == 2


def test_a_small_workspace_may_have_none(tmp_path):
    assert demo_triggers(Simulation(1, 1, clock=SystemClock()), ()).on_change == ()


def test_the_ledger_knows_the_changes_of_four_weeks(tmp_path):
    clock = SystemClock()
    simulation = Simulation(1, 40, clock=StillClock(clock.now()))
    hourly = demo_triggers(simulation, ()).hourly
    config = configured(tmp_path, simulation)
    for _ in range(2):  # started again it changes nothing
        remember_changes(config, simulation, hourly)
    ledger = open_ledger(config.storage.url, clock=clock)
    known = ledger.workspace("demo")
    known.record_projects([Project(project_id=hourly, title="Hourly", published_ms=1)], simulation.now_ms)
    found = source_uses(known, config, known.projects(), simulation.now_ms, lambda: True)[hourly]
    ledger.close()

    now_ms = simulation.now_ms
    assert found.changes == simulation.by_id[hourly].source.count_between(now_ms - 28 * 86_400_000 + 60_000, now_ms)
    assert found.until_ms - found.since_ms == 28 * 86_400_000
