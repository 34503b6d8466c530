"""A million rows of a warehouse's query log: how fast they are read, summed and joined, and in how much memory.

A SQLite file has a day of queries of 200 projects, as the demo's logs are; another process looks at it once. The
promise is 150 MB for that process, ledger and all.
"""

import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from exporter.clock import SystemClock
from exporter.config import Config, Storage, Warehouse, WarehousePrices, Workspace
from exporter.ledger import open_ledger
from exporter.warehouse import WarehouseMonitor

ROWS = 1_000_000
PROJECTS, CELLS = 200, 10
PROMISE_MB = 150
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

TEXT = """'select a, b, c from schema_' || (n % 50) || '.orders where day = current_date' || char(10) ||
 '-- Hex query metadata: {"categories": [], "cell_type": "SQL", "connection": "Snowflake", "context": "SCHEDULED_RUN",'
 || ' "project_id": "00000000-0000-0000-0000-' || substr('000000000000' || (n % :projects), -12) || '",'
 || ' "project_url": "https://app.hex.tech/acme/hex/p/draft/logic?selectedCellId=c' || (n / :projects % :cells) || '",'
 || ' "trace_id": "' || hex(randomblob(16)) || '", "user_email": "someone@acme.example"}'"""

FILL = f"""
insert into hex_queries
with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < :rows - 1)
select 'query', 'q' || n, :from_ms + n * :day / :rows - 900, :from_ms + n * :day / :rows, {TEXT},
       n % 3 = 0, 0.001, null, null, null
from numbers
"""  # noqa: S608: every part is above


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        now_ms = time.time_ns() // 1_000_000
        database = sqlite3.connect(folder / "log.db")
        columns = "part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd"
        database.execute(f"create table hex_queries ({columns})")
        named = {"rows": ROWS, "projects": PROJECTS, "cells": CELLS, "day": DAY_MS}
        database.execute(FILL, named | {"from_ms": now_ms - now_ms % HOUR_MS - DAY_MS})
        database.execute("create index by_end on hex_queries (end_ms)")
        database.commit()
        database.close()
        command = [sys.executable, __file__, name]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(printed.splitlines()[-1])
    assert found["queries"] == ROWS, printed
    verdict = "kept" if found["mb"] <= PROMISE_MB else "NOT KEPT"
    print(f"{ROWS:,} rows of a day in {found['seconds']:.0f} s, {ROWS / found['seconds']:,.0f} rows a second")
    print(f"{ROWS / found['processor']:,.0f} rows a second of processor time, start and ledger included")
    print(f"highest memory {found['mb']:.0f} MB   <= {PROMISE_MB} MB: {verdict}")


def look(folder: Path) -> None:
    """Read the log once, as a server does, and print what that took."""
    prices = WarehousePrices(credit_micro_usd=3_000_000)
    warehouse = Warehouse(
        name="w", kind="table", url_env="LOG", relation="hex_queries", prices=prices, timeout_seconds=3600
    )
    storage = Storage(url=f"sqlite:///{folder / 'ledger.db'}")
    config = Config(workspaces=(Workspace(name="w", token_env="T"),), storage=storage, warehouses=(warehouse,))
    ledger = open_ledger(storage.url, clock=SystemClock())
    known = ledger.workspace("w")
    known.first_contact(1)
    monitor = WarehouseMonitor("w", config, known, SystemClock(), {"LOG": f"sqlite:///{folder / 'log.db'}"})
    began = time.monotonic()
    asyncio.run(monitor.look(warehouse))
    seconds = time.monotonic() - began
    queries = sum(one.queries for one in known.warehouses.between(0, 1 << 52).values())
    ledger.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "processor": processor, "queries": queries, "mb": megabytes}))


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else look(Path(sys.argv[1]))
