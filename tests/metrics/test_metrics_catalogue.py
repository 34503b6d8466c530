"""The rules that names, labels and help texts of metrics keep."""

import re
from collections import Counter
from collections.abc import Callable

import pytest

from exporter.ledger import BOUNDS_MS
from exporter.metrics import CATALOGUE, METRICS, Metric

OF_THE_CONTRACT = """hex_up{}
hex_last_successful_poll_timestamp_seconds{}
hex_runs_complete_until_timestamp_seconds{}
hex_collector_success{collector}
hex_collector_last_success_timestamp_seconds{collector}
hex_token_expiry_timestamp_seconds{}
hex_runs_total{project_id,trigger,status}
hex_run_seconds_total{project_id,trigger}
hex_run_duration_seconds{trigger,status}
hex_runs_active{state}
hex_runs_active_oldest_start_timestamp_seconds{project_id}
hex_week_hour_runs{weekday,hour}
hex_week_hour_scheduled_runs{weekday,hour}
hex_unviewed_runs_total{project_id}
hex_missed_schedules_total{project_id}
hex_project_week_runs{project_id}
hex_project_previous_week_runs{project_id}
hex_projects{state}
hex_project_info{project_id,title,owner,team,project_status,url}
hex_project_last_run_timestamp_seconds{project_id,status}
hex_project_last_viewed_timestamp_seconds{project_id}
hex_project_last_edited_timestamp_seconds{project_id}
hex_project_last_published_timestamp_seconds{project_id}
hex_project_results_updated_timestamp_seconds{project_id}
hex_project_app_views{project_id,window}
hex_schedules{cadence,state}
hex_project_scheduled_week_runs{project_id}
hex_seats{role}
hex_seats_inactive{role}
hex_seats_reviewed_timestamp_seconds{}
hex_connections{connection_type}
hex_connection_info{connection_id,name,connection_type}
hex_connection_projects{connection_id}
hex_connection_last_run_timestamp_seconds{connection_id}
hex_connection_peak_runs{connection_id}
hex_ai_credits_total{source,thread_type}
hex_api_requests_total{endpoint,code}
hex_api_rate_limited_total{endpoint}
hex_api_request_duration_seconds{endpoint}
hex_api_cooldown_until_timestamp_seconds{}
hex_api_planned_requests_per_hour{}
hex_api_allowed_requests_per_hour{}
hex_cache_lookups_total{project_id}
hex_cache_hits_total{project_id}
hex_gateway_requests_total{outcome}
hex_source_changed_timestamp_seconds{project_id}
hex_source_checked_runs_total{project_id,trigger}
hex_source_unchanged_runs_total{project_id,trigger}
hex_gateway_queue_length{}
hex_gateway_active_runs{}
hex_gateway_queue_seconds{}
hex_findings{kind}
hex_findings_saving_month_usd{kind}
hex_findings_saving_month_runs{kind}
hex_finding_saving_month_usd{kind,subject}
hex_findings_realised_usd_total{kind}""".splitlines()

HISTOGRAMS = {
    "hex_run_duration_seconds",
    "hex_api_request_duration_seconds",
    "hex_gateway_queue_seconds",
    "hex_trigger_lag_seconds",
}

OF_THE_PROCESS = {
    "hex_exporter_build_info",
    "hex_exporter_config_last_reload_successful",
    "hex_exporter_config_last_reload_success_timestamp_seconds",
    "hex_exporter_loop_heartbeat_timestamp_seconds",
    "hex_exporter_ledger_created_timestamp_seconds",
    "hex_exporter_ledger_durable",
    "hex_exporter_ledger_read_timestamp_seconds",
    "hex_exporter_page_build_seconds",
    "hex_exporter_page_series",
    "hex_exporter_page_duplicate_series",
    "hex_exporter_replicas",
    "hex_exporter_replica_configurations",
}


def offenders(is_right: Callable[[Metric], bool]) -> list[str]:
    """The names of the metrics that break a rule."""
    return [metric.name for metric in CATALOGUE if not is_right(metric)]


