"""A contract beside what is used of it."""

from collections.abc import Iterator

from exporter.insight import MICRO
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot


def contract_families(snapshot: Snapshot) -> Iterator[Family]:
    """What was bought and used, where a contract is configured; of one that has to be renewed only the day."""
    status = None if snapshot.accounts is None else snapshot.accounts.contract
    if status is None:
        return
    name = snapshot.name
    if status.renewal_ms is not None:
        yield Family(METRICS["hex_contract_renewal_timestamp_seconds"], [((name,), status.renewal_ms / 1000)])
    seats = [one for one in status.items if one.part == "seats"]
    yield Family(METRICS["hex_contract_seats"], [((name, one.role), one.bought) for one in seats])
    yield Family(
        METRICS["hex_contract_seats_used"], [((name, one.role), one.used) for one in seats if one.used is not None]
    )
    for part, metric in (("ai_credits", "hex_contract_credits_month{}"), ("commit", "hex_contract_commit_year{}_usd")):
        for one in status.items:
            if one.part == part:
                for suffix, value in (("", one.bought), ("_used", one.used), ("_expected", one.expected)):
                    if value is not None:
                        yield Family(METRICS[metric.format(suffix)], [((name,), value)])
    true_ups: dict[str, int] = {}
    for one in status.items:
        if one.true_up_micro is not None:
            true_ups[one.part] = true_ups.get(one.part, 0) + one.true_up_micro
    yield Family(
        METRICS["hex_contract_true_up_usd"], [((name, part), micro / MICRO) for part, micro in true_ups.items()]
    )
