"""What the audit says of one workspace, for printing: findings with their past, totals, teams, and what is missing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.audit import TeamCost, audit_of, read_audit_input, team_costs
from exporter.clock import Clock
from exporter.config import DOLLARS, Config, Currency
from exporter.errors import ConfigError, ConfigProblem
from exporter.facts import FINDING_KINDS, Project
from exporter.insight.savings import Audit, Finding, KnownFinding, NotJudged, Saving, added, counted_elsewhere
from exporter.ledger import Ledger, WorkspaceLedger
from exporter.report.compute_basis import LOWER_BOUND, LOWER_BOUND_REMARK, profile_remarks, project_basis
from exporter.report.unused_ignores import unused_ignores
from exporter.view import OwnerLabel, all_project_profiles, owner_label, polled, project_profiles

_HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """The requested findings; what is empty or None leaves nothing out. `least_micro` is of the saving of each."""

    kinds: tuple[str, ...] = ()
    least_micro: int | None = None
    workspace: str | None = None
    team: str | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether this one is meant; one without a price saves no amount that could be compared."""
        return (
            (not self.kinds or finding.kind in self.kinds)
            and (self.team is None or finding.team == self.team)
            and (self.least_micro is None or (finding.saving.micro or 0) >= self.least_micro)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    """A finding as it is shown: people as owners are, and since when it is known (None: it is not written down yet).

    `basis` says what its run time and compute rest on, where it has any.
    """

    finding: Finding
    subject: str
    name: str
    owner: str
    first_seen_ms: int | None
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindTotal:
    """One kind: how many findings are shown, what they count, and what was saved by those that are gone.

    `counted_elsewhere`: how many of them are about runs that a larger finding counts, by the kind of that one.
    """

    kind: str
    findings: int
    ignored: int
    saving: Saving
    realised_micro: int
    counted_elsewhere: Mapping[str, int]
    realised_estimate_micro: int = 0

    @property
    def realised(self) -> Saving:
        """What was saved by those that are gone, with the part that is an estimate."""
        return Saving(micro=self.realised_micro, estimate_micro=self.realised_estimate_micro)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """One workspace's audit. `remarks` are sentences on what the figures are made of, and what they leave out.

    `unused_ignores` are those among them on entries of `ignore` that do nothing; the last of all workspaces has them.
    """

    workspace: str
    timezone: str
    audit: Audit
    findings: tuple[ShownFinding, ...]
    ignored: tuple[ShownFinding, ...]
    totals: tuple[KindTotal, ...]
    teams: tuple[TeamCost, ...]
    not_judged: tuple[NotJudged, ...]
    gone: tuple[KnownFinding, ...]
    remarks: tuple[str, ...]
    currency: Currency = DOLLARS
    unused_ignores: tuple[str, ...] = ()

    @property
    def saving(self) -> Saving:
        """What all that is shown would save together, nothing counted twice."""
        return added([total.saving for total in self.totals])

    @property
    def realised(self) -> Saving:
        """What was saved since findings went."""
        return Saving(
            micro=sum(total.realised_micro for total in self.totals),
            estimate_micro=sum(total.realised_estimate_micro for total in self.totals),
        )

    @property
    def is_priced(self) -> bool:
        """Whether anything that is shown has a price."""
        return self.saving.micro is not None or any(
            shown.finding.cost.micro is not None for shown in (*self.findings, *self.ignored)
        )

    def day(self, at_ms: int) -> str:
        """The local date of an instant."""
        return _local(at_ms, self.timezone).strftime("%Y-%m-%d")


def audit_reports(ledger: Ledger, config: Config, clock: Clock, finding_filter: FindingFilter) -> Iterator[AuditReport]:
    """The audit of each workspace, or of the one named. Raises ConfigError for names that do not exist, LedgerError."""
    names = [one.name for one in config.workspaces]
    if finding_filter.workspace is not None and finding_filter.workspace not in names:
        problem = f"{finding_filter.workspace!r} is not a workspace; write one of {', '.join(names)}"
        raise ConfigError(ConfigProblem("--workspace", problem))
    teams = [team.name for team in config.teams]
    if finding_filter.team is not None and finding_filter.team not in teams:
        remedy = f"write one of {', '.join(teams)}" if teams else "leave it out, the configuration has no teams"
        raise ConfigError(ConfigProblem("--team", f"{finding_filter.team!r} is not a team; {remedy}"))
    wall_ms = round(clock.now() * 1000)
    label = owner_label(config.labels)
    wanted = names if finding_filter.workspace is None else [finding_filter.workspace]
    audits: list[Audit] = []
    for name in wanted:
        known = ledger.workspace(name)
        report = _report(known, config, known.agreed_ms(wall_ms), finding_filter, label)
        audits.append(report.audit)
        if len(audits) == len(names):  # an entry may be meant for any of them
            today = _local(report.audit.now_ms, report.timezone).date()
            unused = tuple(unused_ignores(config, audits, today))
            report = replace(report, unused_ignores=unused, remarks=(*report.remarks, *unused))
        yield report


def _report(
    ledger: WorkspaceLedger, config: Config, now_ms: int, finding_filter: FindingFilter, label: OwnerLabel
) -> AuditReport:
    at_ms = _known_at_ms(ledger, config, now_ms)
    audit_input = read_audit_input(ledger, config, at_ms)
    audit = audit_of(ledger.name, config, audit_input)
    known = ledger.findings.known()
    first_ms = {(one.kind, one.subject): one.first_seen_ms for one in known}
    timezone = config.week(ledger.name).timezone
    projects = {one.project_id: one for one in audit_input.projects or ()}

    def shown(findings: Iterable[Finding]) -> tuple[ShownFinding, ...]:
        wanted = (one for one in findings if finding_filter.matches(one))
        return tuple(_shown(one, first_ms.get(one.key), label, _basis(one, projects, config, ledger)) for one in wanted)

    findings, ignored = shown(audit.findings), shown(audit.ignored)
    kinds = [kind for kind in FINDING_KINDS if not finding_filter.kinds or kind in finding_filter.kinds]
    gone = tuple(one for one in known if one.gone_ms is not None and one.kind in kinds)
    teams = team_costs(audit_input, [one.finding for one in findings]) if config.teams else ()
    return AuditReport(
        workspace=ledger.name,
        timezone=timezone,
        audit=audit,
        findings=findings,
        ignored=ignored,
        totals=tuple(_totals(kinds, audit, findings, ignored, known)),
        teams=tuple(row for row in teams if finding_filter.team in (None, row.team)),
        not_judged=tuple(one for one in audit.not_judged if one.kind in kinds),
        gone=gone,
        remarks=tuple(_remarks(ledger, config, audit, finding_filter, now_ms)),
        currency=config.currency(_local(now_ms, timezone).date()),
    )


def _shown(finding: Finding, first_seen_ms: int | None, label: OwnerLabel, basis: str) -> ShownFinding:
    is_person = finding.subject_type in ("user", "owner")
    subject = (label(finding.subject) or _HIDDEN) if finding.subject_type == "owner" else finding.subject
    name = label(finding.subject_name) if is_person else finding.subject_name
    return ShownFinding(
        finding=finding,
        subject=subject,
        name=name or subject,
        owner=label(finding.owner),
        first_seen_ms=first_seen_ms,
        basis=basis,
    )


def _basis(finding: Finding, projects: Mapping[str, Project], config: Config, ledger: WorkspaceLedger) -> str:
    """Empty where no run time is in it: seats and plans have exact prices."""
    if not (finding.saving.ms or finding.cost.ms):
        return ""
    versions = ledger.versions
    known = [
        project_basis(project_profiles(config.compute(ledger.name), ledger.name, projects[one], versions.of(one)))
        for one in finding.subjects
        if one in projects
    ]
    return max(known, key=len, default=LOWER_BOUND)


def _totals(
    kinds: Sequence[str],
    audit: Audit,
    findings: Sequence[ShownFinding],
    ignored: Sequence[ShownFinding],
    known: Iterable[KnownFinding],
) -> Iterator[KindTotal]:
    """The kinds that were judged, and those with something saved before they could not be judged any more."""
    realised: Counter[str] = Counter()
    estimate: Counter[str] = Counter()
    for one in known:
        realised[one.kind] += one.realised_micro
        estimate[one.kind] += one.realised_estimate_micro
    ignored_kinds = Counter(one.finding.kind for one in ignored)
    for kind in kinds:
        own = [one.finding for one in findings if one.finding.kind == kind]
        if kind in audit.totals or realised[kind] or own:
            saving = added([one.counted for one in own])
            yield KindTotal(
                kind=kind,
                findings=len(own),
                ignored=ignored_kinds[kind],
                saving=saving,
                realised_micro=realised[kind],
                counted_elsewhere=counted_elsewhere(own),
                realised_estimate_micro=estimate[kind],
            )


def _remarks(
    ledger: WorkspaceLedger, config: Config, audit: Audit, finding_filter: FindingFilter, now_ms: int
) -> Iterator[str]:
    if not ledger.projects(include_gone=True):
        yield "the ledger knows no projects of this workspace: `hex-exporter serve` has not listed them yet"
        return
    if audit.now_ms < now_ms:
        at = _local(audit.now_ms, config.week(ledger.name).timezone).strftime("%Y-%m-%d %H:%M")
        yield f"as of {at}: nothing has been read from Hex since"
    if left_out := len(ledger.projects()) - len(polled(ledger, config)):
        yield f"{left_out} projects are left out by collect.match or collect.except"
    if finding_filter.least_micro is not None:
        count = sum(1 for one in audit.findings if one.saving.micro is None)
        if count:
            yield f"{count} findings without a saving in money are left out by --min-saving"
    if audit.since_ms is not None:
        published = (known.project for known in polled(ledger, config) if known.project.state == "published")
        yield LOWER_BOUND_REMARK
        yield from profile_remarks(all_project_profiles(config.compute(ledger.name), ledger, published))
    yield from audit.hints


def _known_at_ms(ledger: WorkspaceLedger, config: Config, now_ms: int) -> int:
    """When the workspace was known last: now, unless its projects have not been listed for long."""
    state = ledger.collectors().get("projects")
    last_ms = None if state is None else state.last_success_ms
    return now_ms if last_ms is None or config.collect.is_fresh(last_ms, now_ms) else last_ms


def _local(at_ms: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))
