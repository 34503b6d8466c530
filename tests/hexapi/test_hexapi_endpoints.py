"""One wanted as a value: its address and its query."""

import pytest

from exporter.hexapi import ApiRequest, Endpoint
from exporter.hexapi.endpoints import SHAPES, address, query

PROJECT = "5a8f1c1e-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("wanted", "path", "parameters"),
    [
        (
            ApiRequest(Endpoint.PROJECTS),
            "projects",
            {
                "includeArchived": "true",
                "includeTrashed": "true",
                "includeSharing": "true",
                "includeUnlisted": "true",
                "limit": "100",
            },
        ),
        (
            ApiRequest(Endpoint.RUNS, PROJECT, offset=200),
            f"projects/{PROJECT}/runs",
            {"runTriggerFilter": "ALL", "limit": "100", "offset": "200"},
        ),
        (ApiRequest(Endpoint.USERS), "users", {"limit": "500"}),
        (ApiRequest(Endpoint.ME), "users/me", {}),
        (ApiRequest(Endpoint.GROUPS, after="c 1"), "groups", {"limit": "500", "after": "c 1"}),
        (ApiRequest(Endpoint.CONNECTIONS), "data-connections", {"limit": "100"}),
        (ApiRequest(Endpoint.THREADS), "threads", {"limit": "100"}),
        (ApiRequest(Endpoint.QUERIED_TABLES, PROJECT), f"projects/{PROJECT}/queriedTables", {"limit": "100"}),
        (ApiRequest(Endpoint.CELLS, PROJECT), "cells", {"limit": "100", "projectId": PROJECT}),
    ],
    ids=lambda value: value.endpoint if isinstance(value, ApiRequest) else "",
)
def test_every_endpoint_has_its_path_and_query(wanted: ApiRequest, path: str, parameters: dict[str, str]) -> None:
    assert address("https://app.hex.tech/api/v1", wanted) == f"https://app.hex.tech/api/v1/{path}"
    assert query(wanted) == parameters


def test_parameters_that_a_server_does_not_know_can_be_left_out() -> None:
    left_out = [name for names in SHAPES[Endpoint.PROJECTS].optional for name in names]

    assert query(ApiRequest(Endpoint.PROJECTS, after="x"), left_out) == {"limit": "100", "after": "x"}
    assert query(ApiRequest(Endpoint.PROJECTS), left_out[:1]).keys() == {*left_out[1:], "limit"}


def test_a_trailing_slash_of_the_base_url_changes_nothing() -> None:
    assert address("https://eu.hex.tech/api/v1/", ApiRequest(Endpoint.USERS)) == "https://eu.hex.tech/api/v1/users"


def test_a_project_id_cannot_leave_its_place_in_the_path() -> None:
    assert (
        address("https://h", ApiRequest(Endpoint.RUNS, "../users?x=1#"))
        == "https://h/projects/..%2Fusers%3Fx%3D1%23/runs"
    )


@pytest.mark.parametrize(("endpoint", "project_id"), [(Endpoint.RUNS, None), (Endpoint.USERS, PROJECT)])
def test_a_project_is_named_where_it_is_needed_and_nowhere_else(endpoint: Endpoint, project_id: str | None) -> None:
    with pytest.raises(ValueError, match=f"{endpoint} was requested with project_id"):
        ApiRequest(endpoint, project_id)


def test_the_label_values_are_fixed() -> None:
    assert [str(endpoint) for endpoint in Endpoint] == [
        "projects",
        "runs",
        "users",
        "me",
        "groups",
        "connections",
        "threads",
        "queried_tables",
        "cells",
        "export",
    ]
