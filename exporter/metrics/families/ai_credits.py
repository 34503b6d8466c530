"""AI credits: who used them this week and with what, against the usual, and how the month's grants stand."""

from collections import Counter
from collections.abc import Iterator

from exporter.insight import MICRO, CreditOutlook
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import MOST_KINDS, MOST_USERS, OTHER_USERS, CreditAccount, Snapshot, credits_by_person

_CREDIT = 1000
_OTHER_KIND = ("other", "other", "other")


def credit_families(snapshot: Snapshot) -> Iterator[Family]:
    """The figures of visible threads; none where they cannot be read, those of grants where the plan says them."""
    account = None if snapshot.accounts is None else snapshot.accounts.credits
    if account is None or not snapshot.is_time_known:
        return
    name = snapshot.name

    def one(metric: str, value: float | None) -> Family:
        return Family(METRICS[metric], [] if value is None else [((name,), value)])

    looked_ms = snapshot.stored.collectors["threads"].last_success_ms
    yield one("hex_ai_credits_complete_until_timestamp_seconds", None if looked_ms is None else looked_ms / 1000)
    yield one("hex_ai_credits_7d", account.last_7d_milli / _CREDIT)
    usual = account.usual_7d_milli
    yield one("hex_ai_credits_7d_usual", None if usual is None else usual / _CREDIT)
    yield Family(METRICS["hex_ai_credits_week"], [((name, *kind), used / _CREDIT) for kind, used in _by_kind(account)])
    yield Family(METRICS["hex_ai_credits_week_by_user"], list(_by_user(snapshot, account)))
    if account.outlook is not None:
        yield from _of_grants(name, account.outlook)


def _of_grants(name: str, outlook: CreditOutlook) -> Iterator[Family]:
    for metric, milli in (
        ("granted", outlook.granted_milli),
        ("used", outlook.used_milli),
        ("left", outlook.left_milli),
        ("beyond_grants", outlook.beyond_milli),
        ("expected", outlook.expected_milli),
        ("expected_beyond_grants", outlook.expected_beyond_milli),
    ):
        yield Family(METRICS[f"hex_ai_credits_month_{metric}"], [((name,), milli / _CREDIT)])
    gone = (("first_user", outlook.first_gone_ms), ("all", outlook.all_gone_ms))
    yield Family(
        METRICS["hex_ai_grant_gone_timestamp_seconds"],
        [((name, of), at_ms / 1000) for of, at_ms in gone if at_ms is not None],
    )
    yield Family(METRICS["hex_ai_month_end_timestamp_seconds"], [((name,), outlook.month[1] / 1000)])
    yield Family(METRICS["hex_ai_top_ups_expected"], [((name,), outlook.top_ups)])
    yield Family(METRICS["hex_ai_top_ups_expected_usd"], [((name,), outlook.top_ups_micro / MICRO)])


def _by_kind(account: CreditAccount) -> Iterator[tuple[tuple[str, str, str], int]]:
    ranked = sorted(account.by_kind.items(), key=lambda one: (-one[1], one[0]))
    yield from ranked[:MOST_KINDS]
    if rest := sum(used for _, used in ranked[MOST_KINDS:]):
        yield _OTHER_KIND, rest


def _by_user(snapshot: Snapshot, account: CreditAccount) -> Iterator[Sample]:
    """The largest, by the label that owners have; all others together, also those who have no label."""
    used = credits_by_person(snapshot, account.by_user)
    named = sorted(
        ((who, milli) for who, milli in used.items() if who[0] != OTHER_USERS), key=lambda one: (-one[1], one[0])
    )
    shown, rest = named[:MOST_USERS], Counter({who: milli for who, milli in used.items() if who[0] == OTHER_USERS})
    for (_, team), milli in named[MOST_USERS:]:
        rest[OTHER_USERS, team] += milli
    for who, milli in (*shown, *sorted(rest.items())):
        yield (snapshot.name, *who), milli / _CREDIT
