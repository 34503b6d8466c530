"""What differs from one database to another: connections, transactions, and what each says when something is wrong."""

from exporter.ledger.engines.database import Database, DatabaseClock, place, table_names
from exporter.ledger.engines.lock import WriterLock
from exporter.ledger.engines.postgresql import PostgresDatabase, database_clock
from exporter.ledger.engines.sqlite_file import SqliteFile, SqliteMemory

__all__ = [
    "Database",
    "DatabaseClock",
    "PostgresDatabase",
    "SqliteFile",
    "SqliteMemory",
    "WriterLock",
    "database_clock",
    "place",
    "table_names",
]
