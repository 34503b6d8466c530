"""The typed configuration, and where in the file each mistake is."""

from exporter.config.book import BOOKS, Book, Plan, read_book
from exporter.config.budget import DEFAULT_BUDGET, Budget, BudgetMatch, PeriodKind, Thresholds
from exporter.config.load import load_config
from exporter.config.match import Match
from exporter.config.prices import Compute, Prices, Profile, SeatPrices
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
    "BOOKS",
    "DEFAULT_BUDGET",
    "Book",
    "Budget",
    "BudgetMatch",
    "Collect",
    "Compute",
    "Config",
    "Labels",
    "Limits",
    "Match",
    "PeriodKind",
    "Plan",
    "Prices",
    "Profile",
    "RateLimit",
    "SeatPrices",
    "Seats",
    "Storage",
    "Team",
    "Thresholds",
    "Week",
    "Workspace",
    "load_config",
    "read_book",
]
