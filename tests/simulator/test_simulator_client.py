"""The exporter's own client against the simulator: what it learns is the truth."""

import asyncio
import random

import httpx
import pytest

from exporter.errors import RateLimitedError
from exporter.facts import Cell, Connection, Group, Identity, Project, QueriedTable, Run, Seat, Thread
from exporter.hexapi import ApiRequest, Endpoint, HexClient, ListingWalk, Pace, TokenSource
from exporter.simulator.event_times import DAY_MS
from exporter.simulator.timeline import HISTORY_MS


@pytest.fixture
def read(api, manual_clock):
    """Read a listing whole and return its items of one kind."""

    def read_all(endpoint, kind, project_id=None):
        async def walk():
            pace = Pace(per_minute=10**6, per_hour=10**8, share=1.0, clock=manual_clock, rng=random.Random(1))
            client = HexClient(
                base_url="http://127.0.0.1/api/v1",
                token=TokenSource(value="hxtw_" + "0" * 96),
                pace=pace,
                clock=manual_clock,
                observe=lambda exchange: None,
                transport=httpx.ASGITransport(api.app),
            )
            found = ListingWalk(endpoint, project_id)
            while found.next is not None:
                found.add(await client.fetch(found.next))
            await client.aclose()
            return found

        found = asyncio.run(walk())
        assert found.is_complete
        assert found.bad == ()
        return found.only(kind)

    return read_all


class TestTruth:
    def test_projects_with_their_schedules(self, api, read):
        projects = {project.project_id: project for project in read(Endpoint.PROJECTS, Project)}

        for simulated in api.simulation.projects:
            if simulated.is_component:
                continue
            project = projects.pop(simulated.project_id)
            assert (project.title, project.owner) == (simulated.title, simulated.owner_email)
            assert [schedule.enabled for schedule in project.schedules] == [
                cadence.is_enabled for cadence in simulated.schedules
            ]
            assert all(schedule.cron is not None for schedule in project.schedules)
        assert not projects

    @pytest.mark.parametrize("sort", ["abandoned", "office", "api", "refresh", "monthly"])
    def test_runs(self, api, read, sort):
        project_id, now_ms = api.of_sort(sort).project_id, api.simulation.now_ms

        runs = read(Endpoint.RUNS, Run, project_id)

        truth = api.simulation.runs_between(now_ms - HISTORY_MS, now_ms + DAY_MS, project_id=project_id)
        assert list(runs) == list(truth)

    def test_seats_groups_connections_and_threads(self, api, read):
        simulation = api.simulation

        assert set(read(Endpoint.USERS, Seat)) == set(simulation.seats)
        assert set(read(Endpoint.GROUPS, Group)) == set(simulation.groups)
        assert read(Endpoint.THREADS, Thread) == simulation.threads
        connections = read(Endpoint.CONNECTIONS, Connection)
        assert {(one.connection_id, one.name, one.connection_type) for one in connections} == {
            (one.connection_id, one.name, one.connection_type) for one in simulation.connections
        }

    @pytest.mark.slow
    def test_the_two_connections_to_one_database_have_one_target(self, api, read):
        (overlap,) = [one for one in api.simulation.waste if one.kind == "overlapping_connections" and one.is_waste]
        (near,) = [one for one in api.simulation.waste if one.kind == "overlapping_connections" and not one.is_waste]
        targets = {one.connection_id: one.target for one in read(Endpoint.CONNECTIONS, Connection)}

        assert len({targets[subject] for subject in overlap.subjects}) == 1
        assert len({targets[subject] for subject in near.subjects}) == 2

    def test_tables_cells_and_identity(self, api, read):
        project = api.of_sort("daily")

        tables = read(Endpoint.QUERIED_TABLES, QueriedTable, project.project_id)
        cells = read(Endpoint.CELLS, Cell, project.project_id)
        (me,) = read(Endpoint.ME, Identity)

        assert [table.table for table in tables] == list(project.tables)
        assert {cell.connection_id for cell in cells} == {None, project.connection.connection_id}
        assert me.org_id == api.simulation.org_id


class TestRefusal:
    def test_a_429_is_told_as_one(self, api, manual_clock):
        api.fault("429", retry_after=30, count=1)
        pace = Pace(per_minute=60, per_hour=600, share=1.0, clock=manual_clock, rng=random.Random(1))

        async def ask():
            client = HexClient(
                base_url="http://127.0.0.1/api/v1",
                token=TokenSource(value="hxtw_" + "0" * 96),
                pace=pace,
                clock=manual_clock,
                observe=lambda exchange: None,
                transport=httpx.ASGITransport(api.app),
            )
            await client.fetch(ApiRequest(Endpoint.GROUPS))

        with pytest.raises(RateLimitedError):
            asyncio.run(ask())
        assert pace.cool_down_until_ms == api.simulation.now_ms + 30_000
