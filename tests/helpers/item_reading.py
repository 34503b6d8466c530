"""Items of Hex as the client reads them."""

from typing import Any

from exporter.hexapi import ApiRequest, Endpoint
from exporter.hexapi.endpoints import OF_ONE_PROJECT
from exporter.hexapi.item_parsing import read_item

NOON = "2026-11-24T12:00:00.000Z"

NOON_MS = 1_795_521_600_000


def read(endpoint: Endpoint, item: dict[str, Any]) -> Any:
    return read_item(item, ApiRequest(endpoint, "p-1" if endpoint in OF_ONE_PROJECT else None))
