"""What no rule may do, and what every alert must have: checks that a linter for rules would make, with our reasons."""

import re

import pytest
from rulebook import ALERTS, Rule, alerts, grouped_labels, names, outside_aggregations, records, rules, unit_tests

from exporter.metrics.catalogue import METRICS

BOARDS = {
    "hex-budget",
    "hex-runs",
    "hex-cost",
    "hex-seats",
    "hex-schedules",
    "hex-connections",
    "hex-warehouse",
    "hex-gateway",
    "hex-savings",
    "hex-project",
    "hex-exporter",
}
CALENDAR_FREE = {"HexBudgetBurnFast", "HexBudgetForecastExceeded", "HexBudgetSpike"}
TARGET_LABELS = {"job", "instance"}

every_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
every_alert = pytest.mark.parametrize("alert", alerts(), ids=lambda rule: rule.name)


ONLY_DRAWN = {"hex_budget_used_by_hour"}
"""The course of a budget's period, for the board; rules go by where it stands and by its windows."""


def test_every_metric_of_a_budget_is_used_by_a_rule() -> None:
    used = {name for rule in rules() for text in (rule.expr, *rule.annotations.values()) for name, _ in names(text)}

    assert {name for name in METRICS if name.startswith("hex_budget_")} - ONLY_DRAWN <= used


@every_rule
@pytest.mark.slow
def test_every_metric_and_label_is_in_the_catalogue(rule: Rule) -> None:
    recorded = {one.name for one in records()}
    known = set(TARGET_LABELS)

    for text in (rule.expr, *rule.annotations.values()):
        for name, labels in names(text):
            if name in recorded or name == "up":
                known |= {"workspace", "budget", "unit", "window", "project_id", "title", "owner"}
                continue
            assert name in METRICS, f"{rule.name} uses {name}, which is not in the catalogue"
            unknown = labels - set(METRICS[name].labels) - TARGET_LABELS
            assert not unknown, f"{rule.name}: {name} has no label {unknown}"
            known |= set(METRICS[name].labels)

    assert grouped_labels(rule.expr) <= known


@every_rule
def test_aggregates_before_it_joins(rule: Rule) -> None:
    """Two exporters or two scrape jobs of one workspace break nothing."""
    allowed = {"hex_up"} if rule.name == "HexDataAbsent" else set()  # absent() of any series at all

    assert set(outside_aggregations(rule.expr)) <= allowed


@every_rule
def test_durations_are_products_of_a_minute_an_hour_or_a_day(rule: Rule) -> None:
    """So that a person can read them and a test can make them faster."""
    without_labels = re.sub(r"\{[^}]*\}|\w*[A-Za-z_:]\w*", "", rule.expr)
    large = [n for n in re.findall(r"(?<![\w.])\d+(?![\w.\]])", without_labels) if int(n) >= 60 and int(n) != 92]

    assert set(large) <= {"60", "3600", "86400"}
    assert len(re.findall(r"\* (?:60|3600|86400)\b", rule.expr)) == len(large)


@every_rule
def test_no_rule_reads_the_increase_of_runs(rule: Rule) -> None:
    """A counter that is read anew, or a series that appears late, would raise or hide alarms."""
    assert not re.search(r"(increase|rate|delta|changes)\(\s*hex_run", rule.expr)


@pytest.mark.parametrize("rule", [one for one in rules() if one.file == "budgets.yml"], ids=lambda rule: rule.name)
def test_budgets_are_judged_on_gauges_alone(rule: Rule) -> None:
    assert not [name for name, _ in names(rule.expr) if name.endswith("_total")]


def test_recording_rules_say_level_metric_and_operation() -> None:
    assert records()
    for rule in records():
        level, metric, operation = rule.name.split(":")
        assert re.fullmatch(r"(workspace|job)(_[a-z]+)*", level)
        assert metric.startswith("hex_")
        assert operation in {"ratio", "seconds", "topk1", "topk3"}


def test_names_are_unique_and_have_one_prefix() -> None:
    found = [rule.name for rule in rules()]

    assert len(found) == len(set(found))
    assert all(rule.name == "Watchdog" or re.fullmatch(r"Hex([A-Z][a-z]+)+", rule.name) for rule in alerts())


