"""The series that exist at 0 before their first event: a rise from nothing is not seen as a rise."""

from itertools import product

from exporter.facts import TERMINAL_STATUSES, TRIGGERS
from exporter.hexapi import Endpoint
from exporter.ledger.histograms import Amounts, combined, observed
from exporter.ledger.series_limit import CACHE_METRICS, OTHER

GATEWAY_OUTCOMES = ("hit", "miss", "joined", "bypass", "refused")
"""What a run request can come to."""

ABSORBED = ("rate_limit", "kernel_limit")
"""The refusals of Hex that the gateway waits out."""

SAVED_CALLS = ("remembered", "recent", "shared_page")
"""Why a call was answered without asking Hex."""

_GATEWAY_ENDPOINTS = (
    "run_project",
    "cancel_run",
    "run_status",
    "project",
    "runs",
    "chart_image",
    "start_thread",
    "semantic_ingest",
    "other",
)


def project_series(project_id: str) -> Amounts:
    """The series that can be foreseen for a project with its own, or for `other`, all at 0."""
    amounts: Amounts = {
        ("hex_runs_total", (project_id, trigger, status)): 0 for trigger, status in product(TRIGGERS, TERMINAL_STATUSES)
    }
    amounts |= {("hex_run_seconds_total", (project_id, trigger)): 0 for trigger in TRIGGERS}
    amounts["hex_unviewed_runs_total", (project_id,)] = 0
    amounts["hex_missed_schedules_total", (project_id,)] = 0
    return amounts


def cache_series(project_id: str) -> Amounts:
    """The series of the gateway that can be foreseen for a project with its own, or for `other`, all at 0."""
    return {(metric, (project_id,)): 0 for metric in CACHE_METRICS}


def gateway_series() -> Amounts:
    """The series of the gateway that can be foreseen whatever the projects are, all at 0."""
    amounts: Amounts = {("hex_gateway_requests_total", (outcome,)): 0 for outcome in GATEWAY_OUTCOMES}
    amounts |= {("hex_gateway_absorbed_total", (reason,)): 0 for reason in ABSORBED}
    amounts |= {("hex_gateway_saved_calls_total", (reason,)): 0 for reason in SAVED_CALLS}
    amounts |= {("hex_gateway_stale_hits_total", ()): 0, ("hex_gateway_unknown_runs_total", ()): 0}
    amounts |= observed("hex_gateway_queue_seconds", (), None) | cache_series(OTHER)
    return amounts | combined(_series_of_endpoint(endpoint) for endpoint in _GATEWAY_ENDPOINTS)


def workspace_series() -> Amounts:
    """The series of runs that can be foreseen whatever the projects are, all at 0."""
    amounts = project_series(OTHER)
    for labels in product(TRIGGERS, TERMINAL_STATUSES):
        amounts |= observed("hex_run_duration_seconds", labels, None)
    return amounts


def endpoint_series() -> Amounts:
    """The series that can be foreseen for every endpoint of Hex that is polled, all at 0."""
    return combined(_series_of_endpoint(endpoint.value) for endpoint in Endpoint)


def _series_of_endpoint(endpoint: str) -> Amounts:
    amounts: Amounts = {("hex_api_requests_total", (endpoint, "200")): 0}
    amounts["hex_api_rate_limited_total", (endpoint,)] = 0
    return amounts | observed("hex_api_request_duration_seconds", (endpoint,), None)
