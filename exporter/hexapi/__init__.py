"""Asking Hex: typed answers, one page at a time, paced."""

from exporter.hexapi.bounded_body import BodyError, read_body
from exporter.hexapi.client import Exchange, HexClient
from exporter.hexapi.endpoints import OF_ONE_PROJECT, SHAPES, ApiRequest, Endpoint, address, query
from exporter.hexapi.error_answers import fault, safe
from exporter.hexapi.field_readers import identifier, mapping
from exporter.hexapi.item_parsing import Fact, read_item
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import BadItem, Page, parse_json, read_page
from exporter.hexapi.pagination import ListingWalk
from exporter.hexapi.rate_tiers import MARGIN_SECONDS
from exporter.hexapi.retry_after import reset_seconds, retry_after_seconds
from exporter.hexapi.sliding_windows import SlidingWindows
from exporter.hexapi.timestamps import http_date_ms
from exporter.hexapi.token import Secret, TokenSource

__all__ = [
    "MARGIN_SECONDS",
    "OF_ONE_PROJECT",
    "SHAPES",
    "ApiRequest",
    "BadItem",
    "BodyError",
    "Endpoint",
    "Exchange",
    "Fact",
    "HexClient",
    "ListingWalk",
    "Pace",
    "Page",
    "Secret",
    "SlidingWindows",
    "TokenSource",
    "address",
    "fault",
    "http_date_ms",
    "identifier",
    "mapping",
    "parse_json",
    "query",
    "read_body",
    "read_item",
    "read_page",
    "reset_seconds",
    "retry_after_seconds",
    "safe",
]
