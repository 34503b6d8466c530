"""The running process: it wires rooms, threads, signals and reloads, and holds no logic of theirs."""

from exporter.service.follower import Assignment
from exporter.service.logs import configure_logs
from exporter.service.serve import Service, end_quietly_on_signals, run_serve
from exporter.service.settings import read_config, state_dir, token_of, tokens_of

__all__ = [
    "Assignment",
    "Service",
    "configure_logs",
    "end_quietly_on_signals",
    "read_config",
    "run_serve",
    "state_dir",
    "token_of",
    "tokens_of",
]
