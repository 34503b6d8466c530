"""`hex-exporter report` and `hex-exporter audit`: their flags, and which of them exclude each other."""

import os
from math import isfinite
from pathlib import Path

import click

from exporter.cli.commands import main, prints_errors
from exporter.cli.flags import config_flag
from exporter.facts import FINDING_KINDS, finding_kind_of, finding_kind_words


def _finding_kinds(context: click.Context, param: click.Parameter, written: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of findings that were written, as tables print them or as the label has them."""
    kinds = []
    for text in written:
        kind = finding_kind_of(text)
        if kind is None:
            raise click.BadParameter(f"{text!r} is not a kind of finding; write one of {_listed_kinds()}")
        kinds.append(kind)
    return tuple(kinds)


def _listed_kinds() -> str:
    return ", ".join(f'"{finding_kind_words(kind)}"' for kind in FINDING_KINDS)


@main.command()
@config_flag
@click.option("--week", metavar="WEEK", help="A week such as 2026-W47, or a day in it; else this week.")
@click.option("--month", metavar="MONTH", help="A month such as 2026-10 in the place of a week.")
@click.option("--from", "first", metavar="DAY", help="The first day of a period in the place of a week.")
@click.option("--to", "until", metavar="DAY", help="The last day of that period, itself included; else today.")
@click.option("--last", metavar="DAYS", help="The last days up to now instead, such as 7d: runs by project.")
@click.option("--workspace", metavar="NAME", help="Only this workspace; all of them if not given.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    help="csv is the bill in the columns of FOCUS; with --last, the projects.",
)
@click.option("--explain", "budget", metavar="BUDGET", help="Who used this budget, what is different, what to do.")
@click.option("--digest", "is_digest", is_flag=True, help="A few paragraphs of Markdown, to be mailed or posted.")
@prints_errors
def report(
    config_file: Path | None,
    last: str | None,
    workspace: str | None,
    form: str,
    budget: str | None,
    is_digest: bool,
    **wanted: str | None,
) -> None:
    """The week's runs, costs and budgets, against the week before; works beside a running server."""
    from exporter.cli.report import run_explain, run_last_days, run_report

    periods = {"--week": wanted["week"], "--month": wanted["month"], "--from": wanted["first"] or wanted["until"]}
    given = [option for option, text in periods.items() if text is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} are different periods; write one of them")
    if budget is not None:
        others = {"--last": last is not None, "--digest": is_digest}
        for option in (*given, *(name for name, is_given in others.items() if is_given)):
            raise click.UsageError(f"--explain cannot be used with {option}; leave one of them out")
        run_explain(config_file, os.environ, budget, workspace, form)
        return
    if last is not None:
        for option in (*given, *(["--digest"] if is_digest else [])):
            raise click.UsageError(f"--last cannot be used with {option}; leave one of them out")
        run_last_days(config_file, os.environ, last, workspace, form)
        return

    if is_digest and form not in ("table", "markdown"):
        raise click.UsageError(f"--digest cannot be --format {form}; write --format markdown, or leave it out")
    run_report(config_file, os.environ, workspace, form, is_digest=is_digest, **wanted)


@main.command()
@config_flag
@click.option(
    "--kind", "kinds", metavar="KIND", multiple=True, callback=_finding_kinds, help='Such as "idle paid seat".'
)
@click.option(
    "--min-saving", metavar="USD", type=click.FloatRange(0), help="Findings that save at least so much a month."
)
@click.option("--workspace", metavar="NAME", help="Only this workspace; all of them if not given.")
@click.option("--team", metavar="NAME", help="Findings of one team.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table")
@click.option("--details", "has_details", is_flag=True, help="All that is known of each finding, not only a line.")
@prints_errors
def audit(
    config_file: Path | None,
    kinds: tuple[str, ...],
    min_saving: float | None,
    workspace: str | None,
    team: str | None,
    form: str,
    has_details: bool,
) -> None:
    """What to switch off, ranked by saving; works beside a running server and changes nothing in Hex."""
    from exporter.cli.audit import run_audit
    from exporter.report import FindingFilter

    if min_saving is not None and not isfinite(min_saving):
        raise click.BadParameter(f"{min_saving} is not an amount; write dollars such as 20", param_hint="--min-saving")
    least_micro = None if min_saving is None else round(min_saving * 1_000_000)
    finding_filter = FindingFilter(kinds=kinds, least_micro=least_micro, workspace=workspace, team=team)
    if has_details and form != "table":
        raise click.UsageError(f"--details is for tables: --format {form} has all of it; leave --details out")
    run_audit(config_file, os.environ, finding_filter, "details" if has_details else form)
