"""Versions of projects: read once each, behind everything else, and a bad one stops nothing."""

import asyncio
import json

import httpx
import pytest
import yaml
from helpers.following import NOW, stamp

from exporter.config import Collect

EXPORT = "projects/export"
EXPORTS = Collect(exports=True)
HOUR = 3600


@pytest.fixture
def exporting(hand_made):
    """A workspace that exports; `exporting.wanted` has what was requested, `exporting.answer` may be replaced."""

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        hand_made.wanted.append((body["projectId"], body["version"]))
        return hand_made.answer(body["projectId"], body["version"])

    hand_made.wanted = []
    hand_made.answer = lambda project_id, version: exported(project_id)
    hand_made.answers[EXPORT] = answer
    return hand_made


def exported(project_id, profile="large", **top):
    document = {"meta": {"projectId": project_id, "kernelSize": profile}, "cells": []} | top
    return httpx.Response(200, json={"filename": "a.hex.yaml", "content": yaml.safe_dump(document)})


@pytest.mark.slow
def test_each_version_is_requested_once_and_the_most_run_time_first(exporting, follow):
    for project_id, seconds in (("short", 10), ("long", 900)):
        exporting.add_project(project_id)
        exporting.add_run(
            project_id,
            f"{project_id}-1",
            NOW - HOUR,
            end=NOW - HOUR + seconds,
            elapsedTime=seconds * 1000,
            projectVersion="3",
        )
    following = follow(exporting.transport, collect=EXPORTS, durable=True, per_hour=40)

    asyncio.run(following.run_for(3 * HOUR))
    following.restart()
    asyncio.run(following.run_for(3 * HOUR))

    assert exporting.wanted == [("long", 3), ("short", 3)]
    known = following.known.versions.of("long")
    assert {version: one.facts.profile for version, one in known.items()} == {"3": "large"}
    assert following.known.collectors()["export"].success


@pytest.mark.slow
def test_at_most_a_fifth_of_the_share_goes_to_exports(exporting, follow):
    for number in range(60):
        exporting.add_project(f"p{number}")
    following = follow(exporting.transport, collect=EXPORTS, per_minute=60, per_hour=100)

    asyncio.run(following.run_for(5 * HOUR))

    assert 0 < len(exporting.wanted) <= 5 * 20 + 1


@pytest.mark.slow
def test_what_is_published_anew_is_requested_anew(exporting, follow):
    exporting.add_project("orders")
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)
    asyncio.run(following.run_for(2 * HOUR))
    assert exporting.wanted == [("orders", "latest")]

    exporting.projects["orders"]["lastPublishedAt"] = stamp(NOW + HOUR)
    asyncio.run(following.run_for(2 * HOUR))

    assert exporting.wanted == [("orders", "latest")] * 2


@pytest.mark.slow
def test_a_number_that_a_run_gives_to_the_latest_version_costs_no_request(exporting, follow):
    exporting.add_project("orders")
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)
    asyncio.run(following.run_for(2 * HOUR))
    start = following.clock.now()
    exporting.add_run("orders", "o-1", start, end=start + 60, elapsedTime=60_000, projectVersion="4")
    exporting.projects["orders"]["lastViewedAt"] = stamp(start)

    asyncio.run(following.run_for(4 * HOUR))

    assert exporting.wanted == [("orders", "latest")]
    assert following.known.versions.of("orders")["4"].facts.version == "4"


