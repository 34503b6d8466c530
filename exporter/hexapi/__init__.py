"""Asking Hex: typed answers, one page at a time, paced."""

from exporter.hexapi.client import Exchange, HexClient
from exporter.hexapi.endpoints import Ask, Endpoint
from exporter.hexapi.item_parsing import Fact
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import BadItem, Page
from exporter.hexapi.pagination import Walk
from exporter.hexapi.token import Secret, TokenSource

__all__ = [
    "Ask",
    "BadItem",
    "Endpoint",
    "Exchange",
    "Fact",
    "HexClient",
    "Pace",
    "Page",
    "Secret",
    "TokenSource",
    "Walk",
]
