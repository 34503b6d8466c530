"""The contract beside what is used of it, for the board of costs."""

from typing import Any

from dashboards.panel_parts import PLAIN, USD, WARN, Column, about, tinted
from dashboards.panels import table
from dashboards.promql import gauge

_CREDITS, _COMMIT, _SEATS = "AI credits a month", "USD a year", "all seats"


def contract() -> Any:
    """One row for each thing that was bought, whatever its unit; the true-up of seats is one for all kinds."""
    seats_owed = _owed("seats", _SEATS)
    rows = f"{_parts('')} or {seats_owed}"
    renewal = gauge("hex_contract_renewal_timestamp_seconds")
    return table(
        23,
        "Contract, all teams",
        about(
            "What the contract has bought, what is used of it (credits and the bill are lower bounds), what will be by "
            "the end of the month or year at this pace, and the true-up: what is owed beyond it (of all seats: until "
            "the renewal), and the time until the contract is renewed.",
            normal="used and expected a little below bought, no true-up.",
            act="Used far below bought: `hex-exporter report` says what idle seats save, and from when. "
            "Renewed in weeks: decide on seats and credits now.",
        ),
        rows,
        [
            Column("What", label="component", properties={"custom.minWidth": 130}),
            Column("Bought", expr=_parts(""), width=95, properties={"decimals": 0}),
            Column("Used", expr=_parts("_used"), width=95, properties={"decimals": 0}),
            Column("Expected", expr=_parts("_expected", has_seats=False), width=95, properties={"decimals": 0}),
            Column(
                "True-up",
                expr=f"{_owed('ai_credits', _CREDITS)} or {_owed('commit', _COMMIT)} or {seats_owed}",
                unit=USD,
                width=105,
            ),
            Column(
                "Renewed in",
                expr=f"0 * ({rows}) + on (workspace) group_left () ({renewal} - time())",
                unit="s",
                width=115,
                properties=tinted((WARN, None), (PLAIN, 60 * 86400)),
            ),
        ],
        empty="No contract: `contract` in the configuration",
        sort_by="What",
        descending=False,
    )


def _parts(suffix: str, *, has_seats: bool = True) -> str:
    """Bought, used or expected, by what was bought: the label `component`."""
    found = [
        _named(gauge(f"hex_contract_credits_month{suffix}"), _CREDITS),
        _named(gauge(f"hex_contract_commit_year{suffix}_usd"), _COMMIT),
    ]
    if has_seats:
        kind = f'label_replace({gauge(f"hex_contract_seats{suffix}")}, "component", "$1 seats", "role", "(.*)")'
        found.insert(0, f'label_replace({kind}, "role", "", "", "")')
    return " or ".join(found)


def _owed(component: str, part: str) -> str:
    amount = gauge("hex_contract_true_up_usd", f'component="{component}"')
    return _named(f"sum by (workspace) ({amount})", part)


def _named(expr: str, part: str) -> str:
    return f'label_replace({expr}, "component", "{part}", "", "")'
