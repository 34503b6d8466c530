"""`history`: the run history as OpenMetrics with timestamps, for `promtool tsdb create-blocks-from openmetrics`."""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.clock import Clock, SystemClock
from exporter.config import Config
from exporter.errors import ConfigError, ConfigProblem, LedgerError
from exporter.history import Past, Span, Written, history, read_past, span_of
from exporter.ledger import Ledger, open_ledger
from exporter.metrics import Collector, Status
from exporter.service import configure_logs, read_config
from exporter.view import Snapshot

_LOOK_SECONDS = 2.0


def run_history(
    config_file: Path | None,
    *,
    environ: Mapping[str, str],
    output: Path | None,
    job: str,
    instance: str,
    days: int,
    wait_seconds: int,
) -> None:
    """Write the past to a file, or to standard output. Raises LedgerError where there is none, ConfigError."""
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    clock = SystemClock()
    with _progress() as progress:
        _wait(config, clock, wait_seconds, progress)
        ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
        try:
            pasts = list(_pasts(ledger, config, clock, days, progress))
            if not pasts:
                raise LedgerError(
                    f"{config.storage.url}: found no run that is older than three hours and than the first contact "
                    "with Hex, expected some: there is no past to write"
                )
            count = Written()
            task = progress.add_task("Writing samples")
            with _target(output) as target:
                for piece in history(pasts, job=job, instance=instance, count=count):
                    target.write(piece)
                    progress.update(task, completed=count.samples)
        finally:
            ledger.close()
    start_ms, end_ms = min(one.span.start_ms for one in pasts), max(one.span.end_ms for one in pasts)
    click.echo(
        f"{count.samples:,} samples of {count.series:,} series with job={job!r} and instance={instance!r}, "
        f"from {_told(start_ms)} to {_told(end_ms)}.",
        err=True,
    )


def _pasts(ledger: Ledger, config: Config, clock: Clock, days: int, progress: Progress) -> Iterator[Past]:
    for snapshot in Collector(ledger, Status()).snapshots(config, _now_ms(clock)):
        workspace = ledger.workspace(snapshot.name)
        contact_ms = workspace.first_contact_ms
        oldest = None if contact_ms is None else next(workspace.runs_between(0, contact_ms), None)
        if contact_ms is None or oldest is None or oldest.start_ms is None:
            continue
        span = span_of(contact_ms, oldest.start_ms, _now_ms(clock), days)
        if span is None:
            continue
        _say_what_lacks(snapshot, span)
        watch = partial(progress.track, description=f"Reading runs of {snapshot.name}")
        yield read_past(workspace, snapshot, span, oldest.start_ms, watch)


def _say_what_lacks(snapshot: Snapshot, span: Span) -> None:
    unread = _unread(snapshot)
    if unread:
        click.echo(
            f"Workspace {snapshot.name!r}: the history of {unread} projects is not read yet; their runs are missing, "
            "and with them every figure of a whole week.",
            err=True,
        )
    if span.end_ms < span.contact_ms - 3_600_000:
        click.echo(
            f"Workspace {snapshot.name!r}: the import ends three hours ago, at {_told(span.end_ms)}; runs from then to "
            f"first contact at {_told(span.contact_ms)} are counted in its last sample.",
            err=True,
        )


def _wait(config: Config, clock: Clock, seconds: int, progress: Progress) -> None:
    """Return once the history of every workspace is read, or the time is up."""
    until = clock.monotonic() + seconds
    task = progress.add_task("Waiting for the history to be read") if seconds else None
    while clock.monotonic() < until:
        with suppress(LedgerError):
            ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
            try:
                snapshots = list(Collector(ledger, Status()).snapshots(config, _now_ms(clock)))
            finally:
                ledger.close()
            unread = sum(map(_unread, snapshots))
            listed = [one for one in snapshots if one.listed_ms is not None]
            if len(listed) == len(config.workspaces) and not unread:
                return
            if task is not None:
                progress.update(task, description=f"Waiting for the history of {unread} projects to be read")
        time.sleep(_LOOK_SECONDS)


def _unread(snapshot: Snapshot) -> int:
    """How many projects have a history that is not read to its start."""
    return sum(1 for known in snapshot.awaited if known.progress.known_from_ms != 0)


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears once it is whole. Raises ConfigError if it cannot be written."""
    if output is None:
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read it has had enough; Python's own flush at exit must not complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        return
    partial = output.with_name(output.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(output)
    except OSError as error:
        raise ConfigError(ConfigProblem("--output", f"{output} cannot be written ({error.strerror})")) from error
    finally:
        partial.unlink(missing_ok=True)


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _now_ms(clock: Clock) -> int:
    return round(clock.now() * 1000)


def _told(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
