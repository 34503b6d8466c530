"""The whole bill split among the teams, so that the parts add up to it to the millionth of a dollar.

Compute goes to the teams of the projects, seats to those of their holders, AI credits to those of their users. What is
left belongs to no team and is shared out by the configured key.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from exporter.config import Chargeback, SharedBy
from exporter.insight import COMPONENTS, MICRO, Tariffs, apportioned, excess_by_user, grants_of, local_day, period_at
from exporter.report.charges import Charge
from exporter.report.week_tables import Cell, Table
from exporter.view import Snapshot, team_of_person


def chargeback_tables(snapshot: Snapshot, charges: Sequence[Charge]) -> Iterator[Table]:
    """One row for each team that can have projects here; nothing where no chargeback is configured."""
    chargeback = snapshot.config.chargeback
    billed = [one for one in charges if COMPONENTS[one.component] == "billed"]
    teams = _teams(snapshot)
    if chargeback is None or not teams or not billed:
        return
    direct: dict[str, Counter[str]] = defaultdict(Counter)
    shared = 0
    for charge in billed:
        for team, micro_usd in _owners(snapshot, charge).items():
            if team in teams:
                direct[charge.component][team] += micro_usd
            else:
                shared += micro_usd
    keys = _keys(billed, chargeback.shared_by)
    shares = dict(zip(teams, apportioned(shared, [keys[team] for team in teams]), strict=True))
    size = {"runs": 1, "minutes": 60_000, "seats": MICRO}[chargeback.shared_by]
    queries = _queries(teams, [one for one in charges if one.component == "warehouse"], keys)
    rows: list[tuple[Cell, ...]] = []
    for team in teams:
        own = [direct[component][team] for component in ("compute", "seats", "ai_credits")]
        money = [*own, shares[team], sum(own) + shares[team], *([queries[team]] if queries else [])]
        rows.append((team, *(one / MICRO for one in money), round(keys[team] / size, 3)))
    columns = (*COLUMNS, "warehouse_usd") if queries else COLUMNS
    yield Table("chargeback", ("chargeback", *columns, chargeback.shared_by), tuple(rows))


def _queries(teams: Sequence[str], charges: Sequence[Charge], keys: Mapping[str, int]) -> Mapping[str, int]:
    """What the teams' queries cost in the warehouses, each with its share of what no team has; another bill."""
    own = Counter[str]()
    for charge in charges:
        own[charge.team if charge.team in teams else ""] += charge.micro_usd
    shares = apportioned(own.pop("", 0), [keys[team] for team in teams])
    return {team: own[team] + share for team, share in zip(teams, shares, strict=True)} if charges else {}


COLUMNS = ("compute_usd", "seats_usd", "ai_credits_usd", "shared_usd", "billed_usd")


def chargeback_remarks(chargeback: Chargeback | None) -> Iterator[str]:
    """What the shares were split by."""
    if chargeback is not None:
        yield (
            f"chargeback: what belongs to no team is shared by the {chargeback.shared_by} of each, in equal parts "
            "where there are none; the teams' parts add up to Hex's bill"
        )


def _teams(snapshot: Snapshot) -> tuple[str, ...]:
    here = (one.name for one in snapshot.config.teams if one.match.is_for(snapshot.name))
    return tuple(dict.fromkeys(here))


def _owners(snapshot: Snapshot, charge: Charge) -> Mapping[str, int]:
    """The teams to which a charge belongs, the empty one for what belongs to none."""
    if charge.component != "ai_credits":
        return {charge.team: charge.micro_usd}
    weights = _credits_by_team(snapshot, charge)
    if not sum(weights.values()):
        return {"": charge.micro_usd}
    return dict(zip(weights, apportioned(charge.micro_usd, list(weights.values())), strict=True))


def _credits_by_team(snapshot: Snapshot, charge: Charge) -> Counter[str]:
    """What each team's people used beyond their grants in the days of the charge, else what they used at all."""
    account = None if snapshot.accounts is None else snapshot.accounts.credits
    if account is None:
        return Counter()
    week = snapshot.config.week(snapshot.name)
    seats = snapshot.stored.users.items if snapshot.stored.users else ()
    tariff = Tariffs(snapshot.config.price_history(snapshot.name)).on(local_day(charge.period[1] - 1, week.timezone))
    plan = tariff.prices.plan
    grants = {} if plan is None else grants_of(tariff, plan, seats) or {}
    start_ms, end_ms = charge.period
    month_ms = period_at(start_ms, "month", week)[0]
    beyond = Counter(excess_by_user(account.use, grants, (month_ms, end_ms)))
    beyond.subtract(excess_by_user(account.use, grants, (month_ms, start_ms)))
    used = +beyond or account.use.by(lambda one: one.user_id, start_ms, end_ms)
    addresses = {seat.user_id: seat.email for seat in seats}
    teams: Counter[str] = Counter()
    for user_id, milli in sorted(used.items(), key=lambda one: one[0] or ""):
        teams[team_of_person(snapshot.config, snapshot.name, addresses.get(user_id or "", ""))] += milli
    return teams


def _keys(billed: Sequence[Charge], shared_by: SharedBy) -> Counter[str]:
    """By team, in whole numbers, what shared costs are split by."""
    keys: Counter[str] = Counter()
    for charge in billed:
        if shared_by == "seats" and charge.component == "seats":
            keys[charge.team] += round(charge.quantity * MICRO)
        elif shared_by == "runs":
            keys[charge.team] += charge.runs or 0
        elif shared_by == "minutes" and charge.component == "compute":
            keys[charge.team] += round(charge.quantity * 1000)
    return keys
