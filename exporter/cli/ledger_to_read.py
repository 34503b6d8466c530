"""The ledger of a configuration, open for a command that reads it beside a running server or without one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from exporter.clock import Clock, SystemClock
from exporter.config import Config
from exporter.ledger import Ledger, open_ledger
from exporter.service import configure_logs, read_config


@contextmanager
def opened_to_read(config_file: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[Ledger, Config, Clock]]:
    """The ledger, closed at the end, with its configuration and the clock that it goes by; only errors are logged.

    Raises ConfigError, and LedgerError where there is no ledger.
    """
    configure_logs("error", "logfmt")
    config, clock = read_config(config_file, environ), SystemClock()
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        yield ledger, config, clock
    finally:
        ledger.close()