@pytest.mark.slow
@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_token_that_may_not_export_is_left_in_peace(exporting, follow, status):
    for number in range(5):
        exporting.add_project(f"p{number}")
    exporting.answer = lambda project_id, version: httpx.Response(status, json={"message": "no", "code": "FORBIDDEN"})
    following = follow(exporting.transport, collect=EXPORTS, per_hour=20)

    asyncio.run(following.run_for(8 * HOUR))

    assert 0 < len(exporting.wanted) <= 12
    assert following.known.collectors()["export"].last_status == status
    assert exporting.requested("projects/p0/runs") > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad",
    [
        httpx.Response(200, json={"content": "- a\n- list"}),
        httpx.Response(200, json={"content": "a: [" + "[" * 200}),
        httpx.Response(200, json={"content": "x" * (9 * 1024 * 1024)}),
        httpx.Response(200, json={"content": None}),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, json={"message": "no", "code": "INTERNAL_SERVER_ERROR"}),
    ],
    ids=["list", "deep", "large", "null", "html", "500"],
)
def test_a_bad_version_is_requested_again_later_and_stops_nothing(exporting, follow, capsys, bad):
    for number in range(4):
        exporting.add_project(f"p{number}")
    exporting.answer = lambda project_id, version: bad if project_id == "p2" else exported(project_id)
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)

    asyncio.run(following.run_for(3 * HOUR))

    assert [project_id for project_id in ("p0", "p1", "p3") if following.known.versions.of(project_id)] == [
        "p0",
        "p1",
        "p3",
    ]
    assert not following.known.versions.of("p2")
    assert 1 < exporting.wanted.count(("p2", "latest")) < 4
    assert exporting.requested("projects/p2/runs") > 5
    lines = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert [("p2" in line, "cannot be read" in line) for line in lines if "p2" in line] == [(True, True)]
    if bad.status_code == 200:
        assert lines == [line for line in lines if "p2" in line]
    if bad.status_code == 200:
        assert following.counted("hex_exporter_bad_items_total")[("export",)] > 1


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_one_project_that_is_refused_stops_no_other(exporting, follow, status):
    for number in range(4):
        exporting.add_project(f"p{number}")
    refused = httpx.Response(status, json={"reason": "no"})
    exporting.answer = lambda project_id, version: refused if project_id == "p2" else exported(project_id)
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)
    waits = []

    asyncio.run(following.run_for(3 * HOUR, each=lambda: waits.append(following.poller.report.problems)))

    assert [one for one in ("p0", "p1", "p3") if following.known.versions.of(one)] == ["p0", "p1", "p3"]
    assert 1 < exporting.wanted.count(("p2", "latest")) < 4
    assert following.known.collectors()["export"].success
    assert following.known.collectors()["projects"].last_status == 200
    assert not any("token" in str(one) for one in waits)


@pytest.mark.slow
def test_what_could_not_be_read_waits_behind_what_was_never_requested(exporting, follow):
    for number in range(12):
        exporting.add_project(f"p{number}")
    start = NOW - HOUR
    exporting.add_run("p0", "r", start, end=start + 600, elapsedTime=600_000, projectVersion="3")
    exporting.answer = lambda project_id, version: (
        exported(project_id) if project_id != "p0" else httpx.Response(200, json={"content": "- a"})
    )
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)

    asyncio.run(following.run_for(4 * HOUR))

    requested = [project_id for project_id, _ in exporting.wanted]
    assert requested[0] == "p0"
    assert requested.index("p0", 1) == 12


@pytest.mark.slow
def test_where_every_fifth_fails_each_version_comes_in_the_end(exporting, follow):
    for number in range(12):
        exporting.add_project(f"p{number}")
    failure = httpx.Response(500, json={"message": "no", "code": "INTERNAL_SERVER_ERROR"})
    exporting.answer = lambda project_id, _: failure if len(exporting.wanted) % 5 == 0 else exported(project_id)
    following = follow(exporting.transport, collect=EXPORTS, per_hour=60)

    asyncio.run(following.run_for(6 * HOUR))

    assert all(following.known.versions.of(f"p{number}") for number in range(12))
    assert len(exporting.wanted) == 12 + 2  # the fifth and the tenth again, and none twice


def test_what_the_gateway_runs_is_read_next(exporting, follow):
    for number in range(30):
        exporting.add_project(f"p{number}")
        exporting.add_run(
            f"p{number}",
            f"r{number}",
            NOW - HOUR,
            end=NOW - HOUR + 60 * (30 - number),
            elapsedTime=60_000 * (30 - number),
            projectVersion="3",
        )
    following = follow(exporting.transport, collect=EXPORTS, per_hour=40)
    asyncio.run(following.run_for(2 * HOUR))
    assert "p29" not in {project_id for project_id, _ in exporting.wanted}
    before = len(exporting.wanted)

    following.poller.expect_run("p29")
    asyncio.run(following.run_for(HOUR // 2))

    assert exporting.wanted[before][0] == "p29"
    assert len([one for one in exporting.wanted if one[0] == "p29"]) == 1


def test_what_the_gateway_runs_waits_for_no_past(exporting, follow):
    """An import of months keeps the requests busy: the version that decides on hits comes all the same."""
    for number in range(8):
        exporting.add_project(f"p{number}")
        for run in range(250):
            exporting.add_run(f"p{number}", f"r{number}-{run}", NOW - HOUR * (run + 2), end=NOW - HOUR * (run + 2) + 60)
    following = follow(exporting.transport, collect=EXPORTS, per_minute=4, per_hour=200)
    asyncio.run(following.run_for(HOUR // 12))
    assert not exporting.wanted, "else the past of this test is too short"

    following.poller.expect_run("p7")
    asyncio.run(following.run_for(HOUR // 30))

    assert exporting.wanted == [("p7", "latest")]
