"""What the simulator's tests share: a workspace on a manual clock, and a client that needs no event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from exporter.simulator import Fault, Faults, RateLimits, Simulation, create_app

TOKEN = "hxtw_" + "0a" * 48


class Api:
    """A synchronous client of a simulated workspace, in process."""

    def __init__(self, app: Any, token: str | None = TOKEN) -> None:
        self.app = app
        self.simulation = app.simulation
        self.token = token

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = path if path.startswith(("http", "/_simulator")) else f"/api{path}"
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        headers |= options.pop("headers", {})

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hex.test") as client:
                return await client.request(method, url, headers=headers, **options)

        return asyncio.run(exchange())

    def get(self, path: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        return self.ask("GET", path, params=params or None, headers=headers or {})

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.ask("POST", path, json=json, **options)

    def delete(self, path: str) -> httpx.Response:
        return self.ask("DELETE", path)

    def fault(self, kind: str, **options: Any) -> None:
        self.app.faults.add(Fault(kind=kind, **options))

    def walk(self, path: str, name: str = "values", **params: Any) -> list[dict[str, Any]]:
        """Every item of a listing with cursors."""
        items: list[dict[str, Any]] = []
        after = None
        while True:
            page = self.get(path, **params, **({"after": after} if after else {})).json()
            items += page[name]
            after = page["pagination"]["after"]
            if after is None:
                return items

    def walk_runs(self, project_id: str, **params: Any) -> list[dict[str, Any]]:
        """Every run of a project, following `nextPage`."""
        page = self.get(f"/v1/projects/{project_id}/runs", **{"limit": 100, **params}).json()
        runs = page["runs"]
        while page["nextPage"] is not None:
            page = self.get(page["nextPage"]).json()
            runs += page["runs"]
        return runs

    def of_sort(self, sort: str) -> Any:
        """The first project of a sort."""
        return next(project for project in self.simulation.projects if project.sort == sort)


MakeApi = Callable[..., Api]


@pytest.fixture
def make_simulation(manual_clock: Any) -> Callable[..., Simulation]:
    def make(seed: int = 1, projects: int = 40, **options: Any) -> Simulation:
        return Simulation(seed, projects, **{"clock": manual_clock, **options})

    return make


@pytest.fixture
def make_api(make_simulation: Callable[..., Simulation]) -> MakeApi:
    def make(
        simulation: Simulation | None = None, *, token: str | None = TOKEN, projects: int = 40, **options: Any
    ) -> Api:
        simulation = simulation or make_simulation(projects=projects)
        chosen = {"limits": RateLimits.off(), "faults": Faults(), **options}
        return Api(create_app(simulation, **chosen), token)

    return make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """A workspace of 40 projects without limits or faults."""
    return make_api()
