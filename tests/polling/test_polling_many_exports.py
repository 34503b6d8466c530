"""Hundreds of projects: as many requests, once, and none after; those with the most run time first."""

import pytest
from helpers.sizes import size

from exporter.facts import Project, ProjectVersion, Run
from exporter.hexapi import Page
from exporter.ledger import RunProgress, open_ledger
from exporter.polling.export_reading import ExportReader

HOUR_MS = 3_600_000
NOW_MS = 1_795_392_000_000
PROJECTS = size(300, 1000)
PER_HOUR = 900  # half of Hex's 1,800


@pytest.fixture
def ledger(manual_clock):
    made = open_ledger("sqlite://", clock=manual_clock)
    yield made.workspace("w")
    made.close()


def run(project_id: str, number: int) -> Run:
    start = NOW_MS - 2 * HOUR_MS
    return Run(
        run_id=f"{project_id}-{number}",
        project_id=project_id,
        status="completed",
        trigger="scheduled",
        version="3",
        start_ms=start,
        end_ms=start + number * 1000,
        elapsed_ms=number * 1000,
    )


@pytest.mark.slow
def test_each_project_costs_one_request_once(ledger):
    ids = [f"p{number:04}" for number in range(PROJECTS)]
    published = NOW_MS - 24 * HOUR_MS
    ledger.record_projects([Project(project_id=one, published_ms=published) for one in ids], NOW_MS)
    for number in (7, 100, PROJECTS - 1):
        ledger.record_runs(ids[number], [run(ids[number], number)], RunProgress(known_from_ms=0), NOW_MS)
    known = {one.project.project_id: one for one in ledger.projects()}
    requested: list[tuple[str, str]] = []

    def read(reader: ExportReader, now_ms: int) -> int:
        """Go on until nothing is wanted; the time then."""
        for _ in range(2 * PROJECTS):
            reader.look(known.values(), NOW_MS - 14 * 24 * HOUR_MS, now_ms)
            request = reader.next_request(known.values(), now_ms)
            if request is None:
                return now_ms
            requested.append((request.project_id, request.version))
            reader.sent(request, now_ms)
            facts = ProjectVersion(project_id=request.project_id, version=request.version, profile="medium")
            page = Page(request=request, items=(facts,), sent_ms=now_ms)
            reader.take(known[request.project_id], page, now_ms)
            now_ms = reader.wake_ms
        raise AssertionError("the reader never ends")

    began = NOW_MS
    ended = read(ExportReader(ledger, PER_HOUR), began)
    read(ExportReader(ledger, PER_HOUR), ended + HOUR_MS)  # as after a restart

    assert len(requested) == len(set(requested)) == PROJECTS
    assert requested[:3] == [(ids[-1], "3"), (ids[100], "3"), (ids[7], "3")]
    assert (ended - began) * PER_HOUR * 0.2 * 1.01 >= (PROJECTS - 1) * HOUR_MS
