"""The typed configuration, and where in the file each mistake is."""

from exporter.config.audit_settings import Audit, Ignore
from exporter.config.budget_settings import DEFAULT_BUDGET, Budget, BudgetMatch, PeriodKind, Thresholds
from exporter.config.cluster_settings import Cluster
from exporter.config.collect_settings import Collect, Exports, listings_seconds, shortest_max_age_seconds
from exporter.config.config_file import read_config_file, state_dir
from exporter.config.contract_settings import DOLLARS, Chargeback, Contract, Currency, SharedBy
from exporter.config.error_wording import guess, invalid, kind, printable
from exporter.config.gateway_settings import (
    AllowedCaller,
    BrakeExcept,
    BudgetBrake,
    Failures,
    Gateway,
    Policy,
    Queue,
    RunLimits,
    Sample,
)
from exporter.config.load import BASE_URL_VARIABLE, TOKEN_VARIABLE, load_config
from exporter.config.match import Match, matches_glob
from exporter.config.overview_settings import Overview
from exporter.config.price_book import BOOKS, Book, Plan, read_book
from exporter.config.price_settings import Compute, Prices, Profile, SeatPrices
from exporter.config.problems import Problems, RejectedError, UnfitError
from exporter.config.readers import Keys, Scalar, Spot
from exporter.config.route_settings import FROM_ENVIRONMENT, Route
from exporter.config.scalars import integer, path, text, truth
from exporter.config.settings import (
    PUBLIC_BASE_URL,
    Config,
    Labels,
    RateLimit,
    Seats,
    SeriesLimits,
    Storage,
    Team,
    Week,
    Workspace,
)
from exporter.config.source_settings import FileSource, HttpSource, Source, SqlSource
from exporter.config.trigger_settings import QuietTime, Trigger
from exporter.config.urls import (
    PROJECT_PLACEHOLDER,
    host_and_port,
    is_plain_to_others,
    is_public,
    normal_advertised,
    normal_ledger_url,
    normal_person_url,
    normal_proxy,
    normal_public_url,
    without_secrets,
)
from exporter.config.warehouse_settings import Warehouse, WarehousePrices
from exporter.config.yaml_document import read_document

__all__ = [
    "BASE_URL_VARIABLE",
    "BOOKS",
    "DEFAULT_BUDGET",
    "DOLLARS",
    "FROM_ENVIRONMENT",
    "PROJECT_PLACEHOLDER",
    "PUBLIC_BASE_URL",
    "TOKEN_VARIABLE",
    "AllowedCaller",
    "Audit",
    "Book",
    "BrakeExcept",
    "Budget",
    "BudgetBrake",
    "BudgetMatch",
    "Chargeback",
    "Cluster",
    "Collect",
    "Compute",
    "Config",
    "Contract",
    "Currency",
    "Exports",
    "Failures",
    "FileSource",
    "Gateway",
    "HttpSource",
    "Ignore",
    "Keys",
    "Labels",
    "Match",
    "Overview",
    "PeriodKind",
    "Plan",
    "Policy",
    "Prices",
    "Problems",
    "Profile",
    "Queue",
    "QuietTime",
    "RateLimit",
    "RejectedError",
    "Route",
    "RunLimits",
    "Sample",
    "Scalar",
    "SeatPrices",
    "Seats",
    "SeriesLimits",
    "SharedBy",
    "Source",
    "Spot",
    "SqlSource",
    "Storage",
    "Team",
    "Thresholds",
    "Trigger",
    "UnfitError",
    "Warehouse",
    "WarehousePrices",
    "Week",
    "Workspace",
    "guess",
    "host_and_port",
    "integer",
    "invalid",
    "is_plain_to_others",
    "is_public",
    "kind",
    "listings_seconds",
    "load_config",
    "matches_glob",
    "normal_advertised",
    "normal_ledger_url",
    "normal_person_url",
    "normal_proxy",
    "normal_public_url",
    "path",
    "printable",
    "read_book",
    "read_config_file",
    "read_document",
    "shortest_max_age_seconds",
    "state_dir",
    "text",
    "truth",
    "without_secrets",
]
