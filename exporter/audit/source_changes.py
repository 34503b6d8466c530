"""How often the data behind each project changed, by the probes of its source."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from exporter.config import Config, Source
from exporter.insight import count_repeats, longest_gap_ms
from exporter.insight.savings import WINDOW_MS, SourceUse
from exporter.ledger import KnownProject, Span, WorkspaceLedger

SCHEDULED = "scheduled"

_SHORTEST_MS = 7 * 86_400_000
"""A source is judged once it was watched for a week: weekdays and weekends change it differently."""


def source_uses(
    ledger: WorkspaceLedger,
    config: Config,
    projects: Iterable[KnownProject],
    now_ms: int,
    is_wanted: Callable[[], bool],
) -> Mapping[str, SourceUse]:
    """By project id, for the projects whose source was watched for a week without a break up to now.

    Reads the spans of each source once, and one project's runs at a time. Ends early once it is no longer wanted.
    """
    spans: dict[str, Sequence[Span]] = {}
    found: dict[str, SourceUse] = {}
    for known in projects:
        if not is_wanted():
            break
        project = known.project
        source = config.source_of(ledger.name, project)
        if source is None or project.state != "published":
            continue
        key = source.key(project.project_id)
        if key not in spans:
            spans[key] = _unbroken(ledger.sources.spans(key, now_ms - WINDOW_MS), source)
        use = _use(ledger, source, spans[key], project.project_id, now_ms)
        oldest_ms = now_ms - round(config.collect.max_age_seconds * 1000)
        if use is not None and use.until_ms >= oldest_ms:
            found[project.project_id] = use
    return found


def _unbroken(spans: Sequence[Span], source: Source) -> Sequence[Span]:
    """The last spans between which the source was never unwatched for long."""
    longest_ms = longest_gap_ms(source.every_seconds)
    first = len(spans) - 1
    while first > 0 and spans[first].first_began_ms - spans[first - 1].last_finished_ms <= longest_ms:
        first -= 1
    return spans[max(first, 0) :]


def _use(
    ledger: WorkspaceLedger, source: Source, spans: Sequence[Span], project_id: str, now_ms: int
) -> SourceUse | None:
    if not spans:
        return None
    since_ms = max(spans[0].first_began_ms, now_ms - WINDOW_MS)
    until_ms = min(spans[-1].last_finished_ms, now_ms)
    if until_ms - since_ms < _SHORTEST_MS:
        return None
    compared = count_repeats(
        ledger.runs_between(since_ms, until_ms, project_id),
        spans,
        since_ms=since_ms,
        until_ms=until_ms,
        longest_gap_ms=longest_gap_ms(source.every_seconds),
    ).get(SCHEDULED)
    return SourceUse(
        name=source.name,
        since_ms=since_ms,
        until_ms=until_ms,
        changes=len(spans) - 1,
        checked_runs=compared.checked if compared else 0,
        unchanged_runs=compared.unchanged if compared else 0,
    )
