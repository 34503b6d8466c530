"""Runs for Python programs: start one and wait for it, run only if the data changed, and the week's count.

Public: `HexClient`, `RunOptimizer` and `CostMonitor`, the first two also for `asyncio`. No server is needed; a gateway
may stand in Hex's place. docs/python.md has examples.
"""

from exporter.client.cost_monitor import CostMonitor, WeeklyReport
from exporter.client.destination import Destination
from exporter.client.hex_client import AsyncHexClient, HexClient
from exporter.client.result_memory import FileMemory, Memory
from exporter.client.run import Run, RunFailedError, RunInDoubtError, RunTimeoutError
from exporter.client.run_api import LaterError, Reply, RunApi
from exporter.client.run_optimizer import AsyncRunOptimizer, RunOptimizer, RunResult
from exporter.client.source_states import configured_source

__all__ = [
    "AsyncHexClient",
    "AsyncRunOptimizer",
    "CostMonitor",
    "Destination",
    "FileMemory",
    "HexClient",
    "LaterError",
    "Memory",
    "Reply",
    "Run",
    "RunApi",
    "RunFailedError",
    "RunInDoubtError",
    "RunOptimizer",
    "RunResult",
    "RunTimeoutError",
    "WeeklyReport",
    "configured_source",
]
