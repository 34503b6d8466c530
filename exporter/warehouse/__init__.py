"""What Hex's queries cost in the warehouse, read from its query log: never a query's text."""

from exporter.warehouse.comment import Comment, parse_comment
from exporter.warehouse.log_hours import LogRow, sums_by_hour
from exporter.warehouse.log_reading import log_row, read_hours, windows
from exporter.warehouse.statements import grants, statement
from exporter.warehouse.warehouse_monitor import WarehouseMonitor

__all__ = [
    "Comment",
    "LogRow",
    "WarehouseMonitor",
    "grants",
    "log_row",
    "parse_comment",
    "read_hours",
    "statement",
    "sums_by_hour",
    "windows",
]
