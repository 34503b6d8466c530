"""Asking Hex: typed answers, one page at a time, paced."""

from exporter.hexapi.answers import Fact
from exporter.hexapi.asks import Ask, Endpoint
from exporter.hexapi.client import Exchange, HexClient
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import BadItem, Page
from exporter.hexapi.token import Secret, TokenSource
from exporter.hexapi.walk import Walk

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
