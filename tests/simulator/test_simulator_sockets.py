"""The application over a real socket: what only a connection can show."""

import socket
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from exporter.clock import SystemClock
from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app

HEADERS = {"Authorization": "Bearer hxtw_socket"}


@contextmanager
def serving(app, **options):
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, **options)
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def tell(sockets=None):
        await startup(sockets)
        started.set()

    server.startup = tell
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert started.wait(20)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def app():
    return create_app(Simulation(1, 10, clock=SystemClock()), faults=Faults(), limits=RateLimits.off())


@pytest.mark.integration
class TestSockets:
    def test_a_client_reads_every_page_by_its_links(self, app):
        simulation = app.simulation
        project = next(project for project in simulation.projects if project.sort == "abandoned")
        with serving(app) as base, httpx.Client(headers=HEADERS, trust_env=False, verify=False) as client:
            page = client.get(f"{base}/projects/{project.project_id}/runs", params={"limit": 100}).json()
            seen = list(page["runs"])
            while page["nextPage"]:
                page = client.get(page["nextPage"]).json()
                seen += page["runs"]

        assert len({run["runId"] for run in seen}) == len(seen) > 2000

    @pytest.mark.parametrize("dates", [True, False])
    def test_an_answer_has_one_date(self, app, dates):
        with serving(app, date_header=dates) as base:
            answer = httpx.get(f"{base}/users/me", headers=HEADERS, trust_env=False, verify=False)

        assert len(answer.headers.get_list("date")) == 1

    def test_a_truncated_answer_ends_before_its_length(self, app, caplog):
        app.faults.add(Fault(kind="truncation", count=1))
        with serving(app) as base:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{base}/projects", headers=HEADERS, trust_env=False, verify=False)
            assert httpx.get(f"{base}/projects", headers=HEADERS, trust_env=False, verify=False).status_code == 200

        assert not caplog.records

    def test_a_reset_breaks_the_connection_off(self, app, caplog):
        app.faults.add(Fault(kind="reset", count=1))
        with serving(app) as base:
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{base}/projects", headers=HEADERS, trust_env=False, verify=False)
            assert httpx.get(f"{base}/projects", headers=HEADERS, trust_env=False, verify=False).status_code == 200

        assert not caplog.records
        assert app.tally["projects", "reset"] == 1

    @pytest.mark.slow
    def test_a_drip_is_slower_than_a_client_waits(self, app):
        app.faults.add(Fault(kind="drip", seconds=30, count=1))
        with serving(app, timeout_graceful_shutdown=1) as base, pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{base}/users/me", headers=HEADERS, timeout=0.3, trust_env=False, verify=False)

    def test_a_huge_answer_arrives_whole(self, app):
        app.faults.add(Fault(kind="huge", size_bytes=3_000_000, count=1))
        with serving(app) as base:
            answer = httpx.get(f"{base}/users/me", headers=HEADERS, trust_env=False, verify=False)

        assert len(answer.content) > 3_000_000
        assert answer.json()["org"]

    def test_a_run_is_started_and_cancelled(self, app):
        project = next(project for project in app.simulation.projects if project.sort == "api")
        with serving(app) as base, httpx.Client(headers=HEADERS, trust_env=False, verify=False) as client:
            run = client.post(f"{base}/projects/{project.project_id}/runs", json={}).json()
            cancelled = client.delete(run["runStatusUrl"])
            after = client.get(run["runStatusUrl"]).json()

        assert (cancelled.status_code, cancelled.content) == (204, b"")
        assert after["status"] == "KILLED"
