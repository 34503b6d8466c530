"""Damage to the file of a ledger that is in use."""

from pathlib import Path

from exporter.ledger import Ledger


def damage(ledger: Ledger, path: Path) -> None:
    """Overwrite the database, as a failing disk would, and have it read from there rather than from a cache."""
    database = ledger._store.database
    for engine in (database.reader, database.writer):
        engine.dispose()
    path.write_bytes(b"\xa5" * path.stat().st_size)
