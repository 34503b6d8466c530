"""`hex-exporter ledger copy`: reads the addresses, shows how far it is."""

from pathlib import Path

import click

from exporter.clock import SystemClock
from exporter.config import UnfitError, normal_ledger_url
from exporter.errors import LedgerError
from exporter.ledger import copy_ledger
from exporter.service import configure_logs

_SHOWN_EVERY = 100_000


def run_ledger_copy(source: str, target: str) -> None:
    """Copy, and print what was copied. Raises LedgerError."""
    configure_logs("error", "logfmt")
    urls = (_url(source, "FROM"), _url(target, "TO"))
    copied = copy_ledger(*urls, clock=SystemClock(), on_progress=_show)
    click.echo(
        f"Copied and compared: {copied.rows:,} rows, {copied.runs:,} runs among them; "
        f"the counters add up to {copied.counted:,}. Set storage.url to the copy, and start `hex-exporter serve`."
    )


def _show(table: str, rows: int) -> None:
    if rows % _SHOWN_EVERY == 0 and rows:
        click.echo(f"{table}: {rows:,} rows", err=True)


def _url(written: str, name: str) -> str:
    try:
        text = Path(written[1:]).read_text("utf-8").strip() if written.startswith("@") else written
        return normal_ledger_url(text, Path.cwd())
    except OSError as error:
        reason = f"{written[1:]} cannot be read ({error.strerror})"
        raise LedgerError(f"{name}: {reason}: name a file that has the address") from None
    except UnfitError as unfit:
        raise LedgerError(f"{name}: {unfit}") from None
    except ValueError:
        raise LedgerError(
            f"{name}: no address of a ledger: write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
