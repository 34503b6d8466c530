"""Short words for tests that ask a source about its state."""

import asyncio
import gc
from pathlib import Path

import pytest

from exporter.config import SqlSource
from exporter.sources.credentials import Credential
from exporter.sources.probe import ProbeError
from exporter.sources.sql_probe import SqlProbe


def sql_probe(url, query=None, *, tables=(), deadline=20.0):
    """The probe of a database at this URL."""
    # By a connection, the names are not the configuration's, and come unchecked.
    connection = "*" if query is None else None
    source = SqlSource(url_env="URL", query=query, connection=connection, deadline_seconds=deadline)
    return SqlProbe(source, Credential({"URL": url}, env="URL"), lambda: tables)


def state(probe):
    """What the probe reports; a probe is bound to no event loop between two questions."""
    return asyncio.run(probe.state())


def refusal(probe):
    """Why the probe cannot tell the state."""
    with pytest.raises(ProbeError) as caught:
        state(probe)
    gc.collect()  # so that what was left open is found in the test that left it
    return str(caught.value)


def sqlite_url(path: Path) -> str:
    """The file as SQLAlchemy writes it."""
    return f"sqlite:///{path}"
