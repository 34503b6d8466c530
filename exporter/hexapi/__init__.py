"""Hex's API: typed answers, one page at a time, paced; and the one bounded HTTP exchange that all rooms share."""

from exporter.hexapi.bounded_yaml import MOST_BYTES as MOST_EXPORT_BYTES
from exporter.hexapi.bounded_yaml import BadYamlError
from exporter.hexapi.client import Exchange, HexClient
from exporter.hexapi.endpoints import OF_ONE_PROJECT, SHAPES, ApiRequest, Endpoint, address, query
from exporter.hexapi.error_answers import api_error
from exporter.hexapi.exchange import Answer, Authorization, Exchanger, NoAnswer, bounded_pieces, whole_body
from exporter.hexapi.field_readers import identifier, mapping
from exporter.hexapi.hold import Hold
from exporter.hexapi.item_parsing import Fact, read_item
from exporter.hexapi.pace import Pace
from exporter.hexapi.pages import BadItem, Page, parse_json, read_page
from exporter.hexapi.pagination import ListingWalk
from exporter.hexapi.project_export import read_export
from exporter.hexapi.proxy import way
from exporter.hexapi.rate_limit_headers import announced_seconds, reset_seconds
from exporter.hexapi.rate_tiers import MARGIN_SECONDS, Tier
from exporter.hexapi.sliding_windows import SlidingWindows
from exporter.hexapi.timestamps import http_date_ms
from exporter.hexapi.token import Secret, TokenSource

__all__ = [
    "MARGIN_SECONDS",
    "MOST_EXPORT_BYTES",
    "OF_ONE_PROJECT",
    "SHAPES",
    "Answer",
    "ApiRequest",
    "Authorization",
    "BadItem",
    "BadYamlError",
    "Endpoint",
    "Exchange",
    "Exchanger",
    "Fact",
    "HexClient",
    "Hold",
    "ListingWalk",
    "NoAnswer",
    "Pace",
    "Page",
    "Secret",
    "SlidingWindows",
    "Tier",
    "TokenSource",
    "address",
    "announced_seconds",
    "api_error",
    "bounded_pieces",
    "http_date_ms",
    "identifier",
    "mapping",
    "parse_json",
    "query",
    "read_export",
    "read_item",
    "read_page",
    "reset_seconds",
    "way",
    "whole_body",
]
