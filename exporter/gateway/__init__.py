"""The run gateway: run requests pass through, and those that would repeat what is known start nothing."""

from exporter.gateway.app import App
from exporter.gateway.cache.budget_use import braked_series
from exporter.gateway.context import GatewayHost
from exporter.gateway.explanation import Explanation, explain
from exporter.gateway.gateway import Gateway
from exporter.gateway.opening import open_gateway
from exporter.gateway.owner_forwarding import ClusterView, OwnerForwarding
from exporter.view import GatewayState

__all__ = ["App", "Explanation", "Gateway", "GatewayHost", "GatewayState", "braked_series", "explain", "open_gateway"]
__all__ = [
    "App",
    "ClusterView",
    "Explanation",
    "Gateway",
    "GatewayHost",
    "GatewayState",
    "OwnerForwarding",
    "explain",
    "open_gateway",
]
