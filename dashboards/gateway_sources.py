"""Run gateway: the sources behind the projects, and what runs repeated an unchanged one."""

from typing import Any

from dashboards.panel_parts import (
    BAD,
    COUNT,
    GOOD,
    NOTE,
    PLAIN,
    TO_PROJECT_OF_SERIES,
    WARN,
    Column,
    Query,
    about,
    link,
    tinted,
)
from dashboards.panels import bars, figure, table
from dashboards.promql import age, bucket_increase, gauge, increase, none_without, or_none, titled

NO_SOURCE = "No source"

CHECKED, UNCHANGED = gauge("hex_source_checked_runs_7d"), gauge("hex_source_unchanged_runs_7d")


def sources() -> Any:
    """A row for each source: whether its last probe succeeded, and for how many projects its state is known."""
    projects, known, unknown = (
        f"max by (workspace, source) ({gauge('hex_source_projects', *matchers)})"
        for matchers in ((), (matcher("state", "known"),), (matcher("state", "unknown"),))
    )
    states = {"0": ("Fails", BAD), "1": ("Works", GOOD)}
    options = {
        value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(states.items())
    }
    return table(
        14,
        "Sources",
        about(
            "Each configured source: whether its last probe succeeded, for how many projects the state is known, and "
            "the age of the last success (for a source per project: of the oldest).",
            normal="every source works, and its age is below its interval.",
            act="Fails: every request for its projects starts a run. The log of the exporter has the reason.",
        ),
        projects,
        [
            Column("Source", label="source", properties={"custom.minWidth": 110}),
            Column(
                "Last probe",
                expr=gauge("hex_source_success"),
                width=100,
                properties={
                    "mappings": [{"type": "value", "options": options}],
                    "custom.cellOptions": {"type": "color-text"},
                },
            ),
            Column("Projects known", expr=known, width=125),
            Column(
                "Unknown",
                expr=unknown,
                width=115,
                properties=tinted((PLAIN, None), (WARN, 1)),
            ),
            Column("Last success, ago", expr=age("hex_source_last_success_timestamp_seconds"), unit="s", width=110),
        ],
        empty=NO_SOURCE,
        sort_by="Unknown",
    )


def triggers() -> Any:
    """What triggers led to, what schedules would have run meanwhile, and how old a change was when its run ended."""
    outcomes = f"sum by (outcome) ({increase('hex_triggers_total', window='24h')})"
    lag = f"sum by (le) ({bucket_increase('hex_trigger_lag_seconds', window='24h')})"
    return figure(
        18,
        "Triggers, 24 h",
        about(
            "What the triggers led to: `started` a run for a change, `hit` and `joined` another run had read it, "
            "`dry_run` a run would have started, and what failed or is refused. Then the runs that the projects' "
            "schedules would have started beyond these; and from when a change was seen to the end of its run, for 95 "
            "of 100.",
            normal="one start for each load of the data; what schedules would have run beyond it is what is saved.",
            act="`failed` or `stopped`: see HexTriggerFailing and HexTriggerStopped. Only `dry_run`: write "
            "`dry_run: false` and switch the schedules off.",
        ),
        [
            Query(or_none(outcomes, none_without("gateway"), "outcome"), "{{outcome}}"),
            Query(f"sum({increase('hex_trigger_replaced_runs_total', window='24h')})", "schedules would have run"),
            Query(f"histogram_quantile(0.95, {lag})", "change to result, p95", {"unit": "s"}),
        ],
        unit=COUNT,
        empty="No trigger was due in 24 hours",
        named=True,
    )


def repeated() -> Any:
    """Runs that were not needed: their source was unchanged, or no one viewed their result."""
    return figure(
        15,
        "Not needed, 7 days",
        about(
            "Of the runs of 7 days whose source state is known, the part that repeated unchanged data, whoever started "
            "them: hits are not among them, they start no run. And scheduled and refresh runs whose result no one had "
            "viewed before the next one: an estimate that needs neither a gateway nor a source.",
            normal="low where runs go through the gateway; the rest is what it would save.",
            act="See below which projects these are; **Schedules** shows what no one views.",
        ),
        [
            Query(f"{UNCHANGED} / ({CHECKED} > 0)", "repeated unchanged data", {"unit": "percentunit"}),
            Query(gauge("hex_unviewed_runs_7d"), "unviewed runs"),
        ],
        unit=COUNT,
        empty="Not known",
        named=True,
        stacked=True,
        links=[link("Which schedules are these?", "hex-schedules")],
    )


def would_save() -> Any:
    """The projects whose runs repeated unchanged data, or were not viewed, most often."""
    reasons = (
        ("hex_project_source_unchanged_runs_7d", "data unchanged"),
        ("hex_project_unviewed_runs_7d", "unviewed"),
    )
    needless = " or ".join(
        f'label_replace({titled(f"({gauge(metric)} > 0)")}, "why", "{why}", "", "")' for metric, why in reasons
    )
    return bars(
        17,
        "Not needed by project, 7 days",
        about(
            "Runs of 7 days that repeated unchanged data, which a gateway would have saved, and those whose result no "
            "one had viewed before the next one: by project, the twelve largest.",
            normal="short bars.",
            act="Unchanged data: send these run requests through the gateway. Unviewed: a rarer schedule loses "
            "nothing. Click a bar for its project.",
        ),
        [Query(f"sort_desc(topk(12, {needless}))", "{{title}}, {{why}}")],
        unit=COUNT,
        empty="No run since the first contact was known not to be needed",
        steps=((NOTE, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def matcher(label: str, value: str) -> str:
    """A label matcher for equality."""
    return f'{label}="{value}"'
