"""An audit as tables and sentences for people; the forms, and the digest, print them."""

from collections.abc import Iterable, Iterator, Sequence

from exporter.facts import finding_kind_words
from exporter.insight import MICRO, Money
from exporter.insight.savings import Fact, NotJudged, Saving, renewal_saving
from exporter.report.audit_report import AuditReport, ShownFinding
from exporter.report.week_tables import WITHOUT_TEAM, Cell, Table

_DAY_MS = 86_400_000


def usd(micro: int | None) -> float | None:
    """An amount in dollars, None where there is none."""
    return None if micro is None else micro / MICRO


def parts(saving: Saving) -> tuple[Cell, ...]:
    """What is on Hex's bill and what is the owners' own estimate, in dollars."""
    return usd(saving.money("billed")), usd(saving.money("estimate"))


def _columns(name: str) -> tuple[str, ...]:
    return f"{name}_billed_usd", f"{name}_estimate_usd"


def not_judged_lines(all_missing: Iterable[NotJudged]) -> Iterator[str]:
    """What could not be judged and what it would take, one sentence for all kinds that lack the same."""
    kinds: dict[tuple[str, str, bool], list[str]] = {}
    for one in all_missing:
        kinds.setdefault((one.why, one.needs, one.is_partial), []).append(finding_kind_words(one.kind))
    for (why, needs, is_partial), named in kinds.items():
        verb = "not judged everywhere" if is_partial else "not judged"
        yield f"{verb}: {', '.join(dict.fromkeys(named))}: {why}; needed: {needs}"


def with_basis(shown: ShownFinding) -> str:
    """How sure a finding is, and what its run time rests on."""
    return "; ".join(filter(None, (shown.finding.confidence, shown.basis)))


def evidence_text(report: AuditReport, facts: Iterable[Fact]) -> str:
    """The figures of a finding in one line."""
    return ", ".join(_fact(report, fact) for fact in facts)


def finding_table(report: AuditReport, shown: Sequence[ShownFinding], *, is_ignored: bool = False) -> Table:
    """Findings as rows; money, teams and decisions where there are any."""
    has_team = any(one.finding.team for one in (*report.findings, *report.ignored))
    money = _columns("saving") + _columns("cost") if report.is_priced else ()
    last = ("reason", "until") if is_ignored else ("action", "known_for")
    columns = (*money, "runs", "minutes", "kind", "subject", *(("team",) if has_team else ()), "evidence", *last)

    def cells(one: ShownFinding) -> tuple[Cell, ...]:
        finding = one.finding
        amounts = parts(finding.saving) + parts(finding.cost) if report.is_priced else ()
        decision: tuple[Cell, ...]
        if is_ignored:
            decision = (finding.ignored, "no end" if finding.ignored_until is None else str(finding.ignored_until))
        else:
            decision = (f"{finding.action} ({finding.where})", known_for(report, one))
        return (
            *amounts,
            _about(finding.saving.runs),
            _about(finding.saving.minutes),
            finding_kind_words(finding.kind),
            one.name,
            *((finding.team or None,) if has_team else ()),
            f"{evidence_text(report, finding.evidence)} ({with_basis(one)})",
            *decision,
        )

    return Table("ignored" if is_ignored else "finding", columns, tuple(map(cells, shown)))


def by_saving(report: AuditReport) -> Sequence[ShownFinding]:
    """The findings with those last that save nothing which has a price: the first is the first thing to do."""

    def saves_nothing(one: ShownFinding) -> bool:
        return report.is_priced and not (one.finding.saving.micro or one.finding.saving.other_micro)

    return sorted(report.findings, key=saves_nothing)


def kind_table(report: AuditReport) -> Table | None:
    """Totals by kind, in which nothing counts twice; None where nothing could be judged."""
    if not report.totals:
        return None
    rows: list[tuple[Cell, ...]] = [
        (
            finding_kind_words(total.kind),
            total.findings,
            total.ignored,
            *(parts(total.saving) if report.is_priced else ()),
            _about(total.saving.runs),
            _about(total.saving.minutes),
            *parts(total.realised),
        )
        for total in report.totals
        if total.findings or total.ignored or total.realised_micro
    ]
    saving = report.saving
    rows.append(
        (
            "all",
            sum(total.findings for total in report.totals),
            sum(total.ignored for total in report.totals),
            *(parts(saving) if report.is_priced else ()),
            _about(saving.runs),
            _about(saving.minutes),
            *parts(report.realised),
        )
    )
    money = _columns("saving") if report.is_priced else ()
    columns = ("kind", "findings", "ignored", *money, "runs", "minutes", *_columns("realised"))
    return Table("kind", columns, tuple(rows))


