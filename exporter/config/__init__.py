"""The typed configuration, and where in the file each mistake is."""

from exporter.config.audit_settings import Audit, Ignore
from exporter.config.budget_settings import DEFAULT_BUDGET, Budget, BudgetMatch, PeriodKind, Thresholds
from exporter.config.gateway_settings import Gateway, Policy, Queue, Sample
from exporter.config.load import load_config
from exporter.config.match import Match
from exporter.config.price_book import BOOKS, Book, Plan, read_book
from exporter.config.price_settings import Compute, Prices, Profile, SeatPrices
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
from exporter.config.source_settings import FileSource, HttpSource, Source, SqlSource

__all__ = [
    "BOOKS",
    "DEFAULT_BUDGET",
    "Audit",
    "Book",
    "Budget",
    "BudgetMatch",
    "Collect",
    "Compute",
    "Config",
    "FileSource",
    "Gateway",
    "HttpSource",
    "Ignore",
    "Labels",
    "Limits",
    "Match",
    "PeriodKind",
    "Plan",
    "Policy",
    "Prices",
    "Profile",
    "Queue",
    "RateLimit",
    "Sample",
    "SeatPrices",
    "Seats",
    "Source",
    "SqlSource",
    "Storage",
    "Team",
    "Thresholds",
    "Week",
    "Workspace",
    "load_config",
    "read_book",
]
