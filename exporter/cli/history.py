"""`history`: the run history as OpenMetrics with timestamps, for `promtool tsdb create-blocks-from openmetrics`."""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.clock import Clock, SystemClock
from exporter.config import Config
from exporter.facts import Run
from exporter.history import (
    Written,
    expected_samples,
    expected_size,
    find_promtool,
    history,
    instant_text,
    output_file,
    read_pasts,
    wait_for_history,
    write_blocks,
)
from exporter.ledger import open_ledger
from exporter.service import configure_logs, read_config


def run_history(
    config_file: Path | None,
    *,
    environ: Mapping[str, str],
    output: Path | None,
    blocks: Path | None,
    job: str,
    instance: str,
    days: int,
    wait_seconds: int,
) -> None:
    """Write the past to a file, as blocks to a folder, or to standard output.

    Raises LedgerError where there is none, ConfigError, and HexExporterError where promtool fails.
    """
    configure_logs("error", "logfmt")
    promtool = find_promtool() if blocks is not None else ""
    config = read_config(config_file, environ)
    clock = SystemClock()
    with _progress() as progress:
        if wait_seconds:
            _wait(config, clock, wait_seconds, progress)

        def watch(workspace: str, runs: Iterable[Run]) -> Iterable[Run]:
            return progress.track(runs, description=f"Reading runs of {workspace}")

        ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
        try:
            pasts = read_pasts(ledger, config, clock, days, watch=watch, warn=_say)
            count, expected = Written(), expected_samples(pasts)
            _say(expected_size(expected))
            task = progress.add_task("Writing samples", total=expected)

            def pieces() -> Iterator[str]:
                for piece in history(pasts, job=job, instance=instance, count=count):
                    yield piece
                    progress.update(task, completed=count.samples)

            if blocks is not None:
                for left in write_blocks(pieces(), blocks, promtool):
                    progress.update(task, description=f"Making blocks, {left} left")
            else:
                with nullcontext(sys.stdout) if output is None else output_file(output) as target:
                    target.writelines(pieces())
        finally:
            ledger.close()
    start_ms, end_ms = min(one.span.start_ms for one in pasts), max(one.span.end_ms for one in pasts)
    _say(
        f"{count.samples:,} samples of {count.series:,} series with job={job!r} and instance={instance!r}, "
        f"from {instant_text(start_ms)} to {instant_text(end_ms)}."
    )
    if blocks is not None:
        _say(f"They are blocks in {blocks} now: that is, or is copied to, the data folder of Prometheus.")


def _wait(config: Config, clock: Clock, seconds: int, progress: Progress) -> None:
    task = progress.add_task("Waiting for the history to be read")

    def report(unread: int) -> None:
        progress.update(task, description=f"Waiting for the history of {unread} projects to be read")

    asyncio.run(wait_for_history(config, clock, seconds, report))


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
