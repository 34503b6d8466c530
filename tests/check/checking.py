"""The command check, led to a simulated workspace."""

from collections.abc import Mapping
from functools import partial

import httpx

from exporter.check import workspace_probe
from exporter.cli.check import run_check
from exporter.clock import SystemClock
from exporter.hexapi import HexClient
from exporter.service import WebFlags
from exporter.simulator import Fault, RateLimits, Simulation, create_app

TOKEN = "hxtw_" + "3c" * 48

PERSONAL_TOKEN = "hxtp_" + "3c" * 48


class Check:
    """Runs `check` with its requests led to a simulated workspace of 12 projects."""

    def __init__(self, monkeypatch, capsys, tmp_path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._folder = tmp_path
        self.lead_to(create_app(Simulation(1, 12, clock=SystemClock()), limits=RateLimits.off()))

    def lead_to(self, app) -> None:
        self.app = app
        self.lead_through(httpx.ASGITransport(app=app))

    def lead_through(self, transport: httpx.AsyncBaseTransport) -> None:
        self._monkeypatch.setattr(workspace_probe, "HexClient", partial(HexClient, transport=transport))

    def fault(self, kind: str, **more) -> None:
        self.app.faults.add(Fault(kind=kind, **more))

    def __call__(
        self,
        more: str = "",
        *,
        token: str = TOKEN,
        rate_limit: str = "per_minute: 600, per_hour: 36000",
        environ: Mapping[str, str] | None = None,
        base_url: str = "http://localhost/api/v1",
        route: str = "",
        web: Mapping[str, object] | None = None,
        is_offline: bool = False,
    ):
        """Exit status and output."""
        path = self._folder / "c.yml"
        workspace = f"{{name: w, base_url: {base_url}, {route} rate_limit: {{{rate_limit}}}, token_env: T}}"
        path.write_text(f"workspaces: [{workspace}]\n{more}")
        flags = WebFlags(**{"listen_addresses": ["127.0.0.1:9891"], **(web or {})})
        status = run_check(
            path, {"T": token, "XDG_STATE_HOME": str(self._folder), **(environ or {})}, flags, is_offline=is_offline
        )
        return status, self._capsys.readouterr().out


def wrong(output: str) -> list[str]:
    return [line.removeprefix("wrong").strip() for line in output.splitlines() if line.startswith("wrong")]


def notes(output: str) -> list[str]:
    return [line.removeprefix("note").strip() for line in output.splitlines() if line.startswith("note")]
