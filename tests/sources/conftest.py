"""Fixtures of the tests of sources: a real PostgreSQL, a ledger in memory with projects, a server on a real socket."""

from helpers.postgres import postgres_server

__all__ = ["postgres_server"]
