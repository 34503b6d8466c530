"""A simulated Hex workspace that speaks the real API over HTTP: for the demo, the tests and the benchmarks."""

from exporter.simulator.app import create_app
from exporter.simulator.faults import Fault, Faults, parse_fault
from exporter.simulator.invoice import invoice_csv
from exporter.simulator.planted_waste import Waste
from exporter.simulator.rate_limits import RateLimits, parse_limits
from exporter.simulator.simulation import Simulation
from exporter.simulator.timeline import Burst
from exporter.simulator.tokens import Token, Tokens

__all__ = [
    "Burst",
    "Fault",
    "Faults",
    "RateLimits",
    "Simulation",
    "Token",
    "Tokens",
    "Waste",
    "create_app",
    "invoice_csv",
    "parse_fault",
    "parse_limits",
]
