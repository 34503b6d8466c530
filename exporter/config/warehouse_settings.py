"""Warehouses: whose query log shows what Hex's queries cost, and what a unit of it costs. Secrets are only named."""

import re
from typing import Literal, get_args

from msgspec import Struct, field

WarehouseKind = Literal["snowflake", "bigquery", "databricks", "redshift", "table"]
KINDS: tuple[WarehouseKind, ...] = get_args(WarehouseKind)

_RELATION = re.compile(r"[A-Za-z0-9_$-]+(?:\.[A-Za-z0-9_$-]+){0,3}")
_REGION = re.compile(r"region-[a-z0-9-]+")
_SHORTEST_EVERY_SECONDS = 60
_GIBIBYTE = 1 << 30


class WarehousePrices(Struct, frozen=True, kw_only=True):
    """What the warehouse bills, in millionths of a dollar; None where it has no price."""

    credit_micro_usd: int | None = field(default=None, name="credit_usd")
    dbu_micro_usd: int | None = field(default=None, name="dbu_usd")
    tib_micro_usd: int | None = field(default=None, name="tib_usd")
    slot_hour_micro_usd: int | None = field(default=None, name="slot_hour_usd")

    def __post_init__(self) -> None:
        if self.tib_micro_usd is not None and self.slot_hour_micro_usd is not None:
            raise ValueError("both tib_usd and slot_hour_usd are given; keep the one that you are billed by")


class Warehouse(Struct, frozen=True, kw_only=True):
    """A warehouse behind Hex. `relation` has this program's column names, and takes the place of the vendor's log.

    `connections` are globs on the names of the Hex connections that it is behind. Raises ValueError unless the URL
    has one place, and for a kind or a relation that cannot be.
    """

    name: str
    kind: WarehouseKind
    url_env: str | None = None
    url_file: str | None = None
    relation: str | None = None
    region: str = "region-us"
    prices: WarehousePrices = WarehousePrices()
    every_seconds: float = field(default=900.0, name="every")
    timeout_seconds: float = field(default=120.0, name="timeout")
    max_bytes: int = 100 * _GIBIBYTE
    connections: tuple[str, ...] = ()
    workspace: str = "*"

    def __post_init__(self) -> None:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("the warehouse's URL has one place; add url_env or url_file, one of them")
        if self.kind == "table" and self.relation is None:
            raise ValueError("kind: table needs the table; add relation")
        if self.relation is not None and not _RELATION.fullmatch(self.relation):
            raise ValueError("relation is not a table; write NAME, SCHEMA.NAME or A.B.C")
        if not _REGION.fullmatch(self.region):
            raise ValueError("region is not one of BigQuery; write region-us, region-eu or the like")
        if self.every_seconds < _SHORTEST_EVERY_SECONDS:
            raise ValueError("every is shorter than a minute; a look wakes the warehouse, so write 15m or more")
