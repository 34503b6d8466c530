"""What `check` says of entries of `ignore`: those that are over, and those that no finding or subject matches."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from exporter.check.workspace_findings import Findings
from exporter.clock import Clock
from exporter.config import Config, matches_glob
from exporter.errors import LedgerError
from exporter.facts import finding_kind_words
from exporter.insight import local_day
from exporter.ledger import open_ledger
from exporter.report import FindingFilter, audit_reports, ignore_name, ignores_over

_KINDS_WITH_OTHER_SUBJECTS = frozenset({"costly_plan", "recurring_threads"})
"""Their subjects are plans and titles of threads, which a probe does not list."""


def ignore_notes(all_found: Sequence[Findings], config: Config, clock: Clock) -> Iterator[str]:
    """A sentence for each entry that does nothing, by the audit where there is a ledger, else by what was listed."""
    if not config.ignore:
        return
    if (sentences := _audited(config, clock)) is not None:
        yield from sentences
        return
    now_ms = round(clock.now() * 1000)
    over = ignores_over(config, local_day(now_ms, config.week(config.workspaces[0].name).timezone))
    yield from over.values()
    if not any(found.projects for found in all_found):
        return
    names = {name for found in all_found for name in _names(found)}
    for number, rule in enumerate(config.ignore):
        is_known = rule.kind not in _KINDS_WITH_OTHER_SUBJECTS
        if number not in over and is_known and not any(matches_glob(rule.subject, name) for name in names):
            what = f"{ignore_name(number)} ({finding_kind_words(rule.kind)})"
            yield f"{what} matches no project, person or connection: correct its subject {rule.subject!r}, or remove it"


def _names(found: Findings) -> Iterator[str]:
    for project in found.projects:
        yield from (project.project_id, project.title, project.owner or project.project_id)
    for seat in found.seats:
        yield from (seat.user_id, seat.email)
    for connection in found.connections:
        yield from (connection.connection_id, connection.name)


def _audited(config: Config, clock: Clock) -> list[str] | None:
    """What an audit of the ledger says of them; None where there is none."""
    with suppress(LedgerError):
        ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
        try:
            reports = list(audit_reports(ledger, config, clock, FindingFilter()))
        finally:
            ledger.close()
        if any(report.audit.since_ms is not None for report in reports):
            return [sentence for report in reports for sentence in report.unused_ignores]
    return None