@pytest.mark.parametrize("promised", OF_THE_CONTRACT)
def test_the_contract_is_kept_to_the_label(promised: str) -> None:
    name, labels = promised.rstrip("}").split("{")

    assert METRICS[name].labels == ("workspace", *filter(None, labels.split(",")))


@pytest.mark.parametrize(
    "name",
    [
        *sorted(OF_THE_PROCESS),
        "hex_exporter_overdue_projects",
        "hex_exporter_oldest_poll_timestamp_seconds",
        "hex_exporter_bad_items_total",
        "process_resident_memory_bytes",
        "python_gc_collections_total",
    ],
)
def test_the_exporter_speaks_of_itself(name: str) -> None:
    assert name in METRICS


def test_every_name_is_said_once() -> None:
    assert [name for name, times in Counter(metric.name for metric in CATALOGUE).items() if times > 1] == []


def test_names_and_labels_are_plain() -> None:
    name, label = re.compile(r"(hex|process|python)_[a-z0-9]+(_[a-z0-9]+)*"), re.compile(r"[a-z]+(_[a-z]+)*")

    assert offenders(lambda metric: name.fullmatch(metric.name) is not None) == []
    assert offenders(lambda metric: all(map(label.fullmatch, metric.labels))) == []
    assert offenders(lambda metric: len(set(metric.labels)) == len(metric.labels)) == []


def test_total_is_for_counters_alone() -> None:
    assert offenders(lambda metric: metric.name.endswith("_total") == (metric.kind == "counter")) == []


def test_names_do_not_end_like_the_parts_of_other_types() -> None:
    parts = ("_bucket", "_sum", "_count", "_created")

    assert offenders(lambda metric: not metric.name.endswith(parts)) == []


def test_no_label_is_one_that_prometheus_or_its_users_need() -> None:
    reserved = {"le", "quantile", "job", "instance", "type", "region", "env", "service", "__name__"}

    assert offenders(lambda metric: reserved.isdisjoint(metric.labels)) == []


def test_owner_is_a_label_of_information_alone() -> None:
    assert offenders(lambda metric: "owner" not in metric.labels or metric.name.endswith("_info")) == []


def test_times_are_base_units_and_instants_say_so() -> None:
    other_unit = re.compile(r"_(ms|milliseconds|minutes|hours|days|ago|age)(_|$)")

    assert offenders(lambda metric: other_unit.search(metric.name) is None) == []
    assert offenders(lambda metric: metric.name.endswith("_timestamp_seconds") == ("_timestamp" in metric.name)) == []


def test_info_metrics_are_gauges() -> None:
    assert offenders(lambda metric: metric.kind == "gauge" or not metric.name.endswith("_info")) == []


def test_help_is_a_sentence_of_its_own() -> None:
    assert offenders(lambda metric: len(metric.help) > 15 and metric.help.endswith(".")) == []
    assert offenders(lambda metric: " ".join(metric.help.split()) == metric.help) == []
    assert len({metric.help for metric in CATALOGUE}) == len(CATALOGUE)


def test_gauges_from_a_listing_say_that_they_are() -> None:
    """Whoever reads HELP learns that the figure is as old as the listing."""
    from_a_listing = ("hex_projects", "hex_schedules", "hex_project_app_views", "hex_seats", "hex_connections")

    assert [name for name in from_a_listing if "listing." not in METRICS[name].help] == []


def test_the_workspace_comes_first_except_where_there_is_none() -> None:
    def is_right(metric: Metric) -> bool:
        has_workspace = metric.name.startswith("hex_") and metric.name not in OF_THE_PROCESS
        return "workspace" in metric.labels[:1] if has_workspace else "workspace" not in metric.labels

    assert offenders(is_right) == []


def test_histograms_have_the_bounds_that_the_ledger_counts_by() -> None:
    assert {metric.name for metric in CATALOGUE if metric.kind == "histogram"} == HISTOGRAMS
    for name in HISTOGRAMS:
        assert METRICS[name].bounds == tuple(bound_ms / 1000 for bound_ms in BOUNDS_MS[name])
    assert offenders(lambda metric: sorted(set(metric.bounds)) == list(metric.bounds)) == []
