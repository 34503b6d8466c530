"""The tables of leases: which replica owns which workspace."""

from sqlalchemy import BigInteger, Column, Table, Text

from exporter.ledger.cost_schema import METADATA

__all__ = ["LEASES", "METADATA", "REPLICAS"]

LEASES = Table(
    "leases",
    METADATA,
    Column("workspace", Text, primary_key=True),
    Column("owner", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""Who owns each workspace. `epoch` grows with each change of owner, `version` with each transaction of the owner."""

REPLICAS = Table(
    "replicas",
    METADATA,
    Column("replica", Text, primary_key=True),
    Column("renewed_ms", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    Column("configuration", Text, nullable=False),
    Column("workspaces", Text, nullable=False),
)
"""The replicas that live, or did lately, by the database's clock. `workspaces` is a JSON array of names."""
