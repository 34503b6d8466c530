"""How long a page waits for the next, for what it worked and not for what it waited; and one that takes long."""

import time
from types import SimpleNamespace
from unittest import mock

import pytest

from exporter.clock import SystemClock
from exporter.config import Config, Storage, Workspace
from exporter.metrics import PageBuilder, Publisher, Status
from exporter.service.follower import Follower
from exporter.service.overview_page import OverviewPage
from exporter.service.page_pause import pause_seconds
from exporter.service.workers import Assignment


@pytest.mark.parametrize(
    ("worked", "taken", "pause"),
    [
        (0.01, 0.02, 1.0),
        (0.5, 0.6, 6.0),
        (4.0, 4.1, 40.0),
        (0.05, 14.0, 10.0),
    ],
)
def test_a_page_that_waited_for_a_database_that_was_cut_off_is_followed_soon(worked, taken, pause):
    assert pause_seconds(worked, taken) == pause


def test_a_page_of_many_workspaces_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica whose loop stands still for a minute is not renewed, and would lose what it owns by each page."""
    names = tuple(f"w{number}" for number in range(5))
    config = Config(workspaces=tuple(Workspace(name=name, token_env="T") for name in names), storage=Storage(url=""))
    follower = Follower(Assignment(config, {}), Publisher(), OverviewPage(), Status(), SystemClock())
    ledger, states, now, quiet = mock.MagicMock(), mock.Mock(), [0.0], []

    class Slow:
        def snapshots(self, *_: object):
            for name in names:
                now[0] += 40
                quiet.append(now[0] - follower._alive_at)
                yield SimpleNamespace(name=name, accounts=None)

        def families(self, _: object) -> list[object]:
            return []

    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: now[0])
        follower._alive_at = 0.0
        follower._build(ledger, states, Slow(), PageBuilder(), config)

    assert quiet == [40] * len(names)
