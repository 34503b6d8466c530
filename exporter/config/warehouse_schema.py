"""The part of the file's schema that is about warehouses."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from exporter.config.error_wording import printable
from exporter.config.readers import Items, Keys, Reader, Spot
from exporter.config.scalars import choice, dollars, duration, integer, path, text, variable
from exporter.config.warehouse_settings import KINDS, Warehouse, WarehousePrices


def warehouses(folder: Path) -> Items[Warehouse]:
    """The reader of `warehouses`; relative paths are taken from the folder."""
    prices: Mapping[str, Reader[object]] = dict.fromkeys(
        ("credit_usd", "dbu_usd", "tib_usd", "slot_hour_usd"), dollars()
    )
    return Items(
        Keys(
            Warehouse,
            {
                "name": text(),
                "kind": choice({kind: kind for kind in KINDS}),
                "url_env": variable(),
                "url_file": path(folder),
                "relation": text(),
                "region": text(),
                "prices": Keys(WarehousePrices, prices),
                "every": duration(),
                "timeout": duration(),
                "max_bytes": integer(1, 1 << 50),
                "connections": Items(text(), noun="pattern"),
                "workspace": text(),
            },
        ),
        check=_check_names,
    )


def _check_names(entries: Sequence[tuple[Spot, Warehouse]]) -> None:
    """A name identifies the series of a warehouse; a log that is read twice counts its money twice."""
    seen: set[str] = set()
    logs: dict[tuple[str | None, ...], str] = {}
    for spot, warehouse in entries:
        if warehouse.name in seen:
            spot.refuse(f'a warehouse "{printable(warehouse.name)}" is there already; write another name')
        seen.add(warehouse.name)
        region = warehouse.region if warehouse.kind == "bigquery" else None
        log = (warehouse.url_env, warehouse.url_file, warehouse.relation, region, warehouse.workspace)
        other = logs.setdefault(log, warehouse.name)
        if other != warehouse.name:
            what = f'"{printable(warehouse.name)}" reads the same query log as "{printable(other)}"'
            spot.refuse(f"{what}, so that its money would be counted twice; keep one of them")
