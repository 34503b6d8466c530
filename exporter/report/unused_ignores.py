"""Entries of `ignore` that do nothing: over, or matched by no finding; a mistake in them would never show otherwise."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from exporter.config import Config
from exporter.facts import finding_kind_words
from exporter.insight.savings import Audit


def ignore_name(number: int) -> str:
    """What an entry is called: where it stands in the file."""
    return f"ignore[{number}]"


def ignores_over(config: Config, today: date) -> Mapping[int, str]:
    """A sentence for each entry whose last day has passed, by its place in the file."""
    return {
        number: f"{ignore_name(number)} ({finding_kind_words(rule.kind)} {rule.subject!r}) is over since {rule.until}: "
        "write a later until, or remove it"
        for number, rule in enumerate(config.ignore)
        if rule.until is not None and rule.until < today
    }


def unused_ignores(config: Config, audits: Collection[Audit], today: date) -> Iterator[str]:
    """A sentence for each entry that is over or that matches no finding of these audits, all of the workspaces.

    Nothing is said of a kind that an audit could not judge.
    """
    over = ignores_over(config, today)
    for number, rule in enumerate(config.ignore):
        if number in over:
            yield over[number]
            continue
        is_judged = all(rule.kind in audit.totals for audit in audits)
        found = (one for audit in audits for one in (*audit.findings, *audit.ignored))
        if is_judged and not any(rule.covers(one.kind, (one.subject, one.subject_name), today) for one in found):
            what = f"no {finding_kind_words(rule.kind)} is called {rule.subject!r}"
            yield f"{ignore_name(number)} matches no finding: {what}; correct it, or remove it"
