"""A simulated Hex workspace that speaks the real API over HTTP: for the demo, the tests and the benchmarks."""

from exporter.simulator.app import create_app
from exporter.simulator.faults import Fault, Faults, parse_fault
from exporter.simulator.hex_queries import HexQuery, cell_truth, hex_queries
from exporter.simulator.invoice import invoice_csv
from exporter.simulator.planted_waste import Waste
from exporter.simulator.project_settings import writes_on_runs
from exporter.simulator.query_log_tables import QueryLogTables
from exporter.simulator.query_logs import LogEntry, Used, UsedKey, VendorLog
from exporter.simulator.rate_limits import RateLimits, parse_limits
from exporter.simulator.simulation import Simulation
from exporter.simulator.timeline import Burst
from exporter.simulator.tokens import Token, Tokens

__all__ = [
    "Burst",
    "Fault",
    "Faults",
    "HexQuery",
    "LogEntry",
    "QueryLogTables",
    "RateLimits",
    "Simulation",
    "Token",
    "Tokens",
    "Used",
    "UsedKey",
    "VendorLog",
    "Waste",
    "cell_truth",
    "create_app",
    "hex_queries",
    "invoice_csv",
    "parse_fault",
    "parse_limits",
    "writes_on_runs",
]
