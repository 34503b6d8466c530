"""Which charges a contract has paid for or committed to, as FOCUS's columns of commitment discounts say it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from exporter.insight import contract_year
from exporter.report.charges import Charge
from exporter.view import Snapshot


def with_commitments(snapshot: Snapshot, charges: Iterable[Charge]) -> Iterator[Charge]:
    """The same charges; of the seats of a kind as many people's as were bought, of the rest what counts to a commit.

    A contract without a day of renewal, or of another year, commits to nothing here.
    """
    contract = snapshot.config.contract(snapshot.name)
    timezone = snapshot.config.week(snapshot.name).timezone
    year = None if contract is None else contract_year(contract, timezone)
    if contract is None or year is None:
        yield from charges
        return
    accounts = snapshot.accounts
    kinds = {} if accounts is None else accounts.seat_kinds
    holders: dict[tuple[str, int], set[str]] = defaultdict(set)
    name = f"contract-{contract.renews_on}"
    bought = Counter(dict(contract.seats))
    for charge in charges:
        is_within = year[0] <= charge.period[0] < year[1] and charge.component not in ("own_estimate", "warehouse")
        kind = kinds.get(charge.sku.removeprefix("seat-"), "") if charge.component == "seats" else ""
        holder = holders[kind, charge.period[0]]
        is_bought = bool(kind) and (charge.resource_id in holder or len(holder) < bought[kind])
        if is_within and is_bought:
            holder.add(charge.resource_id or "")
            yield replace(charge, commitment=f"{name}-{kind}-seats")
        elif is_within and contract.commit_year_micro_usd is not None:
            yield replace(charge, commitment=f"{name}-commit")
        else:
            yield charge