def team_table(report: AuditReport) -> Table | None:
    """What each team costs a month and could save; None without teams."""
    if not report.teams:
        return None
    rows = tuple(
        (
            row.team or WITHOUT_TEAM,
            row.findings,
            *parts(row.saving),
            _about(row.saving.runs),
            *parts(row.cost),
            _about(row.cost.runs),
            _about(row.cost.minutes),
        )
        for row in report.teams
    )
    columns = ("team", "findings", *_columns("saving"), "saved_runs", *_columns("cost"), "runs", "minutes")
    return Table("team", columns, rows)


def title(report: AuditReport) -> str:
    """The workspace and the time that its figures are of."""
    audit = report.audit
    if audit.since_ms is None:
        return f"{report.workspace}, {report.day(audit.now_ms)}"
    return f"{report.workspace}, by the runs of {report.day(audit.since_ms)} to {report.day(audit.now_ms)}"


def summary(report: AuditReport) -> str:
    """What could be saved a month, and of how much, as far as that is known."""
    if not report.totals:
        return "none of these kinds could be judged"
    saving, spent = report.saving, report.audit.spent
    count = len(report.findings)
    said = [f"{count} finding{'' if count == 1 else 's'}"]
    if saving.micro is not None and spent.micro is not None:
        said.append(f"you would pay less: {_of(report, 'billed', saving, spent)} a month")
        if spent.estimate_micro:
            said.append(f"you would spend less of your own estimate: {_of(report, 'estimate', saving, spent)} a month")
    if saving.other_micro:
        said.append(f"the warehouse's bill would be less: {report.currency.text(saving.other_micro)} a month")
    later = renewal_saving(shown.finding for shown in report.findings)
    if later is not None:
        said.append(f"you would pay less from the renewal of the contract on: {report.currency.text(later)} a month")
    if report.audit.since_ms is not None:
        runs = f"{saving.runs:,.0f} of {spent.runs:,.0f} runs"
        said.append(f"you would save {runs} and {saving.minutes:,.0f} of {spent.minutes:,.0f} minutes a month")
    return "; ".join(said)


def _of(report: AuditReport, kind: Money, saving: Saving, spent: Saving) -> str:
    currency = report.currency
    return f"{currency.amount(saving.money(kind) or 0):,.2f} of {currency.text(spent.money(kind) or 0)}"


def overlap_lines(report: AuditReport) -> Iterator[str]:
    """How totals count findings on the same runs: one sentence, none where no two meet."""
    parts = [
        f"{count} {finding_kind_words(total.kind)} under {finding_kind_words(under)}"
        for total in report.totals
        for under, count in total.counted_elsewhere.items()
    ]
    if parts:
        yield f"counted once: where findings are about the same runs only the largest counts ({', '.join(parts)})"


def _about(amount: float) -> float:
    """A figure for people: whole, unless it is small."""
    return round(amount, 1) if amount < 10 else round(amount)


def known_for(report: AuditReport, shown: ShownFinding) -> str:
    """For how long a finding has been known, in words."""
    days = known_days(report, shown)
    if days is None:
        return "new"
    return "1 day" if days == 1 else f"{days:,} days" if days else "today"


def known_days(report: AuditReport, shown: ShownFinding) -> int | None:
    """For how many days a finding has been known, None if it was never recorded."""
    if shown.first_seen_ms is None:
        return None
    return max(0, report.audit.now_ms - shown.first_seen_ms) // _DAY_MS


def _fact(report: AuditReport, fact: Fact) -> str:
    if fact.unit == "ms":
        known = isinstance(fact.value, int | float)
        return f"{fact.name}: {report.day(round(float(fact.value or 0))) if known else 'never'}"
    value = f"{fact.value:.10g}" if isinstance(fact.value, float) else fact.value
    return f"{fact.name}: {'not known' if value is None else value} {fact.unit}".rstrip()


def paste_lines(report: AuditReport) -> Iterator[str]:
    """What is to be added to the configuration for the findings that are shown, as YAML; none for other kinds."""
    found = [one.finding.paste for one in report.findings if one.finding.paste]
    if found:
        yield from ("", "To paste into the configuration:", "", "triggers:")
        for text in found:
            yield from (f"  {line}" for line in text.splitlines())
