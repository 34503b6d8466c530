"""Who used a budget, what is different, and what to do: what a page about the budget says, from the ledger."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import ConfigError, ConfigProblem
from exporter.insight import BudgetStatus, Consumer, culprit
from exporter.ledger import Ledger
from exporter.metrics import Collector, Status
from exporter.report.compute_basis import compute_remarks
from exporter.report.table_report import TableReport
from exporter.report.week_tables import Cell, Table
from exporter.view import Snapshot

_BY = {"scheduled": "schedule", "api": "API", "unknown": "an unknown trigger"}

# As the annotation `action` of alerts/rules/budgets.yml says it.
_ACTIONS = {
    "scheduled": "Pause or lengthen its schedule (Hex: project, Schedules), and cancel its active runs.",
    "api": "Find the caller (`hex-exporter gateway log`, or the project's run log in Hex) and stop it, or brake it at "
    "the gateway: `min_interval` of its policy.",
    "app_refresh": "Ask who keeps its app open, and refresh the app less often.",
}
_OF_COMPUTE = ("usd", "bill_usd", "compute_minutes")
_ANY_PROJECT = "Open its run log in Hex, and stop what starts it."
_ANY = "Pause what started most of it, or raise the limit if the work is wanted."


def budget_explanations(
    ledger: Ledger, config: Config, clock: Clock, *, budget: str, workspace: str | None = None
) -> Iterator[TableReport]:
    """The explanation of the budget of this name in each workspace that has it, or in the one named, as of now.

    Raises ConfigError if there is no such workspace or budget, LedgerError.
    """
    names = [one.name for one in config.workspaces]
    if workspace is not None and workspace not in names:
        problem = f"{workspace!r} is not a workspace; write one of {', '.join(names)}"
        raise ConfigError(ConfigProblem("--workspace", problem))
    names = names if workspace is None else [workspace]
    known = {one.name for name in names for one in config.budgets_of(name)}
    if budget not in known:
        there_are = f"write one of {', '.join(sorted(known))}" if known else "no budget is configured"
        raise ConfigError(ConfigProblem("--explain", f"{budget!r} is not a budget; {there_are}"))
    collector = Collector(ledger, Status())
    for name in names:
        now_ms = ledger.workspace(name).agreed_ms(round(clock.now() * 1000))
        for snapshot in collector.snapshots(config, now_ms):
            if snapshot.name != name or snapshot.accounts is None:
                continue
            for status, found in zip(snapshot.accounts.budgets, snapshot.accounts.consumers, strict=True):
                if status.budget.name == budget:
                    yield _explanation(snapshot, status, found)


def _explanation(snapshot: Snapshot, status: BudgetStatus, found: Sequence[Consumer]) -> TableReport:
    budget = status.budget
    timezone = snapshot.config.week(snapshot.name).timezone
    first = culprit(tuple(found), budget.limit, status.used)
    names = {one.key: _name(snapshot, status, one) for one in found}
    sentence = None if first is None else _sentence(status, first, names[first.key][0], snapshot.now_ms)
    action = _action(status, first, names)
    usage = f"{_plain(status.used)} of {_plain(budget.limit)} {_unit(budget.unit)} used"
    if status.forecast is not None:
        usage += f", {_plain(status.forecast)} expected by the reset"
    if status.previous_used is not None:
        usage += f", {_plain(status.previous_used)} in the whole period before"
    remarks = [usage if status.used is not None else "this period is not completely known yet"]
    remarks.append(f"resets: {_resets(status.period[1], timezone)}")
    if budget.unit == "ai_credits":
        remarks.append("a lower bound: private threads are not shown")
    if budget.unit in _OF_COMPUTE:
        remarks += compute_remarks(snapshot)
    return TableReport(
        workspace=snapshot.name,
        title=f"{sentence} {action}" if sentence else f"Budget {budget.name} of {snapshot.name}: nothing is used.",
        timezone=timezone,
        facts={
            "budget": budget.name,
            "unit": budget.unit,
            "period": budget.period,
            "limit": budget.limit,
            "used": status.used,
            "previous_used": status.previous_used,
            "forecast": status.forecast,
            "resets": _local(status.period[1], timezone).isoformat(),
            "resets_utc": _local(status.period[1], "UTC").isoformat(),
            "culprit": None if first is None else first.key,
            "sentence": sentence,
            "action": action,
        },
        main="consumer",
        tables=tuple(_tables(found, names)),
        remarks=tuple(remarks),
    )


def _tables(found: Sequence[Consumer], names: dict[str, tuple[str, str]]) -> Iterator[Table]:
    columns = ("consumer", "name", "owner", "used", "previous_used", "growth", "since_timestamp_seconds")
    rows: list[tuple[Cell, ...]] = []
    ways: list[tuple[Cell, ...]] = []
    for one in found:
        since = None if one.since_ms is None else one.since_ms / 1000
        rows.append((one.key, *names[one.key], one.total, one.previous_used, one.growth, since))
        ways += [(one.key, names[one.key][0], _way(way), amount) for way, amount in one.used.items()]
    yield Table("consumer", columns, tuple(rows))
    yield Table("way", ("consumer", "name", "by", "used"), tuple(ways))


def _name(snapshot: Snapshot, status: BudgetStatus, one: Consumer) -> tuple[str, str]:
    """What a consumer is called, and who owns it."""
    if status.budget.unit == "ai_credits":
        seats = () if snapshot.stored.users is None else snapshot.stored.users.items
        address = next((seat.email for seat in seats if seat.user_id == one.key), None)
        shown = snapshot.owner_label(address) if address else one.key
        return (shown if snapshot.config.labels.owner == "email" or address else "") or "a user who is not shown", ""
    projects = (known.project for known in snapshot.stored.projects if known.project.project_id == one.key)
    project = next(projects, None)
    return (one.key, "") if project is None else (project.title or one.key, snapshot.owner_label(project.owner))


def _sentence(status: BudgetStatus, one: Consumer, name: str, now_ms: int) -> str:
    """As the annotation `culprit` of alerts/rules/budgets.yml makes it."""
    unit, span = status.budget.unit, status.budget.period
    verb, noun = ("ran", "times") if unit == "runs" else ("used", _unit(unit))
    said = f"`{name[:80].replace('`', chr(39))}` {verb} {_plain(one.total)} {noun} this {span}"
    if one.previous_used is not None:
        said += f", {_plain(one.previous_used)} last {span}"
    if one.used:
        said += f"; {_plain(one.used[one.main_way])} by {_way(one.main_way)}"
    if one.since_ms is not None:
        since = datetime.fromtimestamp(one.since_ms / 1000, UTC)
        said += f", since {since:%a} {since.day} {since:%b %H:%M} UTC"
        if now_ms > one.since_ms:
            said += f" ({_duration((now_ms - one.since_ms) // 1000)} ago)"
    return said + "."


def _action(status: BudgetStatus, first: Consumer | None, names: dict[str, tuple[str, str]]) -> str:
    if first is None or not first.used:
        return _ANY
    if status.budget.unit == "ai_credits":
        return f"Ask {names[first.key][0]} to stop or shorten these threads: no one else can."
    return _ACTIONS.get(first.main_way[0], _ANY_PROJECT)


def _unit(unit: str) -> str:
    """The unit in words, as alerts/rules/budgets.yml has it."""
    return unit.replace("ai_", "AI ").replace("_", " ")


def _way(way: Sequence[str]) -> str:
    """A trigger, or the source and the type of a thread, in words."""
    if len(way) == 1:
        return _BY.get(way[0], way[0].replace("_", " "))
    source, thread_type = (part.replace("_", " ") for part in way)
    return f"{source} ({thread_type})"


def _resets(at_ms: int, timezone: str) -> str:
    here, utc = _local(at_ms, timezone), _local(at_ms, "UTC")
    in_utc = f"{utc:%a} {utc.day} {utc:%b %H:%M} UTC"
    return in_utc if timezone == "UTC" else f"{here:%a} {here.day} {here:%b %H:%M} {timezone}, {in_utc}"


def _local(at_ms: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))


def _plain(amount: float | None) -> str:
    return "-" if amount is None else f"{round(amount, 2):.8g}"


def _duration(seconds: int) -> str:
    """As Prometheus' `humanizeDuration` writes whole seconds."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    parts = ((days, "d"), (hours % 24, "h"), (minutes % 60, "m"), (seconds % 60, "s"))
    begun = next((place for place, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number}{letter}" for number, letter in parts[begun:])
