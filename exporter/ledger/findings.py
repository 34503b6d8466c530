"""The findings of the audit over time: an identity each, and what has been saved since one went."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType

import msgspec
from sqlalchemy import delete, select

from exporter.insight.savings import Audit, Finding, KnownFinding
from exporter.ledger.codec import storable
from exporter.ledger.histograms import Amounts
from exporter.ledger.key_values import KeyValues
from exporter.ledger.schema import FINDINGS, upsert
from exporter.ledger.store import Store, Transaction

REALISED = "hex_findings_realised_usd_total"
"""In millionths of a dollar; label kind."""

REALISED_MONEY = "hex_findings_realised_money_usd_total"
"""The same; labels kind and money."""

_WRITTEN = "findings_written_ms"
_AUDIT = "last_audit"

Count = Callable[[Transaction, Amounts, int], None]
"""Adds amounts to the workspace's counters within a transaction, at a time by the wall clock."""


class FindingRepository:
    """The findings of one workspace. Safe to write and to read from any thread."""

    def __init__(self, store: Store, workspace: str, count: Count, key_values: KeyValues) -> None:
        self._store = store
        self._workspace = workspace
        self._count = count
        self._key_values = key_values
        self._mine = FINDINGS.c.workspace == workspace

    @property
    def written_ms(self) -> int | None:
        """The `now_ms` of the last `write`, None before the first."""
        written: int | None = self._key_values.read(_WRITTEN)
        return written

    def last_audit(self) -> Audit | None:
        """The audit that was kept last, without what only a report of it has; None before the first.

        None, too, where another version of the program kept it and it cannot be read.
        """
        kept = self._key_values.read(_AUDIT)
        if kept is None:
            return None
        try:
            return msgspec.convert(kept, Audit)
        except msgspec.ValidationError:
            return None

    def known(self) -> tuple[KnownFinding, ...]:
        """Every finding that was ever made and not yet forgotten, those that are gone included."""
        wanted = select(FINDINGS).where(self._mine).order_by(FINDINGS.c.kind, FINDINGS.c.subject)
        with self._store.reading() as connection:
            return tuple(
                KnownFinding(
                    kind=row.kind,
                    subject=row.subject,
                    first_seen_ms=row.first_seen_ms,
                    last_seen_ms=row.last_seen_ms,
                    gone_ms=row.gone_ms,
                    saving_micro=row.saving_micro,
                    saving_runs=row.saving_runs,
                    saving_ms=row.saving_ms,
                    cost_micro=row.cost_micro,
                    realised_micro=row.realised_micro,
                    saving_estimate_micro=row.saving_estimate_micro or 0,
                    realised_estimate_micro=row.realised_estimate_micro or 0,
                )
                for row in connection.execute(wanted)
            )

    def write(
        self,
        records: Iterable[KnownFinding],
        realised: Mapping[str, int],
        now_ms: int,
        realised_money: Mapping[tuple[str, str], int] = MappingProxyType({}),
        audit: Audit | None = None,
    ) -> None:
        """Findings as they are now, and the millionths of a dollar saved since the last time, by kind and by its money.

        One transaction with the counters of what was realised and `written_ms`, so that no time counts twice. Findings
        that are not among the records stay as they were. `audit` is what they were found by, for `last_audit`.
        """
        rows = [
            {"workspace": self._workspace}
            | {name: storable(value) if isinstance(value, str) else value for name, value in asdict(record).items()}
            for record in records
        ]
        with self._store.transaction(self._workspace) as transaction:
            upsert(transaction.connection, FINDINGS, rows)
            amounts: dict[tuple[str, tuple[str, ...]], int] = {
                (REALISED, (kind,)): amount for kind, amount in realised.items()
            }
            amounts |= {(REALISED_MONEY, labels): amount for labels, amount in realised_money.items()}
            self._count(transaction, amounts, now_ms)
            self._key_values.write(transaction, _WRITTEN, now_ms)
            if audit is not None:
                self._key_values.write(transaction, _AUDIT, _short(audit))

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Forget the findings that were made last, and gone, before then."""
        finding = FINDINGS.c
        transaction.connection.execute(
            delete(FINDINGS).where(self._mine, finding.last_seen_ms < before_ms, finding.gone_ms < before_ms)
        )


def _short(audit: Audit) -> Audit:
    """What pages show of it: thousands of findings have megabytes of evidence."""
    return replace(audit, findings=_shortened(audit.findings), ignored=_shortened(audit.ignored), costs={})


def _shortened(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(one, evidence=(), moves=(), paste="") for one in findings)
