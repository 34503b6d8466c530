"""What Hex's queries cost in the warehouse, read from its query log: never a query's text."""

from exporter.warehouse.comment import Comment, parse_comment
from exporter.warehouse.log_hours import HourSums, sums_by_hour
from exporter.warehouse.log_reading import LogRead, bytes_of_read, read_hours, windows
from exporter.warehouse.log_rows import LogRow, log_row
from exporter.warehouse.statements import grants, statement
from exporter.warehouse.warehouse_monitor import WarehouseMonitor

__all__ = [
    "Comment",
    "HourSums",
    "LogRead",
    "LogRow",
    "WarehouseMonitor",
    "bytes_of_read",
    "grants",
    "log_row",
    "parse_comment",
    "read_hours",
    "statement",
    "sums_by_hour",
    "windows",
]
