"""The typed configuration, and where in the file each mistake is."""

from exporter.config.load import load_config
from exporter.config.match import Match
from exporter.config.settings import (
    Collect,
    Config,
    Labels,
    Limits,
    RateLimit,
    Seats,
    Storage,
    Team,
    Week,
    Workspace,
)

__all__ = [
    "Collect",
    "Config",
    "Labels",
    "Limits",
    "Match",
    "RateLimit",
    "Seats",
    "Storage",
    "Team",
    "Week",
    "Workspace",
    "load_config",
]
