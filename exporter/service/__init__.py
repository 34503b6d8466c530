"""The running process: it wires rooms, threads, signals and reloads, and holds no logic of theirs."""

from exporter.service.logs import configure_logs
from exporter.service.serve import Service, WebFlags, end_quietly_on_signals, run_serve
from exporter.service.settings import read_config, token_of, tokens_of
from exporter.service.workers import Assignment

__all__ = [
    "Assignment",
    "Service",
    "WebFlags",
    "configure_logs",
    "end_quietly_on_signals",
    "read_config",
    "run_serve",
    "token_of",
    "tokens_of",
]
