"""Fixtures that more than one room's tests use."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import structlog
from helpers.manual_clock import ManualClock
from helpers.sizes import size
from hypothesis import HealthCheck, settings

# How fast a busy machine makes up its examples is no property of the program.
settings.register_profile(
    "unhurried", deadline=None, max_examples=size(50, 300), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


# pytest-xdist sets it, and what a command prints would be as narrow as that.
os.environ.pop("COLUMNS", None)

# httpx tries to import this at each request to an application, and the whole path is searched for it each time.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

LONGEST = (
    "tests/test_image.py",
    "tests/cli/test_cli_demo.py",
    "tests/integration/test_paging.py",
    "tests/ledger/test_ledger_failover.py",
    "tests/report/test_report_focus_validator.py",
    "tests/dashboards/test_dashboards_prometheus.py",
    "tests/test_scripts.py",
    "tests/test_crash.py",
    "tests/integration/test_accounting.py",
    "tests/alerts/test_alerts_rules.py",
    "tests/polling",
    "tests/gateway",
    "tests/history",
    "tests/integration",
)
"""What takes longest, or waits longest for real programs, begins first: no worker is left with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, not the tests in them."""
    items.sort(key=lambda item: next((at for at, path in enumerate(LONGEST) if item.nodeid.startswith(path)), 99))


def pytest_collection_finish() -> None:
    """What was collected stays; to look through it for garbage again and again took a twelfth of the time."""
    gc.collect()
    gc.freeze()


# A shell that starts the tests in its background has them ignore Ctrl-C, and so would every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def manual_clock() -> ManualClock:
    return ManualClock()


def _usual_logs() -> None:
    """Lines of debug take a tenth of the time where each request writes some: a test of them asks for them."""
    structlog.reset_defaults()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("info"))


_usual_logs()


@pytest.fixture(autouse=True)
def usual_logs() -> Iterator[None]:
    """Commands change the logs of the whole process; what a test of one changed is put back."""
    yield
    _usual_logs()


@pytest.fixture
def debug_logs() -> None:
    """Lines of debug are written."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("debug"))