@every_alert
def test_waits_before_it_fires(alert: Rule) -> None:
    assert alert.wait is not None or alert.name == "Watchdog"


@every_alert
def test_lingers_only_where_no_calendar_ends_it(alert: Rule) -> None:
    """Kept firing over Monday, a threshold would report last week's figure."""
    assert (alert.keep is not None) == (alert.name in CALENDAR_FREE)


@every_alert
def test_compares_or_misses_something(alert: Rule) -> None:
    """An expression without either fires for as long as there is data."""
    assert alert.name == "Watchdog" or re.search(r"[<>]|==|\bunless\b", alert.expr)


@every_alert
def test_has_a_severity_that_is_routed(alert: Rule) -> None:
    assert alert.severity in {"info", "warning", "critical"} or (alert.name, alert.severity) == ("Watchdog", "none")


@every_alert
def test_exceeded_does_not_wait_for_fresh_data_and_forecasts_do(alert: Rule) -> None:
    guarded = "hex_last_successful_poll_timestamp_seconds) < 30 * 60" in alert.expr

    assert guarded == (alert.name in {"HexBudgetForecastExceeded", "HexBudgetHalfUsedEarly", "HexRunStuck"})


@every_alert
def test_tells_a_person_what_where_and_what_to_do(alert: Rule) -> None:
    assert {"summary", "description", "action", "runbook_url", "dashboard_url"} <= alert.annotations.keys()
    assert "$value" not in alert.annotations["summary"], "a summary with a value is another summary each minute"
    assert alert.annotations["description"].endswith((".", ".{{ end }}"))
    assert alert.annotations["action"].endswith((".", ".{{ end }}"))


@every_alert
def test_links_to_its_runbook_and_a_board_at_configured_addresses(alert: Rule) -> None:
    runbook, board = alert.annotations["runbook_url"], alert.annotations["dashboard_url"]

    assert runbook == f'{{{{ or $externalLabels.runbook_url "docs/runbooks.md" }}}}#{alert.name.lower()}'
    assert (found := re.match(r"\{\{ \$externalLabels.grafana_url \}\}/d/([a-z-]+)", board))
    assert found[1] in BOARDS
    if "workspace" in alert.expr:
        assert "var-workspace={{ $labels.workspace | urlquery" in board


@every_alert
def test_titles_and_top_lists_are_text_and_never_identity(alert: Rule) -> None:
    """A renamed project or a new first of three would otherwise be a new alert."""
    assert "hex_project_info" not in alert.expr
    assert "topk" not in alert.expr


@every_alert
def test_budget_alerts_say_how_much_where_and_until_when(alert: Rule) -> None:
    if alert.file == "budgets.yml" and alert.name not in {"HexBudgetUnknown", "HexBudgetLimitsDiffer"}:
        assert {"usage", "projects", "resets", "culprit", "over"} <= alert.annotations.keys()


@every_alert
@pytest.mark.slow
def test_has_unit_tests_for_firing_and_for_quiet(alert: Rule) -> None:
    checks = [check for _, test in unit_tests() for check in test.get("alert_rule_test", [])]
    mine = [bool(check["exp_alerts"]) for check in checks if check["alertname"] == alert.name]

    assert True in mine
    assert False in mine or alert.name == "Watchdog"


@pytest.mark.parametrize("test", [one for _, one in unit_tests()], ids=lambda one: one["name"][:60])
def test_unit_tests_have_a_second_exporter_for_every_metric(test: dict[str, list[dict[str, str]]]) -> None:
    instances: dict[str, set[str]] = {}
    for one in test["input_series"]:
        name, _, labels = one["series"].partition("{")
        instances.setdefault(name, set()).update(re.findall(r'instance="([^"]+)"', labels))

    assert all(len(found) >= 2 for found in instances.values()), instances


def test_the_rules_of_a_test_are_files_that_exist() -> None:
    for file in (ALERTS / "tests").glob("*.yml"):
        for path in re.findall(r"\.\./rules/\w+\.yml", file.read_text()):
            assert (file.parent / path).exists()
